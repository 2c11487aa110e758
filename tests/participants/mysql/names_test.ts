/**
 * Names that go to a server or into the log and come back: XA identifiers and outcome tokens.
 */

import { assertEquals, assertThrows } from "@std/assert";
import { makeToken, parseToken } from "../../../src/participants/mysql/token.ts";
import { gidOfRecovered, xidOf } from "../../../src/participants/mysql/xid.ts";

const GIDS = ["g", "indoubt_0a1b2c_7000000000042_1", "A.b-c_".padEnd(64, "x")];

Deno.test("xidOf() and gidOfRecovered() are each other's reverse", () => {
  for (const gid of GIDS) {
    const [, gtrid, bqual, formatId] = /^'(.*)','(.*)',(\d+)$/.exec(xidOf(gid)) ?? [];
    assertEquals([gtrid, bqual], [gid, ""]);
    assertEquals(gidOfRecovered([formatId!, String(gid.length), "0", gid]), gid);
  }
});

Deno.test("xidOf() refuses what may not stand in a statement", () => {
  for (const gid of ["", "it's", "a b", "g".repeat(65), "gid_é", "a\n"]) {
    assertThrows(() => xidOf(gid), RangeError, "Cannot use");
  }
});

Deno.test("gidOfRecovered() leaves out what another transaction manager made", () => {
  const foreign: (string | null)[][] = [
    ["1", "1", "0", "g"],
    ["1768842357", "1", "0", "g"],
    ["1768842356", "1", "1", "gb"],
    [null, "1", "0", "g"],
    ["1768842356", "1", "0", null],
    [],
  ];
  for (const row of foreign) assertEquals(gidOfRecovered(row), null);
});

Deno.test("makeToken() and parseToken() are each other's reverse", () => {
  for (const gid of GIDS) {
    for (const writtenAt of [null, 0, 1_800_000_000_000]) {
      const token = { gid, session: { connection: "42", serverStart: 1_800_000_000 }, writtenAt };
      assertEquals(parseToken(makeToken(token)), token);
    }
  }
});

Deno.test("parseToken() knows what is no token", () => {
  const wrong = [
    "",
    "g",
    "g:1:1",
    "g:1:1:",
    "g:x:1:-",
    "g:1:1:-1",
    "it's:1:1:-",
    "g:1:1:-:1",
    " g:1:1:-",
  ];
  for (const token of [...wrong, `${"g".repeat(65)}:1:1:-`, "g:1:1:12345678901234567"]) {
    assertEquals(parseToken(token), null, token);
  }
});
