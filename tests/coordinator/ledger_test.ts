/**
 * Guarantees what the sweep and closing ask: which transactions are live, stranded or decided; and
 * that the log forgets a transaction only when every branch has ended as decided.
 */

import { assert, assertEquals } from "@std/assert";
import { Ledger } from "../../src/coordinator/ledger.ts";
import { FakeLog } from "./support/fake_log.ts";

const north = { participant: "north", gid: "g_0", token: "701" };
const south = { participant: "south", gid: "g_1", token: "702" };
const heuristic = { participant: "north", gid: "g_0", outcome: "rolled back" } as const;

function make() {
  const log = new FakeLog();
  return { log, ledger: new Ledger(log) };
}

async function isOver(promise: Promise<void>): Promise<boolean> {
  let over = false;
  void promise.then(() => over = true);
  await new Promise<void>((resolve) => queueMicrotask(resolve));
  return over;
}

Deno.test("Ledger.isLive() holds from begin() to forget()", () => {
  const { ledger } = make();
  assert(!ledger.isLive(1n));
  ledger.begin(1n);
  assert(ledger.isLive(1n) && !ledger.isLive(2n) && !ledger.isDecided(1n));
  ledger.forget(1n);
  assert(!ledger.isLive(1n));
});

Deno.test("Ledger.idle resolves when the last live transaction is forgotten", async () => {
  const { ledger } = make();
  assert(await isOver(ledger.idle));
  ledger.begin(1n);
  ledger.begin(2n);
  const { idle } = ledger;
  ledger.forget(1n);
  assert(!await isOver(idle));
  ledger.forget(2n);
  assert(await isOver(idle));
  ledger.begin(3n);
  assert(!await isOver(ledger.idle));
});

Deno.test("Ledger.strand() keeps off the sweep, but nobody waits for it", async () => {
  const { ledger } = make();
  ledger.begin(1n);
  const { idle } = ledger;
  ledger.strand(1n);
  assert(ledger.isLive(1n));
  assert(await isOver(idle));
  assert(await isOver(ledger.idle));
});

Deno.test("Ledger.unstrand() gives a stranded transaction back to the sweep", () => {
  const { ledger } = make();
  ledger.begin(1n);
  ledger.strand(1n);
  ledger.unstrand(1n);
  assert(!ledger.isLive(1n));
});

Deno.test("Ledger.isUncertain() holds for the transactions of damaged epochs and before", () => {
  const { ledger, log } = make();
  assert(!ledger.isUncertain(5_000_000_000_001n));
  log.damages.push({ epoch: 5, file: "00000000000000000000.wal", reason: "a checksum differs" });
  const numbers = [1_000_000_000_001n, 5_999_999_999_999n, 6_000_000_000_001n];
  assertEquals(numbers.map((txn) => ledger.isUncertain(txn)), [true, true, false]);
});

Deno.test("Ledger.settle() keeps a decision in view until every branch has answered", () => {
  const { ledger, log } = make();
  const settlement = ledger.settle(1n, "commit", [north, south], true);
  assert(ledger.isDecided(1n));
  settlement.settle("g_0");
  assertEquals([ledger.isDecided(1n), log.trace.count("log end")], [true, 0]);
  settlement.settle("g_1");
  assertEquals([ledger.isDecided(1n), log.trace.count("log end")], [false, 1]);
});

Deno.test("Ledger.settle() keeps a transaction in the log that did not end as decided", () => {
  const { ledger, log } = make();
  const settlement = ledger.settle(1n, "commit", [north, south], true);
  settlement.settle("g_0", heuristic);
  settlement.settle("g_1");
  assertEquals([ledger.isDecided(1n), log.trace.count("log end")], [true, 0]);
});

Deno.test("Ledger.settle() ends an undecided transaction in the log only if it is there", () => {
  const { ledger, log } = make();
  ledger.settle(1n, "rollback", [north], false).settle("g_0");
  assertEquals(log.trace.count("log end"), 0);
  const logged = ledger.settle(2n, "rollback", [north], true);
  assert(!ledger.isDecided(2n));
  logged.settle("g_0");
  assertEquals(log.trace.count("log end"), 1);
});
