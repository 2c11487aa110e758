/**
 * Proves that the short way of reading a payload gives what the general decoder gives, or nothing, for what was
 * encoded and for whatever has become of the bytes; and that it takes what this package writes.
 */

import { assert, assertEquals } from "@std/assert";
import { decode } from "@std/msgpack/decode";
import { encode } from "@std/msgpack/encode";
import type { ValueType } from "@std/msgpack";
import fc from "fast-check";
import { decodePlain } from "../../src/wal/plain_payload.ts";
import { encodeRecord, type LogRecord } from "../../src/wal/decisions/record.ts";
import { checkProperty } from "../simulation/seeds.ts";

const text = fc.oneof(
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 10 }),
  fc.string({ unit: "binary-ascii", minLength: 250, maxLength: 260 }),
);
const { value } = fc.letrec<{ value: ValueType }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    text,
    fc.boolean(),
    fc.constant(null),
    fc.integer({ min: -200, max: 70_000 }),
    fc.double({ noNaN: true }),
    fc.bigInt({ min: 2n ** 32n, max: 2n ** 64n - 1n }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(fc.oneof(text, fc.constantFrom("toString", "txn")), tie("value"), {
      maxKeys: 17,
      noNullPrototype: true,
    }),
  ) as fc.Arbitrary<ValueType>,
}));

/** What the general decoder gives; `undefined` if it refuses. */
function decodedGenerally(bytes: Uint8Array): ValueType | undefined {
  try {
    return decode(bytes);
  } catch {
    return undefined;
  }
}

Deno.test("decodePlain() gives what the general decoder gives, or nothing", () => {
  let taken = 0;
  checkProperty(
    fc.property(value, (value) => {
      const bytes = encode(value);
      const plain = decodePlain(bytes);
      if (plain === undefined) return;
      assertEquals(plain, decode(bytes));
      taken++;
    }),
    2000,
  );
  assert(taken > 200, `${taken} of 2000 were taken`);
});

Deno.test("decodePlain() takes nothing that the general decoder refuses or reads otherwise", () => {
  const damage = fc.array(fc.tuple(fc.nat(100), fc.nat(255)), { maxLength: 3 });
  let taken = 0;
  checkProperty(
    fc.property(value, damage, fc.nat(2), (value, damage, cut) => {
      const bytes = encode(value).slice();
      for (const [at, byte] of damage) bytes[at % bytes.length] = byte;
      const rest = bytes.subarray(0, bytes.length - cut);
      const plain = decodePlain(rest);
      if (plain === undefined) return;
      assertEquals(plain, decodedGenerally(rest));
      taken++;
    }),
    4000,
  );
  assert(taken > 200, `${taken} of 4000 were taken`);
});

Deno.test("decodePlain() takes what a coordinator writes", () => {
  const branches = [
    { participant: "orders", gid: "indoubt_k3j9x0w2m4t7_7000000001042_0", token: "742" },
    { participant: "billing", gid: "indoubt_k3j9x0w2m4t7_7000000001042_1", token: null },
  ];
  const active = Array.from(
    { length: 70_000 },
    (_, txn) => ({ txn: BigInt(txn), decided: true, branches: [] }),
  );
  const outcomes = active.map(({ txn }) => ({ txn, committed: true }));
  const records: LogRecord[] = [
    { type: "committing", txn: 7n, branches },
    { type: "end", txn: 7n },
    { type: "checkpoint", active, participants: [{ name: "n", kind: "k", identity: "i" }] },
    { type: "outcomes", forgotten: 3n, outcomes: outcomes.slice(0, 100) },
    { type: "outcomes", forgotten: 3n, outcomes: outcomes.slice(0, 1000) },
    { type: "outcomes", forgotten: 3n, outcomes },
  ];
  for (const record of records) {
    const payload = encodeRecord(record).subarray(1);
    const plain = decodePlain(payload);
    assert(plain !== undefined, record.type);
    assertEquals(plain, decode(payload));
  }
});
