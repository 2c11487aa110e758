/**
 * Proves that no bytes make reading or recovery crash, hang or take memory by what they claim:
 * random changes of the fixtures, and bytes made to be as bad as possible.
 */

import { assert, assertEquals } from "@std/assert";
import { LogVersionError } from "../../../src/wal/errors.ts";
import type { PgdogRecovery } from "../../../src/wal/pgdog/replay.ts";
import { findWholeFrame } from "../../../src/wal/pgdog/search.ts";
import { readPgdogSegment } from "../../../src/wal/pgdog/segment.ts";
import type { SeededRandom } from "../../simulation/seeded_random.ts";
import { seededTest } from "../../simulation/seeds.ts";
import { FIXTURES } from "./fixtures.ts";
import { begin, bigEndian, frame, join, log, map, named, segment, text, uint } from "./frames.ts";
import { recover } from "./recover.ts";

type Files = Map<string, Uint8Array<ArrayBuffer>>;
type Change = (bytes: Uint8Array<ArrayBuffer>, random: SeededRandom) => Uint8Array<ArrayBuffer>;

function part(bytes: Uint8Array, random: SeededRandom): readonly [number, number] {
  const start = random.below(bytes.length + 1);
  return [start, start + random.below(Math.min(64, bytes.length - start) + 1)];
}

const CHANGES: readonly Change[] = [
  // One bit, one byte.
  (bytes, random) => {
    const at = random.below(bytes.length);
    return bytes.with(at, (bytes[at] ?? 0) ^ 1 << random.below(8));
  },
  (bytes, random) => bytes.with(random.below(bytes.length), random.below(256)),
  // A part cut off, taken out, put in twice, zeroed, made random.
  (bytes, random) => bytes.slice(0, random.below(bytes.length)),
  (bytes, random) => {
    const [start, end] = part(bytes, random);
    return join(bytes.subarray(0, start), bytes.subarray(end));
  },
  (bytes, random) => {
    const [start, end] = part(bytes, random);
    return join(bytes.subarray(0, end), bytes.subarray(start));
  },
  (bytes, random) => bytes.slice().fill(0, ...part(bytes, random)),
  (bytes, random) => {
    const [start, end] = part(bytes, random);
    const changed = bytes.slice();
    random.fill(changed.subarray(start, end));
    return changed;
  },
  // More at the end.
  (bytes, random) => join(bytes, new Uint8Array(random.below(600))),
  (bytes, random) => {
    const more = new Uint8Array(random.below(100));
    random.fill(more);
    return join(bytes, more);
  },
  // A payload changed under a checksum that is right.
  (bytes, random) => {
    const body = bytes.slice(9, 9 + random.below(200));
    for (let index = 0; index < 3 && body.length > 0; index++) {
      body[random.below(body.length)] = random.below(256);
    }
    return join(bytes, frame(random.below(6), body));
  },
];

function change(files: Files, random: SeededRandom): void {
  const name = random.pick([...files.keys()]);
  const bytes = files.get(name) ?? new Uint8Array();
  const kind = random.below(20);
  if (kind === 0) files.delete(name);
  else if (kind === 1) files.set(`${name}.broken`, bytes);
  else if (kind === 2) files.set(named(random.below(20)), bytes);
  else if (bytes.length > 0) files.set(name, random.pick(CHANGES)(bytes, random));
}

/** The outcome, or the error if it is one of those that are announced. */
async function attempt(files: Files): Promise<PgdogRecovery | string> {
  try {
    return await recover(files);
  } catch (error) {
    if (error instanceof LogVersionError) return error.message;
    throw error;
  }
}

/** The beginning of a frame of that length, whose checksum is that of no bytes that follow. */
function torn(length: number): Uint8Array<ArrayBuffer> {
  return join(frame(1, [0x80], length).subarray(0, 4), [1, 2, 3, 4, 1]);
}

const small = FIXTURES.filter(({ name }) => name !== "07a-wide-values");

seededTest("pgdog's recovery: no change of a log breaks it", 4000, async (random) => {
  const files: Files = new Map(random.pick(small).files);
  for (let changes = random.below(4); changes >= 0 && files.size > 0; changes--) {
    change(files, random);
  }
  const before = structuredClone(files);
  const outcome = await attempt(files);
  assertEquals(await attempt(files), outcome);
  assertEquals(files, before);
  if (typeof outcome === "string") return;
  const { restored, leftAlone, damage, nextLsn } = outcome;
  assert(damage.length > 0 || leftAlone.length === 0);
  assert(restored.every(({ decided, action }) => decided === (action === "commit")));
  assert(damage.length === 0 || restored.every(({ decided }) => decided));
  const all = [...restored, ...leftAlone].map(({ txn }) => txn);
  assertEquals(new Set(all).size, all.length);
  for (const name of files.keys()) assert(nextLsn > Number(/^\d+(?=\.wal)/.exec(name)?.[0] ?? -1));
});

seededTest("pgdog's segments: no random bytes break the reader", 2000, (random) => {
  const bytes = new Uint8Array(random.below(2000));
  random.fill(bytes);
  if (random.chance(0.9)) bytes.set(segment().subarray(0, bytes.length));
  const { end, lastGoodOffset } = readPgdogSegment(bytes, 0, () => {});
  assert(end.offset <= bytes.length);
  assert(lastGoodOffset === null || lastGoodOffset === end.offset);
});

Deno.test("pgdog's segments: sizes that a payload claims take no memory", () => {
  const huge = bigEndian(2 ** 32 - 1, 4);
  const claims = [[0xdd, ...huge], [0xdf, ...huge], [0xdb, ...huge], [0xc6, ...huge], [
    0xc9,
    ...huge,
  ]];
  for (const claim of claims) {
    const payloads = [
      join(claim),
      map([["active", join(claim)]]),
      map([["active", join([0x91], claim)]]),
      map([["txn", join(claim)]]),
      map([["x", join(claim)], ["txn", uint(1)]]),
      map([["txn", uint(1)], ["user", join(claim)], ["database", text("")]]),
    ];
    for (const payload of payloads) {
      for (const tag of [1, 2, 3, 4]) {
        const { end } = readPgdogSegment(segment(begin(1), frame(tag, payload)), 0, () => {});
        assertEquals(end.kind, "decode");
      }
    }
  }
  // As many elements as claimed, and none of them an entry: nothing is kept of them.
  const nils = map([["active", join([0xdd, 0, 0x10, 0, 0], new Uint8Array(0x10_0000).fill(0xc0))]]);
  assertEquals(readPgdogSegment(segment(frame(4, nils)), 0, () => {}).end.kind, "decode");
  for (const length of [2 ** 24, 2 ** 31, 2 ** 32 - 1]) {
    const { end } = readPgdogSegment(segment(frame(1, [0x80], length)), 0, () => {});
    assertEquals(end, { kind: "torn_tail", offset: 16, unconsumed: 10 });
  }
});

Deno.test("pgdog's recovery: bytes that all look like long frames are searched in bounded time", async () => {
  const size = 2 ** 20;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  // Every 40 bytes a Begin that would run to the end, whole but for its checksum.
  const body = begin(1).subarray(8);
  for (let offset = 0; offset + 40 <= size; offset += 40) {
    view.setUint32(offset, size - offset - 8, true);
    bytes.set(body, offset + 8);
  }
  assertEquals(findWholeFrame(bytes, 0), { kind: "given_up" });
  const files = log({ 0: segment(begin(7), torn(2 * size), bytes) });
  const { damage, leftAlone } = await recover(files);
  assertEquals(leftAlone.map(({ txn }) => txn), [7n]);
  assert(damage[0]?.reason.includes("too much there looks like records"));
});

seededTest(
  "pgdog's recovery: a torn record of random bytes is a torn record",
  3,
  async (random) => {
    const bytes = new Uint8Array(200_000);
    random.fill(bytes);
    const files = log({ 0: segment(begin(7), torn(300_000), bytes) });
    const { damage, restored } = await recover(files);
    assertEquals([damage, restored.map(({ action }) => action)], [[], ["rollback"]]);
  },
);

seededTest("pgdog's recovery: bytes that only begin like frames are no frames", 3, (random) => {
  const bytes = new Uint8Array(2 ** 20);
  const view = new DataView(bytes.buffer);
  for (let offset = 0; offset + 10 <= bytes.length; offset += 10) {
    view.setUint32(offset, bytes.length - offset - 8, true);
    bytes.set([random.below(256), 1 + random.below(255), 0x80 + random.below(32)], offset + 7);
  }
  assertEquals(findWholeFrame(bytes, 0), null);
  assertEquals(findWholeFrame(join(bytes, frame(9, map([["x", uint(1)]]))), 0), {
    kind: "frame",
    offset: bytes.length,
  });
});
