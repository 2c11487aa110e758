/**
 * Guarantees that whatever is refused before the decision leaves nothing of the transaction in any
 * database, and that the caller learns which participant it was, why, and whether to try again.
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { HeuristicOutcomeError, TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { abort, EMPTY } from "./support/aborted.ts";
import { SqlError } from "./support/fake_database.ts";
import { refuses } from "./support/faults.ts";
import { Workbench } from "./support/workbench.ts";

Deno.test("Transaction.commit() rolls the others back when one refuses PREPARE", async () => {
  const bench = await Workbench.open();
  const cause = new SqlError("23503", "a deferred constraint is violated");
  bench.database("south").script.next("prepare", refuses(cause));
  const error = await abort(bench, await bench.write());
  assertEquals([error.participant, error.retryable], ["south", false]);
  assertStrictEquals(error.cause, cause);
  assert(error.message.includes('"south" refused PREPARE (a deferred constraint'), error.message);
  assertEquals(bench.trace.count("north rollbackPrepared"), 1);
  assertEquals(bench.rows(), EMPTY);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() says when trying again may help", async () => {
  const bench = await Workbench.open();
  bench.database("north").script.next("prepare", refuses(new SqlError("40001", "conflict"), true));
  const error = await abort(bench, await bench.write());
  assertEquals([error.participant, error.retryable], ["north", true]);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() aborts when every database refuses", async () => {
  const bench = await Workbench.open();
  for (const { script } of bench.databases.values()) {
    script.next("prepare", refuses(new SqlError("53200", "no slot is free"), true));
  }
  await abort(bench, await bench.write());
  assertEquals(bench.trace.entries.filter((entry) => entry.endsWith("rollbackPrepared")), []);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() aborts where prepared transactions are disabled", async () => {
  const bench = await Workbench.open();
  bench.database("south").allowsPrepared = false;
  const error = await abort(bench, await bench.write());
  assert(error.message.includes("prepared transactions are disabled"), error.message);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() aborts when the gid is someone else's", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.write();
  const gid = `indoubt_fake_${transaction.id}_1`;
  bench.database("south").prepareByHand(gid, "someone else's");
  const error = await abort(bench, transaction);
  assertEquals([error.participant, (error.cause as SqlError).code], ["south", "42710"]);
  assertEquals(bench.database("south").prepared, [gid]);
  assertEquals(bench.rows(), EMPTY);
});

Deno.test("Transaction.commit() aborts when a statement had failed unseen", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.write();
  try {
    transaction.clients["north"]?.fail();
  } catch {
    // As an application might.
  }
  const error = await abort(bench, transaction);
  assertEquals([error.participant, error.retryable], ["north", false]);
  assertEquals([bench.rows(), bench.trace.count("south prepare")], [EMPTY, 0]);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() rolls writers back when a reader cannot commit", async () => {
  const bench = await Workbench.open({ names: ["north", "reader", "south"] });
  bench.database("reader").script.next("commit", refuses(new SqlError("40001", "conflict"), true));
  const transaction = await bench.begin();
  for (const name of ["north", "south"]) transaction.clients[name]?.write("row");
  const error = await abort(bench, transaction);
  assertEquals([error.participant, error.retryable], ["reader", true]);
  assertEquals(bench.rows(), { ...EMPTY, reader: [] });
  bench.assertQuiet();
});

Deno.test("Transaction.commit() aborts in one phase when the only writer refuses", async () => {
  const bench = await Workbench.open();
  bench.database("north").script.next("commit", refuses(new SqlError("40001", "conflict"), true));
  const transaction = await bench.begin();
  transaction.clients["north"]?.write("row");
  const error = await abort(bench, transaction);
  assertEquals([error.participant, error.retryable], ["north", true]);
  assertEquals(bench.rows(), EMPTY);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() ends a logged Begin when it is rolled back", async () => {
  const bench = await Workbench.open({ options: { forceBegin: true } });
  bench.database("south").script.next("prepare", refuses(new SqlError("40001", "conflict")));
  const held = Promise.withResolvers<void>();
  bench.database("north").script.next("rollbackPrepared", async ({ effect }) => {
    await held.promise;
    return effect();
  });
  const committing = (await bench.write()).commit();
  const aborted = assertRejects(() => committing, TransactionAbortedError);
  await bench.clock.settle();
  assertEquals([bench.log.unfinished.length, bench.trace.count("log end")], [1, 0]);
  held.resolve();
  await bench.clock.run(aborted);
  assertEquals([bench.log.unfinished.length, bench.trace.count("log end")], [0, 1]);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() tells of a branch that the application ended itself", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.write();
  transaction.clients["south"]?.commitByHand();
  const error = await assertRejects(
    () => bench.clock.run(transaction.commit()),
    HeuristicOutcomeError,
  );
  assertEquals([error.decision, error.transactionId], ["rolled back", transaction.id]);
  assertEquals(error.branches, [
    { participant: "south", gid: `indoubt_fake_${transaction.id}_1`, outcome: "unknown" },
  ]);
  assertEquals([transaction.state, bench.rows()["north"]], ["aborted", []]);
  assertEquals(bench.trace.count("log"), 0);
  bench.assertQuiet();
});
