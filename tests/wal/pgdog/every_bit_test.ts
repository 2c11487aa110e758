/**
 * Proves that no single flipped bit and no cut makes recovery take a decision back or invent
 * anything: every bit of some logs is flipped in turn, and every log is cut at every byte.
 */

import { assert, assertEquals } from "@std/assert";
import { fixture } from "./fixtures.ts";
import { begin, checkpoint, committing, end, log, named, segment } from "./frames.ts";
import { recover } from "./recover.ts";

type Files = Map<string, Uint8Array<ArrayBuffer>>;

/** Logs with decisions in many places, also as the very last record. */
const LOGS: Readonly<Record<string, Files>> = {
  "one segment": log({ 0: segment(begin(1), begin(2), committing(2), begin(3), committing(3)) }),
  "a record of 32 bytes, whose length one bit makes 0": log({
    0: segment(begin(300), committing(300), begin(301)),
  }),
  "three segments": log({
    0: segment(begin(1), begin(2), committing(1)),
    3: segment(committing(2), begin(4), end(1)),
    6: segment(begin(5), committing(5)),
  }),
  "a checkpoint": log({
    0: segment(begin(1), begin(2), committing(1)),
    3: segment(checkpoint({ txn: 1, decided: true }, { txn: 2, decided: false }), committing(2)),
  }),
  "a new segment": log({ 0: segment(begin(1), committing(1)), 2: segment() }),
  "pgdog's own": new Map(fixture("03-inflight-decided").files),
};

/** Everything that a log ever said, whole. */
async function said(
  files: Files,
): Promise<{ decided: Set<bigint>; known: Set<bigint> }> {
  const decided = new Set<bigint>();
  const known = new Set<bigint>();
  const { restored, damage } = await recover(files);
  assertEquals(damage, []);
  for (const one of restored) {
    known.add(one.txn);
    if (one.decided) decided.add(one.txn);
  }
  return { decided, known };
}

Deno.test("D11: no flipped bit makes recovery roll back what was decided", async (t) => {
  for (const [name, files] of Object.entries(LOGS)) {
    await t.step(name, async () => {
      const { decided } = await said(files);
      assert(decided.size > 0);
      for (const [file, bytes] of files) {
        for (let bit = 0; bit < 8 * bytes.length; bit++) {
          const flipped = Uint8Array.from(bytes);
          const byte = bit >> 3;
          flipped[byte] = (flipped[byte] ?? 0) ^ 1 << (bit & 7);
          const outcome = await recover(new Map(files).set(file, flipped));
          const place = `bit ${bit} of ${file}`;
          for (const { txn, action } of outcome.restored) {
            if (decided.has(txn)) assertEquals(action, "commit", place);
          }
          // Only the reserved bytes of a header say nothing, and what a Checkpoint made
          // superfluous.
          const counts = (byte < 4 || byte >= 16) &&
            !(name === "a checkpoint" && file === named(0));
          assertEquals(outcome.damage.length > 0, counts, place);
        }
      }
    });
  }
});

Deno.test("pgdog's recovery: a log cut at any byte is the log before, or damaged", async (t) => {
  for (const [name, files] of Object.entries(LOGS)) {
    await t.step(name, async () => {
      const { known } = await said(files);
      const last = [...files.keys()].at(-1);
      for (const [file, bytes] of files) {
        for (let length = 0; length < bytes.length; length++) {
          const cut = new Map(files).set(file, bytes.slice(0, length));
          const { restored, damage } = await recover(cut);
          if (file === last) {
            assertEquals(damage, [], `${file} cut at ${length}`);
          } else if (name !== "a checkpoint") {
            assert(damage.length > 0, `${file} cut at ${length}`);
            assert(restored.every(({ action }) => action === "commit"));
          }
          // What was finished in the lost part is live again, so only the last record's are new.
          const finished = name === "three segments" ? [1n] : name === "pgdog's own" ? [302n] : [];
          for (const { txn } of restored) assert(known.has(txn) || finished.includes(txn));
        }
      }
    });
  }
});
