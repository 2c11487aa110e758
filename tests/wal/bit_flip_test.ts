/**
 * Proves that one turned bit is found wherever it is, that nothing else is called one, and that the
 * bytes which are looked at stay as they are.
 */

import { assertEquals } from "@std/assert";
import { findFlippedBit, mendHeader } from "../../src/wal/bit_flip.ts";
import { encodeSegmentHeader } from "../../src/wal/format.ts";
import { headerByHand, SALT, withFlippedBit } from "./sample_segment.ts";
import { makeFrame } from "./scan_oracle.ts";

const LSN = 42;
const FRAME = makeFrame(Uint8Array.of(2, 1, 2, 3, 4, 5), 3, SALT, LSN);
const HEADER = encodeSegmentHeader(SALT, LSN);

function place(bit: number): { byte: number; bit: number } {
  return { byte: Math.floor(bit / 8), bit: bit % 8 };
}

Deno.test("findFlippedBit finds a turned bit in any part of a frame", () => {
  for (let bit = 0; bit < 8 * FRAME.length; bit++) {
    const damaged = withFlippedBit(FRAME, bit);
    const before = damaged.slice();
    assertEquals(findFlippedBit(damaged, SALT, LSN), place(bit), `bit ${bit}`);
    assertEquals(damaged, before);
  }
});

Deno.test("findFlippedBit finds nothing where more than a bit is wrong", () => {
  for (let bit = 0; bit < 8 * FRAME.length - 1; bit++) {
    const damaged = withFlippedBit(withFlippedBit(FRAME, bit), bit + 1);
    assertEquals(findFlippedBit(damaged, SALT, LSN), null, `bits ${bit} and ${bit + 1}`);
  }
  assertEquals(findFlippedBit(new Uint8Array(FRAME.length), SALT, LSN), null);
});

Deno.test("findFlippedBit finds nothing in a frame of another place", () => {
  const damaged = withFlippedBit(FRAME, 100);
  assertEquals(findFlippedBit(damaged, SALT, LSN + 1), null);
  assertEquals(findFlippedBit(damaged, SALT + 1, LSN), null);
});

Deno.test("findFlippedBit does not try what is too short or too long", () => {
  for (let length = 0; length <= 12; length++) {
    assertEquals(findFlippedBit(FRAME.subarray(0, length), SALT, LSN), null);
  }
  const long = makeFrame(new Uint8Array(8000), 0, SALT, LSN);
  assertEquals(findFlippedBit(withFlippedBit(long, 500), SALT, LSN), null);
});

Deno.test("mendHeader finds a turned bit in any part of a header", () => {
  for (let bit = 0; bit < 8 * HEADER.length; bit++) {
    const damaged = withFlippedBit(HEADER, bit);
    const before = damaged.slice();
    const mended = mendHeader(damaged, LSN, ({ salt }) => salt === SALT);
    assertEquals(mended, { header: { salt: SALT }, flippedBit: place(bit) }, `bit ${bit}`);
    assertEquals(damaged, before);
  }
});

Deno.test("mendHeader uses the salt of a header of which more than a bit is wrong, if it fits", () => {
  const damaged = HEADER.slice().fill(0, 0, 8);
  const mended = mendHeader(damaged, LSN, ({ salt }) => salt === SALT);
  assertEquals(mended, { header: { salt: SALT }, flippedBit: null });
  assertEquals(mendHeader(damaged, LSN, () => false), null);
});

Deno.test("mendHeader believes no header with which the first frame is not valid", () => {
  assertEquals(mendHeader(withFlippedBit(HEADER, 70), LSN, () => false), null);
});

Deno.test("mendHeader does not turn a bit to make a newer version", () => {
  const newer = headerByHand({ version: 3, salt: SALT, firstLsn: LSN });
  const mended = mendHeader(withFlippedBit(newer, 70), LSN, () => false);
  assertEquals(mended, null);
});
