/**
 * Guarantees the names of branches: at most 64 bytes of a safe alphabet, read back as what they
 * were made from, and never mistaken for ours when they are someone else's.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  assertSafeGid,
  gidPrefix,
  isSafeGid,
  makeGid,
  transactionOfGid,
} from "../../src/coordinator/gid.ts";
import { seededTest } from "../simulation/seeds.ts";

const LARGEST = 2n ** 64n - 1n;

Deno.test("makeGid() names coordinator, transaction and branch", () => {
  assertEquals(makeGid(gidPrefix("abc123"), "7000000001042", 1), "indoubt_abc123_7000000001042_1");
});

Deno.test("makeGid() stays within 64 bytes for the largest transaction and branch", () => {
  const gid = makeGid(gidPrefix("0123456789ab"), String(LARGEST), 999);
  assert(gid.length <= 64);
  assertEquals(transactionOfGid("0123456789ab", gid), LARGEST);
});

Deno.test("gidPrefix() refuses a coordinator's id that would not be safe in a statement", () => {
  for (const id of ["a'b", "a b", "a;b", "ä", "x".repeat(60)]) {
    assertThrows(() => gidPrefix(id), RangeError, "Cannot use");
  }
});

Deno.test("makeGid() refuses what would be too long for a database", () => {
  const prefix = gidPrefix("x".repeat(50));
  assertEquals(makeGid(prefix, "123", 0).length, 64);
  assertThrows(() => makeGid(prefix, "1234", 0), RangeError, "Cannot use");
});

seededTest("transactionOfGid() reads every transaction back from its gid", 200, (random) => {
  const txn = BigInt(1 + random.below(2 ** 32)) * BigInt(1 + random.below(2 ** 31));
  assertEquals(
    transactionOfGid("abc", makeGid(gidPrefix("abc"), String(txn), random.below(1000))),
    txn,
  );
});

const FOREIGN = {
  "another coordinator's": "indoubt_other_5_0",
  "another coordinator's whose id is as long as ours": "indoubt_xyz_5_0",
  "a coordinator's whose id begins as ours": "indoubt_abcd_5_0",
  "one without a branch": "indoubt_abc_5",
  "one without a transaction": "indoubt_abc__0",
  "one with more parts": "indoubt_abc_5_0_0",
  "one that only begins like ours": "indoubt_abc_",
  "one with text behind": "indoubt_abc_5_0x",
  "one with a space": "indoubt_abc_5_0 ",
  "one with a quote": "indoubt_abc_5_'",
  "a leading zero in the transaction": "indoubt_abc_05_0",
  "a leading zero in the branch": "indoubt_abc_5_00",
  "a negative transaction": "indoubt_abc_-5_0",
  "a transaction in another notation": "indoubt_abc_0x5_0",
  "a transaction beyond 64 bits": `indoubt_abc_${LARGEST + 1n}_0`,
  "a branch beyond any of ours": "indoubt_abc_5_1000",
  "capital letters": "INDOUBT_ABC_5_0",
  "another program's": "pg_gid_16390_741",
  "an empty one": "",
  "unicode digits": "indoubt_abc_٥_0",
  "a very long one": `indoubt_abc_5_${"0".repeat(200)}`,
};

for (const [what, gid] of Object.entries(FOREIGN)) {
  Deno.test(`transactionOfGid() does not take for ours: ${what}`, () => {
    assertEquals(transactionOfGid("abc", gid), null);
  });
}

Deno.test("gidPrefix() ends with a separator, so that no id is the beginning of another's", () => {
  assert(!makeGid(gidPrefix("abcd"), "5", 0).startsWith(gidPrefix("abc")));
  assert(makeGid(gidPrefix("abc"), "5", 0).startsWith(gidPrefix("abc")));
});

Deno.test("assertSafeGid() passes 1 to 64 safe characters and nothing else", () => {
  const longest = "a".repeat(64);
  for (const gid of ["a", "A-Z.a_z-0.9", longest]) {
    assertEquals([assertSafeGid(gid), isSafeGid(gid)], [gid, true]);
  }
  for (const gid of ["", `${longest}a`, "it's", 'a"b', "a\\b", "a\n", "a\0", "é", "a b"]) {
    assertThrows(() => assertSafeGid(gid), RangeError, "1 to 64 characters");
    assertEquals(isSafeGid(gid), false);
  }
});
