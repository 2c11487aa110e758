/** Guarantees that the log is given the very gid that the databases are given. */

import { assertEquals, assertThrows } from "@std/assert";
import { BranchName, GidPrefix } from "../../src/coordinator/branch_name.ts";
import { decodeRecord, encodeRecord } from "../../src/wal/decisions/record.ts";
import { seededTest } from "../simulation/seeds.ts";

const LARGEST = 2n ** 64n - 1n;

/** What a name spells, read as a text. */
function spelled(name: BranchName): string {
  const bytes = new Uint8Array(100).fill("?".charCodeAt(0));
  const end = name.spell(bytes, 7);
  return new TextDecoder().decode(bytes.subarray(7, end));
}

Deno.test("BranchName is the gid of its branch", () => {
  const name = new BranchName(new GidPrefix("abc123"), "7000000001042", 1);
  assertEquals(name.text, "indoubt_abc123_7000000001042_1");
});

seededTest("BranchName.spell() puts its text as bytes, and nothing else", 1000, (random) => {
  const coordinator = random.below(2 ** 32).toString(36).padStart(1 + random.below(13), "x");
  const txn = BigInt(1 + random.below(2 ** 32)) * BigInt(1 + random.below(2 ** 31));
  const branch = random.below(10 ** (1 + random.below(3)));
  const name = new BranchName(new GidPrefix(coordinator), String(txn), branch);
  assertEquals(spelled(name), name.text);
});

seededTest("A record holds the text of a name, however it was put together", 200, (random) => {
  const prefix = new GidPrefix("0123456789ab");
  const txn = random.below(2) === 0 ? LARGEST : BigInt(1 + random.below(2 ** 32));
  const branches = Array.from({ length: 1 + random.below(15) }, () => {
    const name = new BranchName(prefix, String(txn), random.below(1000));
    return { participant: "orders", gid: name.text, token: null, name };
  });
  const read = decodeRecord(encodeRecord({ type: "committing", txn, branches }));
  assertEquals(read, {
    type: "committing",
    txn,
    branches: branches.map(({ participant, gid, token }) => ({ participant, gid, token })),
  });
});

Deno.test("BranchName refuses what would be too long for a database", () => {
  const prefix = new GidPrefix("x".repeat(50));
  assertEquals(spelled(new BranchName(prefix, "123", 0)).length, 64);
  assertThrows(() => new BranchName(prefix, "1234", 0), RangeError, "Cannot use");
});

Deno.test("GidPrefix refuses a coordinator's id that would not be safe in a statement", () => {
  for (const id of ["a'b", "a b", "ä", "x".repeat(60)]) {
    assertThrows(() => new GidPrefix(id), RangeError, "Cannot use");
  }
});
