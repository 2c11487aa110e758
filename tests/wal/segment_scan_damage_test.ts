/**
 * Proves what is read of a segment whose bytes are damaged: never a record that was not written
 * there, and never a lost one that was promised to be synced without a word.
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { SEGMENT_HEADER_LENGTH } from "../../src/wal/format.ts";
import type { Damage } from "../../src/wal/segment_scan.ts";
import { joined, sampleOfBodies, withFlippedBit } from "./sample_segment.ts";
import {
  assertPrefix,
  BATCHES,
  BODIES,
  FIRST,
  readBytes,
  SAMPLE,
  UNPROMISED,
  visitsOf,
} from "./scanned_sample.ts";

Deno.test("scanSegment reports every turned bit that a later frame has promised, and only those", async () => {
  for (let bit = 8 * SEGMENT_HEADER_LENGTH; bit < 8 * SAMPLE.bytes.length; bit++) {
    const index = SAMPLE.offsets.findLastIndex((offset) => offset <= bit / 8);
    const offset = SAMPLE.offsets[index] ?? 0;
    const reading = await readBytes(withFlippedBit(SAMPLE.bytes, bit));
    if (index >= UNPROMISED) {
      // A last frame without its salt is not told from space that was not used.
      const isUnmarked = index === BODIES.length - 1 && bit < 8 * (offset + 4);
      assertPrefix(reading, index, isUnmarked ? "clean" : "torn", `bit ${bit}`);
      continue;
    }
    const [damage, ...others] = reading.damages;
    const { lsn, nextLsn, flippedBit } = damage as Damage;
    assertEquals([damage?.offset, lsn, nextLsn], [offset, FIRST + index, FIRST + index + 1]);
    assertEquals(flippedBit, { byte: Math.floor(bit / 8) - offset, bit: bit % 8 });
    assertEquals(others, []);
    assertEquals(reading.visits, visitsOf(SAMPLE, BODIES, (one) => one !== index), `bit ${bit}`);
    assertEquals(reading.end.kind, "clean");
  }
});

Deno.test("scanSegment mends a header with a turned bit, says so, and reads on", async () => {
  for (let bit = 0; bit < 8 * SEGMENT_HEADER_LENGTH; bit++) {
    const { visits, damages, end } = await readBytes(withFlippedBit(SAMPLE.bytes, bit));
    assertEquals(visits, visitsOf(SAMPLE, BODIES), `bit ${bit}`);
    assertEquals(end.kind, "clean");
    const [damage] = damages;
    assertEquals([damages.length, damage?.offset, damage?.lsn], [1, 0, FIRST]);
    assertEquals(damage?.flippedBit, { byte: Math.floor(bit / 8), bit: bit % 8 });
  }
});

Deno.test("scanSegment counts the records that damage has taken", async () => {
  const bytes = SAMPLE.bytes.slice();
  bytes.fill(0, (SAMPLE.offsets[1] ?? 0) + 3, (SAMPLE.offsets[3] ?? 0) + 1);
  const { visits, damages, end } = await readBytes(bytes);
  assertEquals(visits, visitsOf(SAMPLE, BODIES, (index) => index < 1 || index > 3));
  const [{ offset, lsn, nextLsn, flippedBit } = {} as Damage, ...others] = damages;
  assertEquals([offset, lsn, nextLsn, flippedBit], [SAMPLE.offsets[1], FIRST + 1, FIRST + 4, null]);
  assertEquals([others, end.kind], [[], "clean"]);
});

Deno.test("scanSegment reports every damaged place", async () => {
  const inFrame = (index: number) => 8 * ((SAMPLE.offsets[index] ?? 0) + 12);
  const bytes = withFlippedBit(withFlippedBit(SAMPLE.bytes, inFrame(0)), inFrame(3));
  const { visits, damages } = await readBytes(bytes);
  assertEquals(visits, visitsOf(SAMPLE, BODIES, (index) => index !== 0 && index !== 3));
  assertEquals(damages.map(({ lsn }) => lsn), [FIRST, FIRST + 3]);
});

Deno.test("scanSegment reports damage and a torn end behind it", async () => {
  const bytes = withFlippedBit(SAMPLE.bytes, 8 * ((SAMPLE.offsets[2] ?? 0) + 13));
  const { visits, damages, end } = await readBytes(bytes.subarray(0, -2));
  assertEquals(damages.map(({ lsn }) => lsn), [FIRST + 2]);
  assertEquals(visits, visitsOf(SAMPLE, BODIES, (index) => index !== 2 && index < 7));
  assertEquals([end.kind, end.nextLsn], ["torn", FIRST + 7]);
});

Deno.test("scanSegment does not read a segment whose header is beyond mending", async () => {
  const texts: [string, Uint8Array][] = [
    ["empty", new Uint8Array()],
    ["short", SAMPLE.bytes.subarray(0, SEGMENT_HEADER_LENGTH - 1)],
    ["zero", new Uint8Array(500)],
    ["another file", new TextEncoder().encode("# a text that somebody put here\n")],
    ["renamed", sampleOfBodies(BATCHES, { firstLsn: FIRST + 1 }).bytes],
  ];
  for (const [text, bytes] of texts) {
    const { visits, damages, end } = await readBytes(bytes);
    assertEquals([visits, end.kind, end.nextLsn], [[], "unreadable", FIRST], text);
    assertEquals(damages.map(({ offset }) => offset), [0], text);
  }
});

/** Overwrites, cuts or lengthens. */
const damages = fc.oneof(
  fc.record({ kind: fc.constant("overwrite"), at: fc.nat(400), bytes: fc.uint8Array() }),
  fc.record({ kind: fc.constant("cut"), at: fc.nat(400), bytes: fc.constant(new Uint8Array()) }),
  fc.record({ kind: fc.constant("append"), at: fc.constant(0), bytes: fc.uint8Array() }),
);

Deno.test("scanSegment reads nothing that was not written, whatever became of the bytes", async () => {
  const written = new Set(visitsOf(SAMPLE, BODIES).map((visit) => JSON.stringify(visit)));
  const cases = fc.sample(fc.array(damages, { minLength: 1, maxLength: 3 }), {
    numRuns: 300,
    seed: 1,
  });
  for (const some of cases) {
    let bytes = SAMPLE.bytes.slice();
    for (const { kind, at, bytes: piece } of some) {
      if (kind === "cut") bytes = bytes.slice(0, Math.max(1, at % bytes.length));
      else if (kind === "append") bytes = joined([bytes, piece]);
      else bytes.set(piece.subarray(0, bytes.length - at % bytes.length), at % bytes.length);
    }
    const { visits, damages, end } = await readBytes(bytes);
    for (const visit of visits) assert(written.has(JSON.stringify(visit)));
    const lsns = visits.map(({ lsn }) => lsn);
    assertEquals(lsns, lsns.toSorted((one, other) => one - other));
    if (damages.length === 0) assertEquals(end.nextLsn, FIRST + visits.length);
  }
});
