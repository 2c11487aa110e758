/**
 * Guarantees that a transaction ends once, however it is ended: a second commit is refused, a
 * roll-back that comes too late or in between as well, and `await using` ends what nobody did.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { TransactionState } from "../../src/coordinator/transaction_state.ts";
import { EMPTY } from "./support/aborted.ts";
import { syncedAfter } from "./support/fake_log.ts";
import { hangs, waitsFor } from "./support/faults.ts";
import { Workbench } from "./support/workbench.ts";

Deno.test("Transaction.commit() is refused a second time, and the first one stands", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.write();
  const first = transaction.commit();
  await assertRejects(() => transaction.commit(), TypeError, "it is being committed");
  await bench.clock.run(first);
  await assertRejects(() => transaction.commit(), TypeError, "is committed already");
  assertEquals(bench.rows(), { north: [transaction.id], south: [transaction.id] });
  bench.assertQuiet();
});

Deno.test("Transaction.commit() is refused after rollback()", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.write();
  await bench.clock.run(transaction.rollback());
  await assertRejects(() => transaction.commit(), TypeError, "it was rolled back");
  assertEquals(bench.rows(), EMPTY);
});

Deno.test("Transaction.rollback() rolls back everywhere, any number of times", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.write();
  await bench.clock.run(Promise.all([transaction.rollback(), transaction.rollback()]));
  await transaction.rollback();
  assertEquals([transaction.state, bench.rows()], ["aborted", EMPTY]);
  assertEquals([bench.trace.count("north rollback"), bench.trace.only("log")], [1, []]);
  assertEquals(bench.ledger.isLive(BigInt(transaction.id)), false);
  bench.assertQuiet();
});

Deno.test("Transaction.rollback() is refused after commit()", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.write();
  await bench.clock.run(transaction.commit());
  await assertRejects(() => transaction.rollback(), TypeError, "Cannot roll back");
  assertEquals(bench.rows(), { north: [transaction.id], south: [transaction.id] });
});

Deno.test("Transaction.rollback() is refused while the decision may reach the disk", async () => {
  const bench = await Workbench.open();
  const synced = Promise.withResolvers<void>();
  bench.log.next("decide", syncedAfter(synced.promise));
  await assertRollbackRefused(bench, "deciding", synced);
  assertEquals(bench.trace.entries.filter((entry) => entry.endsWith("rollbackPrepared")), []);
});

Deno.test("Transaction.rollback() is refused while branches are being prepared", async () => {
  const bench = await Workbench.open();
  const prepared = Promise.withResolvers<void>();
  bench.database("south").script.next("prepare", waitsFor(prepared.promise));
  await assertRollbackRefused(bench, "committing", prepared);
});

Deno.test("Transaction.rollback() is refused while branches are being committed", async () => {
  const bench = await Workbench.open();
  const committed = Promise.withResolvers<void>();
  bench.database("south").script.next("commitPrepared", waitsFor(committed.promise));
  await assertRollbackRefused(bench, "settling", committed);
});

/**
 * Rolls back while a commit has stopped in a state; then it goes on and must commit all the same.
 */
async function assertRollbackRefused(
  bench: Workbench,
  state: TransactionState,
  gate: PromiseWithResolvers<void>,
): Promise<void> {
  const transaction = await bench.write();
  const committing = Promise.allSettled([transaction.commit()]);
  await bench.clock.settle();
  assertEquals(transaction.state, state);
  const rollingBack = Promise.allSettled([transaction.rollback()]);
  await bench.clock.settle();
  gate.resolve();
  const endings = await bench.clock.run(Promise.all([committing, rollingBack]));
  assertEquals(endings.flat().map(({ status }) => status), ["fulfilled", "rejected"]);
  assertEquals(bench.rows(), { north: [transaction.id], south: [transaction.id] });
  bench.assertQuiet();
}

Deno.test("Transaction.rollback() interrupts a statement that keeps it waiting", async () => {
  const bench = await Workbench.open();
  const { script } = bench.database("north");
  const interrupted = Promise.withResolvers<void>();
  script.next("rollback", waitsFor(interrupted.promise));
  script.next("interrupt", (call) => {
    interrupted.resolve();
    return call.effect();
  });
  const transaction = await bench.write();
  await bench.clock.run(transaction.rollback());
  assertEquals(bench.clock.elapsed(), 250);
  bench.assertQuiet();
});

Deno.test("Transaction.rollback() gives up a session that does not answer", async () => {
  const bench = await Workbench.open();
  bench.database("north").script.next("rollback", hangs);
  const transaction = await bench.write();
  await assertRejects(() => bench.clock.run(transaction.rollback()), Error, 'branch in "north"');
  assertEquals([transaction.state, bench.rows()], ["aborted", EMPTY]);
  assertEquals(bench.database("north").sessions, 0);
  assert(bench.clock.elapsed() <= 11_000);
});

Deno.test("Transaction[Symbol.asyncDispose]() rolls back what was not ended", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.write();
  await bench.clock.run(transaction[Symbol.asyncDispose]());
  assertEquals([transaction.state, bench.rows()], ["aborted", EMPTY]);
  await transaction[Symbol.asyncDispose]();
  bench.assertQuiet();
});

Deno.test("Transaction[Symbol.asyncDispose]() has no effect after a commit", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.write();
  await bench.clock.run(transaction.commit());
  await transaction[Symbol.asyncDispose]();
  assertEquals([transaction.state, bench.rows()["south"]], ["committed", [transaction.id]]);
});
