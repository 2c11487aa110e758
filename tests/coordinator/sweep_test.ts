/**
 * Guarantees what a sweep rolls back: branches of this coordinator that are neither live nor
 * decided, and nothing else. The order in which the three are looked at is tested in
 * `membership_test.ts`.
 */

import { assertEquals } from "@std/assert";
import { gidPrefix, makeGid } from "../../src/coordinator/gid.ts";
import { findOrphans, type TransactionsInView } from "../../src/coordinator/sweep.ts";

const LIVE = 11n;
const DECIDED = 12n;
const ORPHAN = 13n;

const UNCERTAIN = 14n;
const ENDED = 10n;
const COMMITTED = 9n;

const LAST = 15n;

function gidOf(coordinator: string, txn: bigint, branch: number): string {
  return makeGid(gidPrefix(coordinator), String(txn), branch);
}

const view: TransactionsInView = {
  wasInView: (txn) => txn === ENDED,
  isLive: (txn) => txn === LIVE,
  isDriven: (txn, gid) => txn === DECIDED && gid.endsWith("_0"),
  isDecided: (txn) => txn === DECIDED,
  hasCommitted: (txn) => txn === COMMITTED,
  isUncertain: (txn) => txn === UNCERTAIN,
};

function orphans(...gids: string[]) {
  return findOrphans("abc", gids.map((gid) => ({ gid, since: new Date(0) })), view, LAST)
    .orphans;
}

Deno.test("findOrphans() finds branches that nobody drives to an end", () => {
  const gids = [gidOf("abc", ORPHAN, 0), gidOf("abc", ORPHAN, 1), gidOf("abc", 15n, 0)];
  assertEquals(orphans(...gids), [
    { txn: ORPHAN, gid: gids[0]!, verdict: "rollback" },
    { txn: ORPHAN, gid: gids[1]!, verdict: "rollback" },
    { txn: 15n, gid: gids[2]!, verdict: "rollback" },
  ]);
});

Deno.test("findOrphans() marks a branch that is there again though its transaction has committed", () => {
  const gid = gidOf("abc", COMMITTED, 0);
  assertEquals(orphans(gid), [{ txn: COMMITTED, gid, verdict: "commit" }]);
});

Deno.test("findOrphans() leaves live transactions alone", () => {
  assertEquals(orphans(gidOf("abc", LIVE, 0), gidOf("abc", LIVE, 1)), []);
});

Deno.test("findOrphans() leaves alone what was live or decided when the database was asked", () => {
  assertEquals(orphans(gidOf("abc", ENDED, 0)), []);
});

Deno.test("findOrphans() leaves branches alone that are still to be committed", () => {
  assertEquals(orphans(gidOf("abc", DECIDED, 0)), []);
});

Deno.test("findOrphans() marks a branch that has committed beside one that is still to be committed", () => {
  const gid = gidOf("abc", DECIDED, 1);
  assertEquals(orphans(gid), [{ txn: DECIDED, gid, verdict: "commit" }]);
});

Deno.test("findOrphans() marks what may have been decided in a lost part of the log", () => {
  const gid = gidOf("abc", UNCERTAIN, 0);
  assertEquals(orphans(gid), [{ txn: UNCERTAIN, gid, verdict: "damage" }]);
});

Deno.test("findOrphans() leaves alone what it did not name", () => {
  assertEquals(
    orphans(
      gidOf("other", ORPHAN, 0),
      gidOf("xyz", ORPHAN, 0),
      "pg_gid_1_2",
      "",
      "indoubt_abc_13",
      "indoubt_abc_13_0'",
    ),
    [],
  );
});

Deno.test("findOrphans() marks a transaction that was never begun here: another uses the same id", () => {
  const gid = gidOf("abc", LAST + 1n, 0);
  assertEquals(orphans(gid), [{ txn: LAST + 1n, gid, verdict: "duplicate" }]);
});

Deno.test("findOrphans() names the branches of other coordinators", () => {
  const gids = [
    gidOf("other", ORPHAN, 0),
    gidOf("abc", LIVE, 0),
    "pg_gid_1_2",
    "indoubt_x_y_z",
  ];
  const prepared = gids.map((gid) => ({ gid, since: new Date(0) }));
  assertEquals(findOrphans("abc", prepared, view, LAST).foreign, [
    { coordinator: "other", gid: gids[0]!, since: new Date(0) },
  ]);
});
