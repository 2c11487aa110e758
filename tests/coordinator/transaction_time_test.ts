/**
 * Guarantees that a timeout or a signal ends a transaction before its decision, wherever it stands,
 * and that neither does anything after it.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { EMPTY } from "./support/aborted.ts";
import { syncedAfter } from "./support/fake_log.ts";
import { waitsFor } from "./support/faults.ts";
import { Workbench } from "./support/workbench.ts";

Deno.test("Transaction.commit() aborts when time is up before the branches are asked", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.write(undefined, 500);
  await bench.clock.pass(500);
  const error = await assertRejects(
    () => bench.clock.run(transaction.commit()),
    TransactionAbortedError,
    "its timeout of 500 ms passed",
  );
  assertEquals([error.retryable, error.participant], [true, null]);
  assertEquals(bench.rows(), EMPTY);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() aborts when time is up while a branch is asked", async () => {
  const bench = await Workbench.open();
  const { script } = bench.database("north");
  const interrupted = Promise.withResolvers<void>();
  script.next("examine", waitsFor(interrupted.promise));
  script.next("rollback", waitsFor(interrupted.promise));
  script.next("interrupt", (call) => {
    interrupted.resolve();
    return call.effect();
  });
  const transaction = await bench.write(undefined, 500);
  await assertRejects(
    () => bench.clock.run(transaction.commit()),
    TransactionAbortedError,
    "500 ms",
  );
  assertEquals([bench.clock.elapsed(), bench.rows()], [750, EMPTY]);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() aborts when the signal comes during PREPARE", async () => {
  const bench = await Workbench.open();
  const controller = new AbortController();
  bench.database("south").script.next("prepare", (call) => {
    controller.abort(new Error("the caller left"));
    return call.effect();
  });
  const transaction = await bench.begin(["north", "south"], 60_000, controller.signal);
  for (const client of Object.values(transaction.clients)) client.write("row");
  const error = await assertRejects(
    () => bench.clock.run(transaction.commit()),
    TransactionAbortedError,
    "signal",
  );
  assertEquals([error.retryable, (error.cause as Error).message], [false, "the caller left"]);
  assertEquals([bench.rows(), bench.trace.count("log decide")], [EMPTY, 0]);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() is stopped by nothing after the decision", async () => {
  const bench = await Workbench.open();
  const controller = new AbortController();
  const synced = Promise.withResolvers<void>();
  bench.log.next("decide", syncedAfter(synced.promise));
  const transaction = await bench.begin(["north", "south"], 500, controller.signal);
  for (const client of Object.values(transaction.clients)) client.write("row");
  const committing = transaction.commit();
  await bench.clock.settle();
  assertEquals(transaction.state, "deciding");
  await bench.clock.pass(1000);
  controller.abort();
  synced.resolve();
  await bench.clock.run(committing);
  assertEquals(bench.rows(), { north: ["row"], south: ["row"] });
  bench.assertQuiet();
});

Deno.test("Transaction leaves no timer and no listener behind when it has ended", async () => {
  const bench = await Workbench.open();
  const controller = new AbortController();
  const committed = await bench.begin(["north", "south"], 60_000, controller.signal);
  for (const client of Object.values(committed.clients)) client.write("row");
  await bench.clock.run(committed.commit());
  const rolledBack = await bench.write();
  await bench.clock.run(rolledBack.rollback());
  await bench.clock.settle();
  assertEquals(bench.timers, 0);
  controller.abort();
  await bench.clock.settle();
  assertEquals([committed.state, rolledBack.state], ["committed", "aborted"]);
});
