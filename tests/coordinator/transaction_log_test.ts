/**
 * Guarantees what a log that fails under a decision may and may not cause: rolled back if the
 * decision is certainly not in it, and left untouched everywhere until the log is read anew if
 * nobody knows.
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { OutcomeUnknownError, TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { takeUp } from "../../src/coordinator/recover.ts";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import {
  failedAndLost,
  failedButKept,
  failedUntil,
  type LogFault,
  refused,
} from "./support/fake_log.ts";
import { hangs, lostAfter, lostBefore } from "./support/faults.ts";
import { Workbench } from "./support/workbench.ts";

const ENDINGS = /commitPrepared|rollbackPrepared/;

/** A workbench on which a transaction's decision has just failed, with the error. */
async function failDecision(fault: LogFault) {
  const bench = await Workbench.open();
  bench.log.next("decide", fault);
  const transaction = await bench.write();
  const error = await assertRejects(
    () => bench.clock.run(transaction.commit()),
    OutcomeUnknownError,
  );
  assertEquals([error.transactionId, transaction.state], [transaction.id, "unknown"]);
  assert(error.cause instanceof LogUnavailableError);
  return { bench, transaction };
}

Deno.test("Transaction.commit() aborts when the log certainly took no decision", async () => {
  const bench = await Workbench.open();
  bench.log.next("decide", refused);
  const transaction = await bench.write();
  const error = await assertRejects(
    () => bench.clock.run(transaction.commit()),
    TransactionAbortedError,
    "the log took no record",
  );
  assert(error.cause instanceof LogUnavailableError);
  assertEquals([error.participant, error.retryable, transaction.state], [null, false, "aborted"]);
  assertEquals(bench.rows(), { north: [], south: [] });
  bench.assertQuiet();
});

Deno.test("Transaction.commit() aborts when the log cannot write the decision at all", async () => {
  const bench = await Workbench.open();
  const cause = new RangeError("the record is too large");
  bench.log.next("decide", () => Promise.reject(cause));
  const error = await assertRejects(
    async () => await bench.clock.run((await bench.write()).commit()),
    TransactionAbortedError,
  );
  assertStrictEquals(error.cause, cause);
  bench.assertQuiet();
});

for (const [what, fault] of [["is", failedButKept], ["is not", failedAndLost]] as const) {
  Deno.test(`Transaction.commit() touches nothing in doubt when it ${what} on disk`, async () => {
    const { bench } = await failDecision(fault);
    for (let sweep = 0; sweep < 5; sweep++) {
      assertEquals(await bench.clock.run(bench.membership.sweepAll()), []);
      await bench.clock.pass(60_000);
    }
    assertEquals(bench.trace.entries.filter((entry) => ENDINGS.test(entry)), []);
    for (const { prepared, sessions, violations } of bench.databases.values()) {
      assertEquals([prepared.length, sessions, violations], [1, 0, []]);
    }
    assertEquals(bench.trace.count("log end"), 0);
  });
}

Deno.test("Transaction.commit() keeps nobody waiting for an unknown outcome", async () => {
  const { bench } = await failDecision(failedAndLost);
  await bench.clock.run(bench.ledger.idle);
  assertEquals(bench.clock.elapsed(), 0);
});

Deno.test("Transaction.commit() is settled by the next opening: on disk", async () => {
  const { bench, transaction } = await failDecision(failedButKept);
  const next = await Workbench.open({
    log: bench.log.reopen(),
    databases: [...bench.databases.values()],
  });
  const [settlement] = takeUp(next.log.recovered, next.ledger);
  for (const branch of settlement!.outstanding) void next.resolver.take(settlement!, branch);
  await next.clock.run(settlement!.done);
  assertEquals(next.rows(), { north: [transaction.id], south: [transaction.id] });
  next.assertQuiet();
});

Deno.test("Transaction.commit() is settled by the next opening: not on disk", async () => {
  const { bench } = await failDecision(failedAndLost);
  const next = await Workbench.open({
    log: bench.log.reopen(),
    databases: [...bench.databases.values()],
  });
  assertEquals(next.log.recovered, []);
  const swept = await next.clock.run(next.membership.sweepAll());
  assertEquals(swept.length, 2);
  await next.clock.run(Promise.all(swept.map(({ settlement }) => settlement.done)));
  assertEquals(next.rows(), { north: [], south: [] });
  next.assertQuiet();
});

Deno.test("Transaction.commit() commits after all when the log comes back", async () => {
  const back = Promise.withResolvers<boolean>();
  const { bench, transaction } = await failDecision(failedUntil(back.promise));
  const txn = BigInt(transaction.id);
  await bench.clock.pass(600_000);
  assertEquals([bench.rows(), bench.ledger.isLive(txn)], [{ north: [], south: [] }, true]);
  back.resolve(true);
  await bench.clock.settle();
  assertEquals(bench.rows(), { north: [transaction.id], south: [transaction.id] });
  assertEquals([bench.ledger.isLive(txn), bench.log.unfinished], [false, []]);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() touches nothing when the log never answers", async () => {
  const back = Promise.withResolvers<boolean>();
  const { bench, transaction } = await failDecision(failedUntil(back.promise));
  back.resolve(false);
  await bench.clock.settle();
  assertEquals(await bench.clock.run(bench.membership.sweepAll()), []);
  assertEquals(bench.trace.entries.filter((entry) => ENDINGS.test(entry)), []);
  assert(bench.ledger.isLive(BigInt(transaction.id)));
});

for (const [what, fault] of Object.entries({ refused, failedButKept, failedAndLost })) {
  Deno.test(`Transaction.commit() aborts before PREPARE if Begin is ${what}`, async () => {
    const bench = await Workbench.open({ options: { forceBegin: true } });
    bench.log.next("begin", fault);
    await assertRejects(
      async () => await bench.clock.run((await bench.write()).commit()),
      TransactionAbortedError,
    );
    assertEquals(bench.trace.entries.filter((entry) => entry.endsWith(" prepare")), []);
    assertEquals(bench.rows(), { north: [], south: [] });
    bench.assertQuiet();
  });
}

for (const [fault, committed] of [[lostBefore, false], [lostAfter, true]] as const) {
  const ending = committed ? "committed" : "rolled back";
  Deno.test(`Transaction.commit() asks for the outcome when one phase loses its answer: ${ending}`, async () => {
    const bench = await Workbench.open();
    bench.database("north").script.next("commit", fault);
    const transaction = await bench.begin();
    transaction.clients["north"]?.write("row");
    const committing = bench.clock.run(transaction.commit());
    if (committed) await committing;
    else {
      const error = await assertRejects(() => committing, TransactionAbortedError);
      assertEquals([error.participant, error.retryable], ["north", true]);
    }
    assertEquals(transaction.state, committed ? "committed" : "aborted");
    assertEquals(bench.rows()["north"], committed ? ["row"] : []);
    assertEquals([...bench.log.outcomes], [[BigInt(transaction.id), committed]]);
    assertEquals(bench.log.unfinished, []);
    bench.assertQuiet();
  });
}

Deno.test("Transaction.commit() says unknown when one phase loses its answer for long", async () => {
  const bench = await Workbench.open();
  const north = bench.database("north");
  north.script.next("commit", lostAfter);
  const transaction = await bench.begin();
  transaction.clients["north"]?.write("row");
  const committing = transaction.commit();
  north.script.always("outcomeOf", hangs);
  const error = await assertRejects(
    () => bench.clock.run(committing),
    OutcomeUnknownError,
    'the answer of "north" to COMMIT was lost',
  );
  const txn = BigInt(transaction.id);
  assertEquals([error.transactionId, transaction.state], [transaction.id, "unknown"]);
  assertEquals([bench.ledger.isLive(txn), bench.unsettled.size], [false, 1]);
  assertEquals(bench.log.unfinished.map(({ doubtful }) => doubtful), [true]);
  north.script.always("outcomeOf", null);
  await bench.clock.pass(120_000);
  assertEquals([transaction.state, bench.log.outcomeOf(txn)], ["committed", true]);
  assertEquals(bench.log.unfinished, []);
  bench.assertQuiet();
});
