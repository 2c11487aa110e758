/**
 * Guarantees what the sweep and closing ask: which transactions are live, stranded or decided; and
 * that the log forgets a transaction only when every branch has ended as decided.
 */

import { assert, assertEquals } from "@std/assert";
import { Ledger, type LiveTransaction } from "../../src/coordinator/ledger.ts";
import { FakeLog } from "./support/fake_log.ts";
import { SteppedClock } from "./support/stepped_clock.ts";

const north = { participant: "north", gid: "g_0", token: "701" };
const south = { participant: "south", gid: "g_1", token: "702" };
const heuristic = { participant: "north", gid: "g_0", outcome: "rolled back" } as const;

function make() {
  const log = new FakeLog();
  return { log, ledger: new Ledger(log, new SteppedClock()) };
}

/** A transaction that runs, and whose time nobody ends. */
function live(txn: bigint): LiveTransaction {
  return { txn, expire: () => null, openSettling: () => {} };
}

async function isOver(promise: Promise<void>): Promise<boolean> {
  let over = false;
  void promise.then(() => over = true);
  await new Promise<void>((resolve) => queueMicrotask(resolve));
  return over;
}

Deno.test("Ledger.isLive() holds from begin() to end()", () => {
  const { ledger } = make();
  assert(!ledger.isLive(1n));
  ledger.begin(live(1n));
  assert(ledger.isLive(1n) && !ledger.isLive(2n) && !ledger.isDecided(1n));
  ledger.end(1n);
  assert(!ledger.isLive(1n));
});

Deno.test("Ledger.idle resolves when the last live transaction has ended", async () => {
  const { ledger } = make();
  assert(await isOver(ledger.idle));
  ledger.begin(live(1n));
  ledger.begin(live(2n));
  const { idle } = ledger;
  ledger.end(1n);
  assert(!await isOver(idle));
  ledger.end(2n);
  assert(await isOver(idle));
  ledger.begin(live(3n));
  assert(!await isOver(ledger.idle));
});

Deno.test("Ledger.settle() keeps off the sweep what only the log knows, but nobody waits for it", async () => {
  const { ledger } = make();
  ledger.begin(live(1n));
  const { idle } = ledger;
  ledger.settle({ txn: 1n, verdict: "log", branches: [north], logged: false });
  ledger.end(1n);
  assert(ledger.isLive(1n));
  assert(await isOver(idle));
  ledger.settle({ txn: 1n, verdict: "commit", branches: [north], logged: true });
  assertEquals([ledger.isLive(1n), ledger.isDecided(1n)], [false, true]);
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
  const settlement = ledger.settle({
    txn: 1n,
    verdict: "commit",
    branches: [north, south],
    logged: true,
  });
  assert(ledger.isDecided(1n));
  settlement.settle("g_0", "committed");
  assertEquals([ledger.isDecided(1n), log.trace.count("log end")], [true, 0]);
  settlement.settle("g_1", "committed");
  assertEquals([ledger.isDecided(1n), log.trace.count("log end")], [false, 1]);
});

Deno.test("Ledger.settle() keeps a transaction in the log that did not end as decided", () => {
  const { ledger, log } = make();
  const settlement = ledger.settle({
    txn: 1n,
    verdict: "commit",
    branches: [north, south],
    logged: true,
  });
  settlement.settle("g_0", "rolled back", heuristic);
  settlement.settle("g_1", "committed");
  assertEquals([ledger.isDecided(1n), log.trace.count("log end")], [true, 0]);
});

Deno.test("Ledger.settle() ends an undecided transaction in the log only if it is there", () => {
  const { ledger, log } = make();
  ledger.settle({ txn: 1n, verdict: "rollback", branches: [north], logged: false }).settle(
    "g_0",
    "rolled back",
  );
  assertEquals(log.trace.count("log end"), 0);
  const logged = ledger.settle({ txn: 2n, verdict: "rollback", branches: [north], logged: true });
  assert(!ledger.isDecided(2n));
  logged.settle("g_0", "rolled back");
  assertEquals(log.trace.count("log end"), 1);
});

Deno.test("Ledger.settle() adds branches that are found later", () => {
  const { ledger } = make();
  const request = { txn: 1n, verdict: "rollback", logged: false } as const;
  const settlement = ledger.settle({ ...request, branches: [north] });
  assertEquals(ledger.settle({ ...request, branches: [south, north] }), settlement);
  assertEquals(settlement.outstanding, [north, south]);
});

Deno.test("Ledger.settle() tells the log how an undecided transaction ended", () => {
  const { ledger, log } = make();
  const settle = (
    txn: bigint,
    verdict: "rollback" | "ask",
    outcome: "committed" | "rolled back" | "unknown",
  ) => ledger.settle({ txn, verdict, branches: [north], logged: false }).settle("g_0", outcome);
  settle(1n, "rollback", "rolled back");
  // A sweep that finds nothing may have come upon a transaction that was just committing.
  settle(2n, "rollback", "unknown");
  settle(3n, "ask", "committed");
  assertEquals([...log.outcomes], [[1n, false], [3n, true]]);
});

Deno.test("Ledger.drop() gives up a transaction, and the log with it", () => {
  const { ledger, log } = make();
  const settlement = ledger.settle({ txn: 1n, verdict: "commit", branches: [north], logged: true });
  settlement.settle("g_0", "rolled back", heuristic);
  assertEquals(ledger.unsettled, [settlement]);
  ledger.drop(settlement);
  assertEquals([ledger.unsettled, log.trace.count("log end")], [[], 1]);
});

Deno.test("Ledger.adopt() shows a transaction of another coordinator until its branches have ended", () => {
  const { ledger } = make();
  const settlement = ledger.adopt("lost_7", north);
  assertEquals(ledger.adopt("lost_7", south), settlement);
  assertEquals([ledger.find("lost_7"), settlement.outstanding], [settlement, [north, south]]);
  settlement.settle("g_0", "committed");
  settlement.settle("g_1", "committed");
  assertEquals(ledger.unsettled, []);
});

Deno.test("Ledger.endedSince() knows the branches that operators ended, the last thousand of them", () => {
  const clock = new SteppedClock();
  const ledger = new Ledger(new FakeLog(), clock);
  assert(!ledger.endedSince("g_0", 0));
  clock.advance(10);
  ledger.noteEnded("g_0");
  assert(
    ledger.endedSince("g_0", 10) && !ledger.endedSince("g_0", 11) && !ledger.endedSince("g_1", 0),
  );
  for (let place = 1; place <= 999; place++) ledger.noteEnded(`g_${place}`);
  assert(ledger.endedSince("g_0", 0) && ledger.endedSince("g_999", 0));
  ledger.noteEnded("g_1000");
  assert(!ledger.endedSince("g_0", 0) && ledger.endedSince("g_1", 0));
});

Deno.test("Ledger.isUncertain() holds for what only an operator can settle, while that is so", () => {
  const { ledger } = make();
  const settlement = ledger.settle({
    txn: 1n,
    verdict: "operator",
    branches: [north],
    logged: false,
  });
  assert(ledger.isUncertain(1n) && !ledger.isUncertain(2n));
  settlement.settle("g_0", "rolled back");
  assert(!ledger.isUncertain(1n));
});
