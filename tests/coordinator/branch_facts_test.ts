/** Guarantees that the log is given the very gid that the databases are given. */

import { assertEquals, assertThrows } from "@std/assert";
import { BranchFacts, GidPrefix } from "../../src/coordinator/branch_facts.ts";
import { decodeRecord, encodeRecord } from "../../src/wal/decisions/record.ts";
import { seededTest } from "../simulation/seeds.ts";

const LARGEST = 2n ** 64n - 1n;

/** What a branch spells, read as a text. */
function spelled(facts: BranchFacts): string {
  const bytes = new Uint8Array(100).fill("?".charCodeAt(0));
  const end = facts.spellGid(bytes, 7);
  return new TextDecoder().decode(bytes.subarray(7, end));
}

Deno.test("BranchFacts makes the gid of its branch", () => {
  const facts = new BranchFacts("north", new GidPrefix("abc123"), "7000000001042", 1);
  assertEquals(facts.gid, "indoubt_abc123_7000000001042_1");
});

seededTest("BranchFacts.spellGid() puts the gid as bytes, and nothing else", 1000, (random) => {
  const coordinator = random.below(2 ** 32).toString(36).padStart(1 + random.below(13), "x");
  const txn = BigInt(1 + random.below(2 ** 32)) * BigInt(1 + random.below(2 ** 31));
  const branch = random.below(10 ** (1 + random.below(3)));
  const facts = new BranchFacts("north", new GidPrefix(coordinator), String(txn), branch);
  assertEquals(spelled(facts), facts.gid);
});

seededTest("A record holds a branch's gid, however it was put together", 200, (random) => {
  const prefix = new GidPrefix("0123456789ab");
  const txn = random.below(2) === 0 ? LARGEST : BigInt(1 + random.below(2 ** 32));
  const branches = Array.from(
    { length: 1 + random.below(15) },
    () => new BranchFacts("north", prefix, String(txn), random.below(1000)),
  );
  const read = decodeRecord(encodeRecord({ type: "committing", txn, branches }));
  assertEquals(read, {
    type: "committing",
    txn,
    branches: branches.map(({ participant, gid, token }) => ({ participant, gid, token })),
  });
});

Deno.test("BranchFacts refuses what would be too long for a database", () => {
  const prefix = new GidPrefix("x".repeat(50));
  assertEquals(spelled(new BranchFacts("north", prefix, "123", 0)).length, 64);
  assertThrows(() => new BranchFacts("north", prefix, "1234", 0), RangeError, "Cannot use");
});

Deno.test("GidPrefix refuses a coordinator's id that would not be safe in a statement", () => {
  for (const id of ["a'b", "a b", "ä", "x".repeat(60)]) {
    assertThrows(() => new GidPrefix(id), RangeError, "Cannot use");
  }
});
