/**
 * Proves what a record is on disk: that every kind comes back as it was, that what later versions
 * may add does not disturb, and that a payload which lacks something is refused.
 */

import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { decode } from "@std/msgpack/decode";
import { encode } from "@std/msgpack/encode";
import type { ValueMap, ValueType } from "@std/msgpack";
import fc from "fast-check";
import {
  decodeRecord,
  encodeRecord,
  type LogRecord,
  RECORD_TAGS,
  VERDICT_KINDS,
} from "../../../src/wal/decisions/record.ts";
import { checkProperty } from "../../simulation/seeds.ts";

const text = fc.string({ unit: "grapheme" });
const txn = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const branches = fc.array(
  fc.record({ participant: text, gid: text, token: fc.option(text) }),
  { maxLength: 5 },
);
const participant = fc.record({ name: text, kind: text, identity: text });
const active = fc.record({ txn, decided: fc.boolean(), branches });

/** Any record of any kind. */
const records: fc.Arbitrary<LogRecord> = fc.oneof(
  fc.record({ type: fc.constant("begin" as const), txn, branches }),
  fc.record({ type: fc.constant("committing" as const), txn, branches }),
  fc.record({ type: fc.constant("end" as const), txn }),
  fc.record({
    type: fc.constant("checkpoint" as const),
    active: fc.array(active, { maxLength: 5 }),
    participants: fc.array(participant, { maxLength: 5 }),
  }),
  participant.map((one) => ({ type: "participant" as const, ...one })),
  fc.record({ type: fc.constant("doubt" as const), txn, branches }),
  fc.record({
    type: fc.constant("branch-verdict" as const),
    kind: fc.constantFrom(...VERDICT_KINDS),
    subject: text,
    participant: text,
    gid: text,
    reason: text,
    by: text,
    at: text,
  }),
  fc.record({
    type: fc.constant("outcomes" as const),
    forgotten: txn,
    outcomes: fc.array(fc.record({ txn, committed: fc.boolean() }), { maxLength: 9 }),
  }),
);

/** One record of each kind, with everything that it can hold. */
const ONE_OF_EACH: readonly LogRecord[] = [
  { type: "begin", txn: 1n, branches: [{ participant: "a", gid: "g", token: null }] },
  { type: "committing", txn: 2n, branches: [{ participant: "a", gid: "g", token: "t" }] },
  { type: "end", txn: 3n },
  {
    type: "checkpoint",
    active: [{ txn: 4n, decided: true, branches: [{ participant: "a", gid: "g", token: "t" }] }],
    participants: [{ name: "a", kind: "k", identity: "i" }],
  },
  { type: "participant", name: "a", kind: "k", identity: "i" },
  {
    type: "branch-verdict",
    kind: "forget",
    subject: "4",
    participant: "a",
    gid: "g",
    reason: "r",
    by: "b",
    at: "t",
  },
  { type: "outcomes", forgotten: 3n, outcomes: [{ txn: 5n, committed: true }] },
  { type: "doubt", txn: 6n, branches: [{ participant: "a", gid: "g", token: "t" }] },
];

const KNOWN_TAGS = Object.values(RECORD_TAGS) as number[];

function payloadOf(record: LogRecord): ValueMap {
  return decode(encodeRecord(record).subarray(1)) as ValueMap;
}

function body(tag: number, payload: ValueType): Uint8Array {
  return Uint8Array.from([tag, ...encode(payload)]);
}

function withPayload(record: LogRecord, payload: ValueType): Uint8Array {
  return body(RECORD_TAGS[record.type], payload);
}

Deno.test("decodeRecord gives back every record that encodeRecord wrote", () => {
  checkProperty(
    fc.property(records, (record) => {
      assertEquals(decodeRecord(encodeRecord(record)), record);
    }),
    500,
  );
});

Deno.test("decodeRecord reads a body that shares its buffer with others", () => {
  for (const record of ONE_OF_EACH) {
    const bytes = encodeRecord(record);
    const buffer = new Uint8Array(bytes.length + 9).fill(0xc1);
    buffer.set(bytes, 5);
    assertEquals(decodeRecord(buffer.subarray(5, 5 + bytes.length)), record);
  }
});

Deno.test("encodeRecord uses these tags for ever", () => {
  assertEquals(ONE_OF_EACH.map((record) => encodeRecord(record)[0]), [1, 2, 3, 4, 6, 7, 8, 9]);
});

Deno.test("encodeRecord writes these bytes for ever", () => {
  const record: LogRecord = {
    type: "committing",
    txn: 258n,
    branches: [{ participant: "orders", gid: "indoubt_a", token: null }],
  };
  // 2, {"txn": uint64 258, "branches": [["orders", "indoubt_a", nil]]}
  assertEquals(
    encodeRecord(record).toHex(),
    "0282a374786ecf0000000000000102a86272616e636865739193a66f7264657273a9696e646f7562745f61c0",
  );
  assertEquals(encodeRecord({ type: "end", txn: 1n }).toHex(), "0381a374786ecf0000000000000001");
});

Deno.test("decodeRecord ignores keys that it does not know", () => {
  for (const record of ONE_OF_EACH) {
    const payload = { later: [1, { deep: null }], ...payloadOf(record), "": "", 7: true };
    assertEquals(decodeRecord(withPayload(record, payload)), record);
  }
});

Deno.test("decodeRecord ignores list places that it does not know", () => {
  for (const record of ONE_OF_EACH) {
    const payload = lengthened(payloadOf(record)) as ValueMap;
    assertNotEquals(encode(payload), encode({}));
    assertEquals(decodeRecord(withPayload(record, payload)), record);
  }
});

function isNumber(value: ValueType): boolean {
  return typeof value === "number" || typeof value === "bigint";
}

/** Adds places to the end of every list that stands for one thing; lists of things stay as long. */
function lengthened(value: ValueType): ValueType {
  if (Array.isArray(value)) {
    const isListOfThings = value.every(Array.isArray) || value.every(isNumber);
    const longer = value.map(lengthened);
    return isListOfThings ? longer : [...longer, "later", null];
  }
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, lengthened(one)]));
}

Deno.test("decodeRecord refuses a payload that lacks a field", () => {
  for (const record of ONE_OF_EACH) {
    for (const missing of Object.keys(payloadOf(record))) {
      const { [missing]: _, ...rest } = payloadOf(record);
      assertThrows(() => decodeRecord(withPayload(record, rest)), TypeError, "", missing);
    }
  }
});

Deno.test("decodeRecord refuses a list that lacks a place, except the token", () => {
  const refused: [number, ValueType][] = [
    [2, { txn: 1n, branches: [["a"]] }],
    [2, { txn: 1n, branches: [[]] }],
    [4, { active: [[1n, true]], participants: [] }],
    [4, { active: [[1n]], participants: [] }],
    [4, { active: [], participants: [["a", "k"]] }],
  ];
  for (const [tag, payload] of refused) {
    assertThrows(() => decodeRecord(body(tag, payload)), TypeError);
  }
  assertEquals(decodeRecord(body(2, { txn: 1n, branches: [["a", "g"]] })), {
    type: "committing",
    txn: 1n,
    branches: [{ participant: "a", gid: "g", token: null }],
  });
});

Deno.test("decodeRecord refuses a field of another type", () => {
  const wrong: ValueType[] = [null, true, "1", 1.5, -1, -1n, 2 ** 53, [], {}, new Uint8Array(1)];
  for (const value of wrong) {
    assertThrows(() => decodeRecord(body(3, { txn: value })), TypeError, "txn");
  }
  for (const value of [null, 1, true, ["a"], {}, new Uint8Array(1)]) {
    const participant = { name: value, kind: "k", identity: "i" };
    assertThrows(() => decodeRecord(body(6, participant)), TypeError, "name");
  }
  for (const branches of [null, "ab", 1, {}, ["ab"], [null], [["a", "g", 7]]] as ValueType[]) {
    assertThrows(() => decodeRecord(body(1, { txn: 1n, branches })), TypeError);
  }
  const active = [[1n, "true", []]];
  assertThrows(() => decodeRecord(body(4, { active, participants: [] })), TypeError, "decided");
});

Deno.test("decodeRecord takes small numbers as written by other encoders", () => {
  assertEquals(decodeRecord(body(3, { txn: 7 })), { type: "end", txn: 7n });
  assertEquals(decodeRecord(body(3, { txn: 2 ** 33 })), { type: "end", txn: 2n ** 33n });
});

Deno.test("decodeRecord refuses a payload that is no map, cut off, or followed by more", () => {
  for (const payload of [null, 1, "text", [], new Uint8Array(2)] as ValueType[]) {
    assertThrows(() => decodeRecord(body(3, payload)), Error);
  }
  for (const record of ONE_OF_EACH) {
    const bytes = encodeRecord(record);
    assertThrows(() => decodeRecord(Uint8Array.from([...bytes, 0])), Error);
    for (let length = 1; length < bytes.length; length++) {
      assertThrows(() => decodeRecord(bytes.subarray(0, length)), Error);
    }
  }
});

Deno.test("decodeRecord answers null for a tag that only a newer version knows", () => {
  for (let tag = 0; tag < 256; tag++) {
    if (KNOWN_TAGS.includes(tag)) continue;
    assertEquals(decodeRecord(Uint8Array.of(tag, 0xc1)), null, `tag ${tag}`);
  }
});

Deno.test("decodeRecord ends on any bytes, with a record or with an error", () => {
  const bodies = fc.tuple(fc.constantFrom(...KNOWN_TAGS), fc.uint8Array({ maxLength: 60 }));
  checkProperty(
    fc.property(bodies, ([tag, payload]) => {
      try {
        const record = decodeRecord(Uint8Array.from([tag, ...payload]));
        assertEquals(record === null, false);
      } catch (error) {
        assertEquals(error instanceof Error, true);
      }
    }),
    1000,
  );
});

Deno.test("encodeRecord refuses numbers that decodeRecord would refuse", () => {
  for (const txn of [-1n, 2n ** 64n]) {
    assertThrows(() => encodeRecord({ type: "end", txn }), Error);
    assertThrows(() => encodeRecord({ type: "committing", txn, branches: [] }), Error);
    const active = [{ txn, decided: true, branches: [] }];
    assertThrows(() => encodeRecord({ type: "checkpoint", active, participants: [] }), Error);
  }
});

Deno.test("encodeRecord refuses text that would not come back as it was", () => {
  const branches = [{ participant: "orders", gid: "indoubt_\ud800", token: null }];
  assertThrows(() => encodeRecord({ type: "committing", txn: 1n, branches }), Error);
});
