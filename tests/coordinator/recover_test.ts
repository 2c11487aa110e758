/**
 * Guarantees what an opening does with what the last one left: decided transactions are committed,
 * undecided ones rolled back, what cannot be settled yet is pending; and the report says so.
 */

import { assertEquals } from "@std/assert";
import type { UnfinishedTransaction } from "../../src/coordinator/decision_log.ts";
import { settleRecovered, takeUp } from "../../src/coordinator/recover.ts";
import { FakeLog } from "./support/fake_log.ts";
import { hangs, lostBefore, waitsFor } from "./support/faults.ts";
import { Workbench } from "./support/workbench.ts";

function unfinished(
  txn: bigint,
  decided: boolean,
  ...participants: string[]
): UnfinishedTransaction {
  const branches = participants.map((participant, place) => (
    { participant, gid: `indoubt_fake_${txn}_${place}`, token: "701" }
  ));
  return { txn, decided, branches };
}

/** A workbench over a log that holds these, with their branches prepared. */
async function reopen(...transactions: UnfinishedTransaction[]) {
  const bench = await Workbench.open({ log: new FakeLog(undefined, 2, transactions) });
  for (const { branches } of transactions) {
    for (const { participant, gid } of branches) {
      bench.databases.get(participant)?.prepareByHand(gid, gid);
    }
  }
  const { clock, membership, resolver } = bench;
  const recover = () => {
    const settlements = takeUp(bench.log.recovered, bench.ledger);
    return clock.run(settleRecovered(settlements, membership, resolver, clock, clock.elapsed()));
  };
  return { bench, recover };
}

Deno.test("takeUp() brings decided transactions into view, before any sweep", async () => {
  const { bench } = await reopen(unfinished(5n, true, "north"), unfinished(6n, false, "north"));
  const settlements = takeUp(bench.log.recovered, bench.ledger);
  assertEquals(settlements.map(({ id, verdict }) => [id, verdict]), [
    ["5", "commit"],
    ["6", "rollback"],
  ]);
  assertEquals([bench.ledger.isDecided(5n), bench.ledger.isDecided(6n)], [true, false]);
  assertEquals(bench.trace.entries, []);
});

Deno.test("settleRecovered() commits what the log decided", async () => {
  const { bench, recover } = await reopen(unfinished(5n, true, "north", "south"));
  assertEquals(await recover(), {
    committed: ["5"],
    rolledBack: [],
    pending: [],
    milliseconds: 0,
  });
  assertEquals(bench.rows(), { north: ["indoubt_fake_5_0"], south: ["indoubt_fake_5_1"] });
  assertEquals(bench.log.unfinished, []);
  bench.assertQuiet();
});

Deno.test("settleRecovered() commits the rest of what was partly committed", async () => {
  const { bench, recover } = await reopen(unfinished(5n, true, "north", "south"));
  bench.database("north").endByHand("indoubt_fake_5_0", "committed");
  assertEquals((await recover()).committed, ["5"]);
  assertEquals(bench.rows(), { north: ["indoubt_fake_5_0"], south: ["indoubt_fake_5_1"] });
  assertEquals(bench.log.unfinished, []);
});

Deno.test("settleRecovered() rolls back what the log began and did not decide", async () => {
  const { bench, recover } = await reopen(unfinished(5n, false, "north", "south"));
  const { committed, rolledBack, pending } = await recover();
  assertEquals([committed, rolledBack, pending], [[], ["5"], []]);
  assertEquals([bench.rows(), bench.log.unfinished], [{ north: [], south: [] }, []]);
  bench.assertQuiet();
});

Deno.test("settleRecovered() reports as rolled back what the sweep sees before it is", async () => {
  const { bench, recover } = await reopen(unfinished(5n, false, "north"));
  const { script } = bench.database("north");
  const listed = Promise.withResolvers<void>();
  script.next("rollbackPrepared", waitsFor(listed.promise));
  script.next("listPrepared", (call) => {
    bench.clock.after(1, listed.resolve); // The list is heard before the branch is gone.
    return call.effect();
  });
  const { rolledBack, pending } = await recover();
  assertEquals([rolledBack, pending, bench.database("north").prepared], [["5"], [], []]);
});

Deno.test("settleRecovered() rolls back what the log never heard of", async () => {
  const { bench, recover } = await reopen();
  bench.database("north").prepareByHand("indoubt_fake_8_0", "row");
  bench.database("south").prepareByHand("indoubt_fake_8_1", "row");
  bench.database("north").prepareByHand("indoubt_other_8_0", "foreign");
  const { rolledBack, pending } = await recover();
  assertEquals([rolledBack, pending], [["8"], []]);
  assertEquals(bench.database("north").prepared, ["indoubt_other_8_0"]);
  assertEquals(bench.database("south").prepared, []);
});

Deno.test("settleRecovered() leaves pending what is rolled back in one database only", async () => {
  const { bench, recover } = await reopen();
  bench.database("north").prepareByHand("indoubt_fake_8_0", "row");
  bench.database("south").prepareByHand("indoubt_fake_8_1", "row");
  bench.database("south").script.next("rollbackPrepared", lostBefore);
  const { rolledBack, pending } = await recover();
  assertEquals([rolledBack, pending], [[], ["8"]]);
  await bench.clock.pass(1000);
  bench.assertQuiet();
});

Deno.test("settleRecovered() presumes nothing about lost records", async () => {
  const begun = unfinished(1_000_000_000_005n, false, "north");
  const decided = unfinished(1_000_000_000_006n, true, "north");
  const { bench, recover } = await reopen(begun, decided);
  bench.log.damages.push({ epoch: 1, file: "", reason: "a record was lost" });
  const { committed, rolledBack, pending } = await recover();
  assertEquals([committed, rolledBack, pending], [[String(decided.txn)], [], [String(begun.txn)]]);
  assertEquals(bench.database("north").prepared, [begun.branches[0]!.gid]);
  assertEquals(bench.log.unfinished.map(({ txn }) => txn), [begun.txn]);
});

Deno.test("settleRecovered() leaves pending what its database cannot answer now", async () => {
  const { bench, recover } = await reopen(
    unfinished(5n, true, "north", "south"),
    unfinished(6n, true, "north"),
  );
  bench.database("south").disconnect();
  const { committed, pending } = await recover();
  assertEquals([committed, pending, bench.resolver.pending], [["6"], ["5"], 1]);
  assertEquals(bench.log.unfinished.map(({ txn }) => txn), [5n]);
  bench.database("south").reconnect();
  await bench.clock.pass(30_000);
  assertEquals([bench.database("south").rows, bench.log.unfinished], [["indoubt_fake_5_1"], []]);
});

Deno.test("settleRecovered() leaves pending what a removed participant holds", async () => {
  const { bench, recover } = await reopen(unfinished(5n, true, "north", "removed"));
  assertEquals((await recover()).pending, ["5"]);
  assertEquals([bench.log.unfinished.length, bench.database("north").rows.length], [1, 1]);
});

Deno.test("settleRecovered() leaves pending what someone else rolled back", async () => {
  const { bench, recover } = await reopen(unfinished(5n, true, "north", "south"));
  bench.database("north").endByHand("indoubt_fake_5_0", "aborted");
  assertEquals((await recover()).pending, ["5"]);
  assertEquals(bench.log.unfinished.map(({ txn }) => txn), [5n]);
  assertEquals(bench.events.filter(({ type }) => type === "heuristic-outcome").length, 1);
});

Deno.test("settleRecovered() waits half a minute at most for a database that hangs", async () => {
  const { bench, recover } = await reopen(unfinished(5n, true, "north", "south"));
  bench.database("south").script.always("commitPrepared", hangs);
  const { pending, milliseconds } = await recover();
  assertEquals([pending, milliseconds], [["5"], 30_000]);
});
