/**
 * Proves that the short way of a checkpoint and the general one are the same: whatever the short way writes, the
 * general one would have written, byte for byte, and what it leaves out the general one writes.
 */

import { assert, assertEquals } from "@std/assert";
import { encode } from "@std/msgpack/encode";
import fc from "fast-check";
import { encodeHotCheckpoint } from "../../../src/wal/decisions/hot_checkpoint.ts";
import type { ActiveTransaction, BranchRecord } from "../../../src/wal/decisions/record.ts";
import { checkProperty } from "../../simulation/seeds.ts";

const TAG = 4;
const PARTICIPANTS = encode([["orders", "postgresql", "postgresql:1"]]);
const PLAIN = { participant: "a", gid: "g", token: null };

const text = fc.oneof(
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
  fc.string({ unit: "binary-ascii", minLength: 250, maxLength: 256 }),
);
const transaction = fc.record({
  txn: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  decided: fc.boolean(),
  branches: fc.array(
    fc.record({ participant: text, gid: text, token: fc.option(text) }),
    { maxLength: 16 },
  ),
});

function general(active: readonly ActiveTransaction[]): number[] {
  const lists = active.map(({ txn, decided, branches }) => [
    txn,
    decided,
    branches.map(({ participant, gid, token }) => [participant, gid, token]),
  ]);
  const participants = [["orders", "postgresql", "postgresql:1"]];
  return [TAG, ...encode({ active: lists, participants })];
}

function many(count: number, branches: readonly BranchRecord[] = [PLAIN]): ActiveTransaction[] {
  return Array.from(
    { length: count },
    (_, index) => ({ txn: BigInt(index), decided: true, branches }),
  );
}

Deno.test("encodeHotCheckpoint() writes what @std/msgpack writes, or nothing", () => {
  let written = 0;
  checkProperty(
    fc.property(fc.array(transaction, { maxLength: 6 }), (active) => {
      const body = encodeHotCheckpoint(TAG, active, PARTICIPANTS);
      if (body === null) return;
      written++;
      assertEquals([...body], general(active));
    }),
    500,
  );
  assert(written > 50, `${written} of 500 were written`);
});

Deno.test("encodeHotCheckpoint() writes as many transactions as a checkpoint holds", () => {
  for (const count of [0, 15, 16, 255, 256, 10_000, 65_535]) {
    const active = many(count);
    const body = encodeHotCheckpoint(TAG, active, PARTICIPANTS);
    assert(body !== null, `${count}`);
    const expected = Uint8Array.from(general(active));
    assert(
      body.length === expected.length && body.every((byte, at) => byte === expected[at]),
      `${count}`,
    );
  }
});

Deno.test("encodeHotCheckpoint() leaves to the general way what is not plain", () => {
  const others: ActiveTransaction[][] = [
    many(65_536),
    many(1, Array.from({ length: 16 }, () => PLAIN)),
    many(1, [{ ...PLAIN, participant: "größe" }]),
    many(1, [{ ...PLAIN, gid: "x".repeat(256) }]),
    [{ txn: -1n, decided: true, branches: [PLAIN] }],
    [{ txn: 2n ** 64n, decided: true, branches: [PLAIN] }],
    [{ txn: 5 as unknown as bigint, decided: true, branches: [PLAIN] }],
  ];
  for (const active of others) {
    assertEquals(encodeHotCheckpoint(TAG, active, PARTICIPANTS), null);
    assertEquals(encodeHotCheckpoint(TAG, [...many(3), ...active], PARTICIPANTS), null);
  }
});
