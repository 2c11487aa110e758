/**
 * Guarantees that whatever fails before the decision leaves nothing of the transaction in any database,
 * and that the caller learns which participant it was, why, and whether to try again.
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { HeuristicOutcomeError, TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { SqlError } from "./support/fake_database.ts";
import {
  answers,
  hangs,
  hangsAfter,
  lateAfter,
  lostAfter,
  lostBefore,
  refuses,
} from "./support/faults.ts";
import { type BenchTransaction, Workbench } from "./support/workbench.ts";

const EMPTY = { north: [], south: [] };

/** Commits a transaction that must abort, lets what follows happen, and sees that nothing is left. */
async function abort(bench: Workbench, transaction: BenchTransaction) {
  const error = await assertRejects(
    () => bench.clock.run(transaction.commit()),
    TransactionAbortedError,
  );
  assertEquals([transaction.state, error.transactionId], ["aborted", transaction.id]);
  assertEquals(bench.trace.count("log decide"), 0);
  return error;
}

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

Deno.test("Transaction.commit() says when the database thinks that trying again helps", async () => {
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

Deno.test("Transaction.commit() aborts when the gid is taken, and leaves its owner alone", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.write();
  const gid = `indoubt_fake_${transaction.id}_1`;
  bench.database("south").prepareByHand(gid, "someone else's");
  const error = await abort(bench, transaction);
  assertEquals([error.participant, (error.cause as SqlError).code], ["south", "42710"]);
  assertEquals(bench.database("south").prepared, [gid]);
  assertEquals(bench.rows(), EMPTY);
});

Deno.test("Transaction.commit() aborts when a statement has failed, though its error was caught", async () => {
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

for (const [what, fault] of [["before", lostBefore], ["after", lostAfter]] as const) {
  Deno.test(`Transaction.commit() aborts when an answer is lost ${what} PREPARE took effect`, async () => {
    const bench = await Workbench.open();
    bench.database("south").script.next("prepare", fault);
    const error = await abort(bench, await bench.write());
    assertEquals([error.participant, error.retryable], ["south", true]);
    await bench.clock.settle();
    assertEquals(bench.rows(), EMPTY);
    bench.assertQuiet();
  });
}

Deno.test("Transaction.commit() has a branch resolved that may be prepared, until it is known", async () => {
  const bench = await Workbench.open();
  const south = bench.database("south");
  south.script.next("prepare", (call) => {
    const answer = lostAfter(call);
    south.disconnect();
    return answer;
  });
  await abort(bench, await bench.write());
  await bench.clock.pass(600_000);
  assertEquals([south.prepared.length, bench.resolver.pending], [1, 1]);
  south.reconnect();
  await bench.clock.pass(30_000);
  assertEquals(bench.rows(), EMPTY);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() does not wait for ever for PREPARE", async () => {
  const bench = await Workbench.open({ options: { prepareTimeout: 700 } });
  bench.database("south").script.next("prepare", hangsAfter);
  const error = await abort(bench, await bench.write());
  assert(error.message.includes("did not answer PREPARE in 700 ms"), error.message);
  assertEquals([error.participant, error.retryable, bench.clock.elapsed()], ["south", true, 700]);
  await bench.clock.settle();
  assertEquals(bench.rows(), EMPTY);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() leaves a PREPARE that comes late to the sweep", async () => {
  const bench = await Workbench.open();
  const south = bench.database("south");
  const late = Promise.withResolvers<void>();
  south.script.next("prepare", lateAfter(late.promise));
  await abort(bench, await bench.write());
  await bench.clock.settle();
  assertEquals([south.prepared.length, bench.resolver.pending], [0, 0]);
  late.resolve();
  await bench.clock.settle();
  assertEquals(south.prepared.length, 1);
  const [swept] = await bench.clock.run(bench.membership.sweepAll());
  await bench.clock.run(swept?.settlement.done ?? Promise.reject(new Error("nothing was found")));
  assertEquals(bench.rows(), EMPTY);
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

Deno.test("Transaction.commit() keeps at a ROLLBACK PREPARED whose answer is lost", async () => {
  const bench = await Workbench.open();
  bench.database("south").script.next("prepare", refuses(new SqlError("40001", "conflict")));
  bench.database("north").script.next("rollbackPrepared", lostBefore);
  bench.database("north").script.next(
    "rollbackPrepared",
    answers({ kind: "operator", error: null }),
  );
  await abort(bench, await bench.write());
  assertEquals([bench.resolver.pending, bench.database("north").prepared.length], [1, 1]);
  await bench.clock.pass(61_000);
  assertEquals(bench.rows(), EMPTY);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() ends a logged Begin when it is rolled back everywhere", async () => {
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

Deno.test("Transaction.commit() gives sessions back that cannot even be rolled back", async () => {
  const bench = await Workbench.open();
  const { script } = bench.database("north");
  bench.database("south").script.next("token", lostBefore);
  script.next("rollback", hangs);
  const error = await abort(bench, await bench.write());
  assertEquals([error.participant, bench.trace.count("north interrupt")], ["south", 1]);
  assertEquals(bench.rows(), EMPTY);
  assertEquals(bench.database("north").sessions, 0);
});
