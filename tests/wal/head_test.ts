/**
 * Proves the bytes of the log's own records: that they come back as they were, that what later
 * versions may add does not disturb, and that a payload which lacks something is refused.
 */

import { assertEquals, assertThrows } from "@std/assert";
import { decode } from "@std/msgpack/decode";
import { encode } from "@std/msgpack/encode";
import type { ValueMap, ValueType } from "@std/msgpack";
import fc from "fast-check";
import {
  decodeHead,
  encodeHead,
  type EpochRecord,
  type HeadRecord,
  MAX_VERDICT_TEXT,
  type RepairRecord,
  type VerdictRecord,
  verdictText,
} from "../../src/wal/head.ts";
import { checkProperty } from "../simulation/seeds.ts";
import { EPOCH } from "./sample_segment.ts";

const VERDICT: VerdictRecord = {
  type: "verdict",
  kind: "damaged",
  epoch: 3,
  file: "00000000000000000000.wal",
  reason: "the checksum of a frame differs",
  by: "recovery",
  at: "2026-01-01T00:00:00.000Z",
};

const REPAIR: RepairRecord = {
  type: "verdict",
  kind: "repaired",
  epoch: 3,
  done: "opened",
  reason: "a new disk",
  by: "ada",
  at: "2026-01-01T00:00:00.000Z",
};

const text = fc.string({ unit: "grapheme" });

const epochs: fc.Arbitrary<EpochRecord> = fc.record({
  type: fc.constant("epoch" as const),
  id: text,
  epoch: fc.nat(),
  started: text,
  opening: fc.nat(),
  restated: fc.boolean(),
});

const verdicts: fc.Arbitrary<VerdictRecord> = fc.record({
  type: fc.constant("verdict" as const),
  kind: fc.constantFrom("damaged" as const, "cleared" as const),
  epoch: fc.maxSafeNat(),
  file: text,
  reason: text,
  by: text,
  at: text,
});

const repairs: fc.Arbitrary<RepairRecord> = fc.record({
  type: fc.constant("verdict" as const),
  kind: fc.constant("repaired" as const),
  epoch: fc.maxSafeNat(),
  done: text,
  reason: text,
  by: text,
  at: text,
});

function tagOf(record: HeadRecord): number {
  return encodeHead(record)[0] ?? 0;
}

function payloadOf(record: HeadRecord): ValueMap {
  return decode(encodeHead(record).subarray(1)) as ValueMap;
}

function withPayload(record: HeadRecord, payload: ValueType): Uint8Array {
  return Uint8Array.from([tagOf(record), ...encode(payload)]);
}

Deno.test("decodeHead gives back every record that encodeHead wrote", () => {
  checkProperty(fc.property(fc.oneof(epochs, verdicts, repairs), (record) => {
    assertEquals(decodeHead(encodeHead(record)), record);
  }));
});

Deno.test("encodeHead writes where records end only where numbers were passed over", () => {
  assertEquals("follows" in (payloadOf(EPOCH) as object), false);
  const passedOver = { ...EPOCH, follows: 7 };
  assertEquals(decodeHead(encodeHead(passedOver)), passedOver);
  for (const follows of [-1, 0.5, "7", null]) {
    const payload = { ...payloadOf(EPOCH), follows };
    assertThrows(() => decodeHead(withPayload(EPOCH, payload)), TypeError, "follows");
  }
});

Deno.test("encodeHead uses these tags for ever", () => {
  assertEquals([tagOf(EPOCH), tagOf(VERDICT), tagOf(REPAIR)], [5, 7, 7]);
});

Deno.test("decodeHead answers null for every other tag", () => {
  for (let tag = 0; tag < 256; tag++) {
    if (tag !== 5 && tag !== 7) assertEquals(decodeHead(Uint8Array.of(tag, 0xc1)), null);
  }
});

Deno.test("decodeHead ignores keys that it does not know", () => {
  for (const record of [EPOCH, VERDICT, REPAIR]) {
    const payload = { later: [1, { deep: null }], ...payloadOf(record), 7: true };
    assertEquals(decodeHead(withPayload(record, payload)), record);
  }
});

Deno.test("decodeHead refuses a payload that lacks a field or has one of another type", () => {
  for (const record of [EPOCH, VERDICT, REPAIR]) {
    const payload = payloadOf(record);
    for (const name of Object.keys(payload)) {
      const { [name]: _, ...rest } = payload;
      assertThrows(() => decodeHead(withPayload(record, rest)), TypeError, name);
      const wrong = { ...payload, [name]: null };
      assertThrows(() => decodeHead(withPayload(record, wrong)), TypeError, name);
    }
  }
});

Deno.test("decodeHead refuses numbers that count nothing, and verdicts of no known kind", () => {
  for (const epoch of [-1, 0.5, 2 ** 53, NaN]) {
    const payload = { ...payloadOf(EPOCH), epoch };
    assertThrows(() => decodeHead(withPayload(EPOCH, payload)), TypeError, "epoch");
  }
  const payload = { ...payloadOf(VERDICT), kind: "doubtful" };
  assertThrows(() => decodeHead(withPayload(VERDICT, payload)), TypeError, "kind");
});

Deno.test("decodeHead refuses a payload that is no map", () => {
  for (const payload of [null, 1, "text", [], new Uint8Array(2)] as ValueType[]) {
    assertThrows(() => decodeHead(withPayload(EPOCH, payload)), TypeError);
  }
});

Deno.test("verdictText takes what a verdict can keep, and nothing else", () => {
  const longest = "x".repeat(MAX_VERDICT_TEXT);
  assertEquals(verdictText(`  ${longest}\n`, "reason"), longest);
  assertThrows(() => verdictText(" \n", "reason"), RangeError, "without a reason");
  assertThrows(() => verdictText(`${longest}x`, "reason"), RangeError, "at most 1000");
  assertThrows(() => verdictText("\ud800", "reason"), RangeError, "it must be Unicode");
});
