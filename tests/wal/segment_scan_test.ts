/**
 * Proves what is read of a segment that is whole, cut off, followed by zeros or stale bytes, or not
 * ours to read: every frame that counts, and never an end taken for damage.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { SEGMENT_HEADER_LENGTH } from "../../src/wal/format.ts";
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
    const kind = SAMPLE.offsets.includes(length) ? "clean" : "torn";
    const cut = SAMPLE.bytes.subarray(0, length);
    assertPrefix(await readBytes(cut), count, kind, `cut at ${length}`);
    const zeros = joined([cut, new Uint8Array(100)]);
    assertPrefix(await readBytes(zeros), count, kind, `zeros from ${length}`);
  }
});

Deno.test("scanSegment takes stale frames behind the end for none of its own", async () => {
  const count = BODIES.length;
  const stale = [
    makeFrame(Uint8Array.of(2, 1), 0, SALT + 1, FIRST + count),
    makeFrame(Uint8Array.of(2, 1), 0, SALT, FIRST + count + 2 ** 32),
    SAMPLE.bytes.subarray(SAMPLE.offsets[0], SAMPLE.offsets[1]),
    SAMPLE.bytes.subarray(SAMPLE.offsets[6], SAMPLE.offsets[7]),
    sampleOfBodies(BATCHES, { firstLsn: FIRST, salt: SALT + 1 }).bytes,
  ];
  for (const [index, bytes] of stale.entries()) {
    const reading = await readBytes(joined([SAMPLE.bytes, bytes]));
    assertPrefix(reading, count, "torn", `stale bytes ${index}`);
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
