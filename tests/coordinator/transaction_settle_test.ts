/**
 * Guarantees what follows a decision: every branch is driven to commit whatever is lost on the way,
 * the log keeps the decision until each has truly answered, and a branch that someone else ended is
 * told.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { HeuristicOutcomeError } from "../../src/coordinator/errors.ts";
import { answers, hangs, hangsAfter, lostAfter, lostBefore } from "./support/faults.ts";
import { type BenchTransaction, Workbench } from "./support/workbench.ts";

async function commit(bench: Workbench) {
  const transaction = await bench.write();
  const { settled } = await bench.clock.run(transaction.commit());
  return { transaction, settled };
}

function assertCommitted(bench: Workbench, { id }: BenchTransaction): void {
  assertEquals(bench.rows(), { north: [id], south: [id] });
  bench.assertQuiet();
  assertEquals([bench.log.unfinished, bench.trace.count("log end")], [[], 1]);
}

Deno.test("Transaction.commit() learns by token what a lost answer had done", async () => {
  const bench = await Workbench.open();
  bench.database("south").script.next("commitPrepared", lostAfter);
  const { transaction } = await commit(bench);
  assertEquals(bench.trace.count("south outcomeOf"), 1);
  assertEquals(bench.events.at(-1)?.type, "branch-settled");
  assertEquals(bench.events.some(({ type }) => type === "heuristic-outcome"), false);
  assertCommitted(bench, transaction);
});

Deno.test("Transaction.commit() sends a lost COMMIT PREPARED again", async () => {
  const bench = await Workbench.open();
  for (const { script } of bench.databases.values()) {
    for (let round = 0; round < 3; round++) script.next("commitPrepared", lostBefore);
  }
  const { transaction } = await commit(bench);
  assertCommitted(bench, transaction);
});

Deno.test("Transaction.commit() returns within settleTimeout, the resolver goes on", async () => {
  const bench = await Workbench.open({ options: { settleTimeout: 2000 } });
  const south = bench.database("south");
  south.script.next("commitPrepared", (call) => {
    south.disconnect();
    return lostBefore(call);
  });
  const { transaction, settled } = await commit(bench);
  assertEquals([bench.clock.elapsed(), transaction.state], [2000, "committed"]);
  assertEquals([south.prepared.length, bench.resolver.pending], [1, 1]);
  assertEquals([bench.log.unfinished.length, bench.trace.count("log end")], [1, 0]);
  await bench.clock.pass(3_600_000);
  assertEquals(south.prepared.length, 1);
  south.reconnect();
  await bench.clock.run(settled);
  assertCommitted(bench, transaction);
});

Deno.test("Transaction.commit() waits settleTimeout at most", async () => {
  const bench = await Workbench.open({ options: { settleTimeout: 2000 } });
  bench.database("south").script.always("commitPrepared", hangs);
  await commit(bench);
  assertEquals(bench.clock.elapsed(), 2000);
});

Deno.test("Transaction.commit() does not commit twice what went unanswered", async () => {
  const bench = await Workbench.open({ options: { settleTimeout: 2000 } });
  bench.database("south").script.next("commitPrepared", hangsAfter);
  const { transaction, settled } = await commit(bench);
  await bench.clock.run(settled);
  assertCommitted(bench, transaction);
});

Deno.test("Transaction.commit() keeps at a branch that needs a person", async () => {
  const bench = await Workbench.open();
  const error = new Error("permission denied to finish prepared transaction");
  bench.database("south").script.next("commitPrepared", answers({ kind: "operator", error }));
  const { transaction, settled } = await commit(bench);
  const gid = `indoubt_fake_${transaction.id}_1`;
  assertEquals(bench.events.at(-1), {
    type: "branch-stuck",
    transactionId: transaction.id,
    participant: "south",
    gid,
    error,
  });
  assertEquals(bench.database("south").prepared, [gid]);
  await bench.clock.run(settled);
  assertCommitted(bench, transaction);
});

Deno.test("Transaction.commit() tells of a branch that a person rolled back", async () => {
  const bench = await Workbench.open();
  const south = bench.database("south");
  south.script.next("commitPrepared", (call) => {
    south.endByHand(south.prepared[0]!, "aborted");
    return call.effect();
  });
  const transaction = await bench.write();
  const error = await assertRejects(
    () => bench.clock.run(transaction.commit()),
    HeuristicOutcomeError,
    "compare the databases by hand",
  );
  assertEquals([error.decision, transaction.state], ["committed", "committed"]);
  assertEquals(error.branches, [
    { participant: "south", gid: `indoubt_fake_${transaction.id}_1`, outcome: "rolled back" },
  ]);
  assertEquals(bench.rows(), { north: [transaction.id], south: [] });
  assertEquals([bench.log.unfinished.length, bench.trace.count("log end")], [1, 0]);
  assert(bench.ledger.isDecided(BigInt(transaction.id)));
  bench.assertQuiet();
});

Deno.test("Transaction.commit() does not guess a forgotten outcome", async () => {
  const bench = await Workbench.open();
  const south = bench.database("south");
  south.script.next("commitPrepared", (call) => {
    const answer = lostAfter(call);
    south.forgetOutcomes();
    return answer;
  });
  const transaction = await bench.write();
  const error = await assertRejects(
    () => bench.clock.run(transaction.commit()),
    HeuristicOutcomeError,
  );
  assertEquals(error.branches.map(({ outcome }) => outcome), ["unknown"]);
  assertEquals(bench.trace.count("log end"), 0);
});

Deno.test("Transaction.commit() accepts a person's COMMIT PREPARED", async () => {
  const bench = await Workbench.open();
  const south = bench.database("south");
  south.script.next("commitPrepared", (call) => {
    south.endByHand(south.prepared[0]!, "committed");
    return call.effect();
  });
  const { transaction } = await commit(bench);
  assertCommitted(bench, transaction);
});

Deno.test("Transaction.commit() lets an outage hold up nobody else", async () => {
  const bench = await Workbench.open({ options: { settleTimeout: 1000 } });
  const south = bench.database("south");
  south.script.next("commitPrepared", (call) => {
    south.disconnect();
    return lostBefore(call);
  });
  const first = await commit(bench);
  assertEquals(bench.rows()["north"], [first.transaction.id]);
  const next = await bench.write(["north"]);
  const before = bench.clock.elapsed();
  await bench.clock.run(next.commit());
  assertEquals(bench.clock.elapsed(), before);
  assertEquals(bench.rows()["north"], [first.transaction.id, next.id]);
});

Deno.test("Transaction.commit() passes no point of a step that the resolver did", async () => {
  const bench = await Workbench.open();
  bench.database("south").script.next("commitPrepared", lostBefore);
  await commit(bench);
  assertEquals(bench.points, ["first-prepared", "all-prepared", "decided", "first-committed"]);
});
