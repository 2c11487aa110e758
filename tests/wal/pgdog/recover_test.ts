/**
 * Proves what recovery of pgdog's logs leads to: for every fixture pgdog's own outcome where that
 * is safe and the safer one where it is not, the same on every start, with nothing changed on the
 * disk.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { denoFileSystem } from "../../../src/platform/deno_file_system.ts";
import { PGDOG_MAX_SEGMENT_LENGTH } from "../../../src/wal/pgdog/format.ts";
import { readPgdogFile, recoverPgdogLog } from "../../../src/wal/pgdog/recover.ts";
import type { PgdogRecovery } from "../../../src/wal/pgdog/replay.ts";
import { type Expected, FIXTURES, readFiles } from "./fixtures.ts";
import { begin, end, log, named, segment } from "./frames.ts";
import { startPgdog } from "./pgdog_model.ts";
import { ReadOnlyFiles } from "./read_only_files.ts";
import { recover } from "./recover.ts";

/** Where ours is neither pgdog's outcome nor the fixture's `saferOutcome`; see the tests below. */
const OURS_ALONE = ["11a-unknown-tag", "12-file-names"];

/** Who is left alone, in the cases with damage. */
const LEFT_ALONE: Readonly<Record<string, readonly bigint[]>> = {
  "05-torn-tail-older-segment": [502n, 503n],
  "06a-bitflip-payload": [],
  "06c-bitflip-tag": [],
  "06d-bitflip-length-up": [601n],
  "06f-bitflip-magic": [],
  "06g-bitflip-older-segment": [611n, 612n, 615n],
  "10-bad-checksum-at-tail": [1001n],
  "11d-missing-segment": [1131n, 1132n, 1133n],
  "11f-missing-field": [],
};

function outcomes({ restored }: Pick<PgdogRecovery, "restored">): Record<string, string> {
  return Object.fromEntries(restored.map(({ txn, action }) => [String(txn), action]));
}

/** What `expected.json` asks for: pgdog's outcome, or the safer one. */
function asked({ recovery, saferOutcome }: Expected): {
  corruption: boolean;
  restored: Record<string, string>;
} {
  const corruption = saferOutcome?.corruption ?? recovery.corruption;
  const restored = saferOutcome?.restored ??
    recovery.restored.filter(({ action }) => !corruption || action === "commit");
  return {
    corruption,
    restored: Object.fromEntries(restored.map(({ txn, action }) => [txn, action])),
  };
}

Deno.test("pgdog's recovery: every fixture has the outcome that is asked for", async (t) => {
  for (const { name, files, expected } of FIXTURES) {
    if (OURS_ALONE.includes(name)) continue;
    await t.step(name, async () => {
      const recovery = await recover(files);
      const { corruption, restored } = asked(expected);
      assertEquals(outcomes(recovery), restored);
      assertEquals(recovery.damage.length, corruption ? 1 : 0);
      assertEquals(recovery.leftAlone.map(({ txn }) => txn), LEFT_ALONE[name] ?? []);
      for (const { txn, user, database } of expected.recovery.restored) {
        const mine = [...recovery.restored, ...recovery.leftAlone]
          .find((one) => String(one.txn) === txn);
        assertEquals([mine?.user, mine?.database], [user, database]);
      }
      for (const { txn, decided, action } of recovery.restored) {
        assertEquals(decided, action === "commit", `transaction ${txn}`);
      }
    });
  }
});

Deno.test("pgdog's recovery: it is the same on every start and changes nothing", async (t) => {
  for (const { name, directory, files, expected } of FIXTURES) {
    if (name === "11a-unknown-tag") continue;
    await t.step(name, async () => {
      const first = await recover(files);
      assertEquals(await recoverPgdogLog(denoFileSystem, directory), first);
      assertEquals(await recoverPgdogLog(denoFileSystem, directory), first);
      const after = readFiles(directory);
      after.delete("expected.json");
      assertEquals(after, new Map(files));
      assertEquals(after.size, expected.segments.length);
    });
  }
});

Deno.test("pgdog's recovery: the model of pgdog does what is recorded of pgdog, start after start", async (t) => {
  for (const { name, files, expected } of FIXTURES) {
    await t.step(name, () => {
      const directory = new Map(files);
      const starts = [expected.recovery, ...expected.laterStarts ?? []];
      for (const start of starts) assertEquals(startPgdog(directory), start);
    });
  }
});

Deno.test("pgdog's recovery: a directory without segments says nothing", async () => {
  const nothing = { restored: [], leftAlone: [], damage: [], nextLsn: 0 };
  assertEquals(await recover(new Map()), nothing);
  assertEquals(await recover(new Map([[".lock", new Uint8Array(3)]])), nothing);
});

Deno.test("pgdog's recovery: numbers beyond the safe integers are refused", async () => {
  const largest = Number.MAX_SAFE_INTEGER;
  const refused = (firstLsn: number, bytes: Uint8Array<ArrayBuffer>, text: string) =>
    assertRejects(() => recover(log({ [firstLsn]: bytes })), RangeError, text);
  assertEquals((await recover(log({ [largest - 1]: segment() }))).nextLsn, largest);
  await refused(largest, segment(), "its next record would have a number above 9007199254740991");
  await refused(largest - 1, segment(begin(1), end(1)), "its records are numbered from");
});

Deno.test("pgdog's recovery: a file that is too large is refused before there is room for it", async () => {
  const size = PGDOG_MAX_SEGMENT_LENGTH + 1;
  const large = new ReadOnlyFiles(log({ 0: segment() }), { claimedSize: size });
  await assertRejects(
    () => recoverPgdogLog(large.fileSystem, "log"),
    RangeError,
    `Cannot read log/${named(0)}: it has ${size} bytes, a segment of pgdog has at most`,
  );
  assertEquals(large.handles, 0);
});

Deno.test("pgdog's recovery: a file that shrinks while it is read is read as it is then", async () => {
  const bytes = segment(begin(1));
  const { fileSystem } = new ReadOnlyFiles(log({ 0: bytes }), { claimedSize: bytes.length + 9 });
  assertEquals(await readPgdogFile(fileSystem, `log/${named(0)}`), bytes);
});
