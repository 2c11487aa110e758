/**
 * Proves what is read of a segment that is whole, cut off, followed by zeros or stale bytes, or not
 * ours to read: every frame that counts, and never an end taken for damage.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { SEGMENT_HEADER_LENGTH } from "../../src/wal/format.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { DiskError } from "../simulation/disk_calls.ts";
import {
  DIRECTORY,
  diskWithSegment,
  headerByHand,
  joined,
  SALT,
  sampleOfBodies,
  withFlippedBit,
} from "./sample_segment.ts";
import { makeFrame } from "./scan_oracle.ts";
import {
  assertPrefix,
  BATCHES,
  BODIES,
  FIRST,
  read,
  readBytes,
  SAMPLE,
  UNPROMISED,
  visitsOf,
} from "./scanned_sample.ts";

Deno.test("scanSegment reads every frame of a whole segment", async () => {
  const reading = await readBytes(SAMPLE.bytes);
  assertPrefix(reading, BODIES.length, "clean", "");
  const { file, firstLsn, length } = reading;
  assertEquals([file, firstLsn, length], [
    "00000000000000000040.wal",
    FIRST,
    SAMPLE.bytes.length,
  ]);
});

Deno.test("scanSegment reads a segment with no frame", async () => {
  const reading = await readBytes(SAMPLE.bytes.subarray(0, SEGMENT_HEADER_LENGTH));
  assertPrefix(reading, 0, "clean", "");
});

Deno.test("scanSegment ends at the last whole frame, wherever the file is cut", async () => {
  for (let length = SEGMENT_HEADER_LENGTH; length <= SAMPLE.bytes.length; length++) {
    const count = SAMPLE.offsets.findLastIndex((offset) => offset <= length);
    const left = length - SAMPLE.offsets[count]!;
    const cut = SAMPLE.bytes.subarray(0, length);
    const kind = left === 0 ? "clean" : "torn";
    assertPrefix(await readBytes(cut), count, kind, `cut at ${length}`);
    // Less than the salt is no beginning of a frame where more could follow.
    const kindWithin = left < 4 ? "clean" : "torn";
    for (const [rest, byte] of [[100, 0], [1, 0], [100, 77], [5000, 77]] as const) {
      const within = joined([cut, new Uint8Array(rest).fill(byte)]);
      const what = `${rest} times ${byte} from ${length}`;
      assertPrefix(await readBytes(within), count, kindWithin, what);
    }
  }
});

Deno.test("scanSegment takes the frames of another use of the file for unused space", async () => {
  const count = BODIES.length;
  const other = sampleOfBodies(BATCHES, { firstLsn: FIRST + count, salt: SALT + 1 }).bytes;
  const salt = new Uint8Array(Uint32Array.of(SALT).buffer);
  const stale = [
    makeFrame(Uint8Array.of(2, 1), 0, SALT + 1, FIRST + count),
    other,
    other.subarray(SEGMENT_HEADER_LENGTH),
    other.subarray(100),
    // Where the salt stands by chance.
    joined([other, salt, other]),
    joined([other, salt.subarray(0, 3)]),
  ];
  for (const [index, bytes] of stale.entries()) {
    const reading = await readBytes(joined([SAMPLE.bytes, bytes]));
    assertPrefix(reading, count, "clean", `stale bytes ${index}`);
  }
});

Deno.test("scanSegment finds no promise among ever so many frames of another use of the file", async () => {
  // Each of these 80,000 would be valid for some LSN that fits with a chance of one in 10,000, but for its salt.
  const random = new SeededRandom(1);
  const parts: Uint8Array[] = [];
  for (let lsn = 0; lsn < 80_000; lsn++) {
    parts.push(
      makeFrame(
        Uint8Array.of(random.below(256), random.below(256), random.below(256)),
        0,
        SALT + 1,
        lsn,
      ),
    );
  }
  const stale = joined(parts);
  const cut = SAMPLE.bytes.subarray(0, -1);
  for (const [sample, count, kind] of [[SAMPLE.bytes, 0, "clean"], [cut, 1, "torn"]] as const) {
    const reading = await readBytes(joined([sample, stale]));
    assertPrefix(reading, BODIES.length - count, kind, kind);
  }
});

Deno.test("scanSegment takes frames of its own in a wrong place for a torn end", async () => {
  const count = BODIES.length;
  const displaced = [
    makeFrame(Uint8Array.of(2, 1), 0, SALT, FIRST + count + 2 ** 32),
    SAMPLE.bytes.subarray(SAMPLE.offsets[0], SAMPLE.offsets[1]),
    SAMPLE.bytes.subarray(SAMPLE.offsets[6], SAMPLE.offsets[7]),
  ];
  for (const [index, bytes] of displaced.entries()) {
    const reading = await readBytes(joined([SAMPLE.bytes, bytes]));
    assertPrefix(reading, count, "torn", `displaced frame ${index}`);
  }
});

Deno.test("scanSegment ends before a last batch whose blocks came out of order", async () => {
  const bytes = SAMPLE.bytes.slice();
  bytes.fill(0, SAMPLE.offsets[UNPROMISED], SAMPLE.offsets[UNPROMISED + 1]);
  assertPrefix(await readBytes(bytes), UNPROMISED, "torn", "");
});

Deno.test("scanSegment leaves newer versions and pgdog's segments alone", async () => {
  const pgdog = await readBytes(new TextEncoder().encode("PG2W then something else"));
  assertEquals([pgdog.end.kind, pgdog.visits, pgdog.damages], ["pgdog", [], []]);
  const header = headerByHand({ version: 2, salt: SALT, firstLsn: FIRST });
  const newer = await readBytes(joined([header, SAMPLE.bytes.subarray(SEGMENT_HEADER_LENGTH)]));
  assertEquals([newer.end.kind, newer.visits, newer.damages], ["newer-version", [], []]);
  assertEquals(newer.end.detail, "format version 2");
});

Deno.test("scanSegment reads more frames than its table holds", async () => {
  const bodies = Array.from({ length: 9000 }, (_, index) => Uint8Array.of(2, index % 256));
  const sample = sampleOfBodies(bodies.map((body) => [body]), { firstLsn: FIRST });
  assertEquals((await readBytes(sample.bytes)).visits, visitsOf(sample, bodies));
  const damaged = withFlippedBit(sample.bytes, 8 * ((sample.offsets[5000] ?? 0) + 5));
  const { visits, damages } = await readBytes(damaged);
  assertEquals(visits, visitsOf(sample, bodies, (index) => index !== 5000));
  assertEquals(damages.map(({ lsn }) => lsn), [FIRST + 5000]);
});

Deno.test("scanSegment never takes what cannot be read for an end", async () => {
  for (const kind of ["open", "size", "read"] as const) {
    const disk = diskWithSegment(SAMPLE.bytes, FIRST);
    disk.fail({ kind });
    await assertRejects(() => read(disk), DiskError);
    assertEquals(disk.openFiles, []);
  }
});

Deno.test("scanSegment goes on where reads are short", async () => {
  const disk = diskWithSegment(SAMPLE.bytes, FIRST);
  disk.fail({ kind: "read", effect: "short", times: Infinity });
  assertPrefix(await read(disk), BODIES.length, "clean", "");
});

Deno.test("scanSegment refuses a file larger than any segment before it takes memory for it", async () => {
  const disk = diskWithSegment(SAMPLE.bytes, FIRST);
  const file = await disk.open(`${DIRECTORY}/00000000000000000040.wal`, "read");
  file.size = () => Promise.resolve(2 ** 30 + 1);
  disk.open = () => Promise.resolve(file);
  await assertRejects(() => read(disk), RangeError, "1073741824");
  assertEquals(disk.openFiles, []);
});
