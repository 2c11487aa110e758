/**
 * Proves the bytes of a segment's header: what is written is what the format says, byte for byte,
 * and nothing else is accepted.
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  FRAME_HEADER_LENGTH,
  MAX_BODY_LENGTH,
  SEGMENT_HEADER_LENGTH,
} from "../../src/wal/format.ts";
import { checkProperty } from "../simulation/seeds.ts";
import { headerByHand, withFlippedBit } from "./sample_segment.ts";

const salts = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const lsns = fc.maxSafeNat();

function kindOf(bytes: Uint8Array, firstLsn: number): string {
  const header = decodeSegmentHeader(bytes, firstLsn);
  return "kind" in header ? header.kind : "accepted";
}

Deno.test("encodeSegmentHeader writes the bytes that the format documents", () => {
  checkProperty(fc.property(salts, lsns, (salt, firstLsn) => {
    assertEquals(encodeSegmentHeader(salt, firstLsn), headerByHand({ salt, firstLsn }));
  }));
});

Deno.test("encodeSegmentHeader writes these bytes for ever", () => {
  const bytes = encodeSegmentHeader(0x01020304, 256);
  assertEquals(bytes.toHex(), "4944425401000000040302012a2da090");
});

Deno.test("decodeSegmentHeader reads what encodeSegmentHeader wrote, also inside a larger buffer", () => {
  checkProperty(fc.property(salts, lsns, fc.nat(20), (salt, firstLsn, before) => {
    const buffer = new Uint8Array(before + SEGMENT_HEADER_LENGTH + 9).fill(0xaa);
    buffer.set(encodeSegmentHeader(salt, firstLsn), before);
    assertEquals(decodeSegmentHeader(buffer.subarray(before), firstLsn), { salt });
  }));
});

Deno.test("decodeSegmentHeader refuses a header with any bit turned", () => {
  const bytes = encodeSegmentHeader(0xdeadbeef, 42);
  for (let bit = 0; bit < 8 * SEGMENT_HEADER_LENGTH; bit++) {
    const expected = bit < 32 ? "bad-magic" : "bad-checksum";
    assertEquals(kindOf(withFlippedBit(bytes, bit), 42), expected, `bit ${bit}`);
  }
});

Deno.test("decodeSegmentHeader refuses a header under the name of another segment", () => {
  const bytes = encodeSegmentHeader(1, 42);
  for (const other of [0, 41, 43, 42 + 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    assertEquals(kindOf(bytes, other), "bad-checksum", `LSN ${other}`);
  }
});

Deno.test("decodeSegmentHeader refuses every beginning that is too short", () => {
  const bytes = encodeSegmentHeader(1, 0);
  for (let length = 0; length < SEGMENT_HEADER_LENGTH; length++) {
    assertEquals(kindOf(bytes.subarray(0, length), 0), "too-short");
  }
  assertEquals(kindOf(new Uint8Array(SEGMENT_HEADER_LENGTH), 0), "bad-magic");
});

Deno.test("decodeSegmentHeader names a newer version, and only where the checksum is right", () => {
  const newer = decodeSegmentHeader(headerByHand({ version: 2 }), 7);
  assertEquals(newer, { kind: "newer-version", found: "format version 2" });
  const features = decodeSegmentHeader(headerByHand({ features: 0x8001 }), 7);
  assertEquals(features, { kind: "newer-version", found: "feature bits 0x8001" });
  const damaged = headerByHand({});
  damaged[4] = 2;
  assertEquals(kindOf(damaged, 7), "bad-checksum");
});

Deno.test("decodeSegmentHeader knows a segment of pgdog's log", () => {
  const bytes = new TextEncoder().encode("PG2W............");
  assertEquals(kindOf(bytes, 0), "pgdog");
});

Deno.test("the format's lengths are what is on disk", () => {
  assertEquals([SEGMENT_HEADER_LENGTH, FRAME_HEADER_LENGTH], [16, 16]);
  assert(MAX_BODY_LENGTH === 16 * 1024 * 1024);
});
