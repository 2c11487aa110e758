/**
 * Proves that the short way and the general one are the same: whatever the short way writes, the general
 * one would have written, byte for byte.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { encode } from "@std/msgpack/encode";
import type { ValueMap } from "@std/msgpack";
import fc from "fast-check";
import { encodeHotBranches, encodeHotEnd } from "../../../src/wal/decisions/hot_record.ts";
import { checkProperty } from "../../simulation/seeds.ts";

const text = fc.oneof(
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({ unit: "binary-ascii", minLength: 250, maxLength: 260 }),
);
const txn = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const branches = fc.array(
  fc.record({ participant: text, gid: text, token: fc.option(text) }),
  { maxLength: 17 },
);

function general(tag: number, payload: ValueMap): number[] {
  return [tag, ...encode(payload)];
}

function lists(all: readonly { participant: string; gid: string; token: string | null }[]) {
  return all.map(({ participant, gid, token }) => [participant, gid, token]);
}

Deno.test("encodeHotBranches() writes what @std/msgpack writes, or nothing", () => {
  let written = 0;
  checkProperty(
    fc.property(txn, branches, (txn, branches) => {
      const body = encodeHotBranches(2, txn, branches);
      if (body === null) return;
      written++;
      assertEquals([...body], general(2, { txn, branches: lists(branches) }));
    }),
    1000,
  );
  assert(written > 100, `${written} of 1000 were written`);
});

Deno.test("encodeHotEnd() writes what @std/msgpack writes", () => {
  checkProperty(
    fc.property(txn, (txn) => {
      assertEquals([...encodeHotEnd(3, txn)!], general(3, { txn }));
    }),
    200,
  );
  assertEquals(encodeHotEnd(3, -1n), null);
  assertEquals(encodeHotEnd(3, 2n ** 64n), null);
  assertEquals(encodeHotEnd(3, 5 as unknown as bigint), null);
});

Deno.test("encodeHotBranches() leaves to the general way what is not plain", () => {
  const plain = { participant: "a", gid: "g", token: null };
  const long = { ...plain, gid: "x".repeat(256) };
  const many = Array.from(
    { length: 15 },
    () => ({ ...plain, gid: "x".repeat(255), token: "y".repeat(255) }),
  );
  for (const branches of [[{ ...plain, participant: "größe" }], [long], many]) {
    assertEquals(encodeHotBranches(2, 1n, branches), null);
  }
  assert(encodeHotBranches(2, 1n, Array.from({ length: 15 }, () => plain)) !== null);
  assertEquals(encodeHotBranches(2, 1n, Array.from({ length: 16 }, () => plain)), null);
});

/** Spells what it is told to. */
function speller(spelling: string) {
  return (bytes: Uint8Array, start: number) => {
    bytes.set(new TextEncoder().encode(spelling), start);
    return start + spelling.length;
  };
}

Deno.test("encodeHotBranches() takes a branch's own spelling of its gid, if that is as long", () => {
  const plain = { participant: "orders", gid: "g_1", token: "5" };
  const body = [...encodeHotBranches(2, 1n, [plain])!];
  assertEquals([...encodeHotBranches(2, 1n, [{ ...plain, spellGid: speller("g_1") }])!], body);
  for (const spelling of ["g_", "g_12"]) {
    const branches = [{ ...plain, spellGid: speller(spelling) }];
    assertThrows(() => encodeHotBranches(2, 1n, branches), Error, 'Cannot write "g_1"');
  }
  const long = "x".repeat(256);
  const branches = [{ ...plain, gid: long, spellGid: speller(long) }];
  assertEquals(encodeHotBranches(2, 1n, branches), null);
});
