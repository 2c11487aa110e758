/**
 * Guarantees that a participant that is enlisted late takes part like every other, that whatever goes
 * wrong with it rolls everything back, and that nobody waits for it longer than the transaction lives.
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ParticipantIdentityError, TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { failedAndLost } from "./support/fake_log.ts";
import { fails, hangs, refuses, waitsFor } from "./support/faults.ts";
import { Workbench, type WorkbenchOptions } from "./support/workbench.ts";

const EMPTY = { north: [], south: [], west: [] };

/** A transaction that has written in north, with south and west beside it. */
async function begin(
  options: { timeout?: number; signal?: AbortSignal } = {},
  setup?: WorkbenchOptions,
) {
  const bench = await Workbench.open({ names: ["north", "south", "west"], ...setup });
  const transaction = await bench.clock.run(bench.start(["north"], options));
  transaction.clients["north"]!.write("row");
  return { bench, transaction };
}

Deno.test("Transaction.enlist() lets a participant take part in the commit", async () => {
  const { bench, transaction } = await begin();
  const south = await bench.clock.run(transaction.enlist("south"));
  assertStrictEquals(transaction.clients["south"], south);
  south.write("row");
  (await bench.clock.run(transaction.enlist("west"))).write("row");
  await bench.clock.run(transaction.commit());
  assertEquals(bench.rows(), { north: ["row"], south: ["row"], west: ["row"] });
  const gids = ["north", "south", "west"].map((name) => bench.database(name).begun[0]?.gid);
  assertEquals(gids, [0, 1, 2].map((place) => `indoubt_fake_${transaction.id}_${place}`));
  bench.assertQuiet();
});

Deno.test("Transaction.enlist() begins as the others began", async () => {
  const bench = await Workbench.open();
  const options = { isolationLevel: "serializable", readOnly: true } as const;
  const transaction = await bench.clock.run(bench.start(["north"], options));
  await bench.clock.run(transaction.enlist("south"));
  const [begun] = bench.database("south").begun;
  assertEquals([begun?.isolationLevel, begun?.readOnly], ["serializable", true]);
  await bench.clock.run(transaction.rollback());
  bench.assertQuiet();
});

Deno.test("Transaction.enlist() lets a participant take part in the roll-back", async () => {
  const { bench, transaction } = await begin();
  (await bench.clock.run(transaction.enlist("south"))).write("row");
  bench.database("south").script.next("prepare", refuses(new Error("no")));
  await assertRejects(() => bench.clock.run(transaction.commit()), TransactionAbortedError);
  assertEquals(bench.rows(), EMPTY);
  bench.assertQuiet();
});

Deno.test("Transaction.enlist() refuses a participant twice, and the transaction goes on", async () => {
  const { bench, transaction } = await begin();
  await bench.clock.run(transaction.enlist("south"));
  for (const name of ["north", "south"]) {
    await assertRejects(() => transaction.enlist(name), TypeError, "takes part already");
  }
  await bench.clock.run(transaction.commit());
  assertEquals(bench.rows()["north"], ["row"]);
  bench.assertQuiet();
});

Deno.test("Transaction.enlist() refuses a name that is none, and the transaction goes on", async () => {
  const { bench, transaction } = await begin();
  const message = `Cannot enlist "nowhere" in transaction ${transaction.id}: the participants are`;
  await assertRejects(() => transaction.enlist("nowhere"), RangeError, message);
  await bench.clock.run(transaction.commit());
  bench.assertQuiet();
});

Deno.test("Transaction.enlist() is refused after the end", async () => {
  for (const end of ["commit", "rollback"] as const) {
    const { bench, transaction } = await begin();
    await bench.clock.run<unknown>(transaction[end]());
    const message = end === "commit" ? "it is committed already" : "it was rolled back";
    await assertRejects(() => transaction.enlist("south"), TypeError, message);
    assertEquals(bench.trace.count("south"), 0);
    bench.assertQuiet();
  }
});

Deno.test("Transaction.enlist() is refused while another participant is enlisted", async () => {
  const { bench, transaction } = await begin();
  const first = transaction.enlist("south");
  for (const name of ["west", "south"]) {
    await assertRejects(() => transaction.enlist(name), TypeError, "one after the other");
  }
  await assertRejects(() => transaction.commit(), TypeError, "await that first");
  (await bench.clock.run(first)).write("row");
  await bench.clock.run(transaction.enlist("west"));
  await bench.clock.run(transaction.commit());
  assertEquals(bench.rows(), { north: ["row"], south: ["row"], west: [] });
  bench.assertQuiet();
});

const FAILURES: Record<string, (bench: Workbench) => unknown> = {
  "its session cannot be had": (bench) =>
    bench.database("south").script.next("acquire", fails(new Error("too many clients"))),
  "its branch cannot begin": (bench) =>
    bench.database("south").script.next("begin", fails(new Error("shutting down"))),
  "it is known to be away": async (bench) => {
    bench.database("south").disconnect();
    await bench.members.get("south")!.check(bench.log, bench.clock, 1000, []);
  },
};

for (const [what, fail] of Object.entries(FAILURES)) {
  Deno.test(`Transaction.enlist() rolls everything back when ${what}`, async () => {
    const { bench, transaction } = await begin();
    await bench.clock.run(Promise.resolve(fail(bench)));
    const error = await assertRejects(
      () => bench.clock.run(transaction.enlist("south")),
      TransactionAbortedError,
    );
    assertEquals([error.transactionId, error.participant, error.retryable, transaction.state], [
      transaction.id,
      "south",
      true,
      "aborted",
    ]);
    assertEquals(bench.rows(), EMPTY);
    await assertRejects(() => transaction.commit(), TypeError);
    bench.assertQuiet();
  });
}

Deno.test("Transaction.enlist() rolls everything back when it is another database", async () => {
  const { bench, transaction } = await begin();
  bench.database("south").identity = "fake:another";
  await bench.clock.run(bench.members.get("south")!.check(bench.log, bench.clock, 1000, []));
  const error = await assertRejects(
    () => bench.clock.run(transaction.enlist("south")),
    TransactionAbortedError,
  );
  assert(error.cause instanceof ParticipantIdentityError);
  assertEquals([error.retryable, transaction.state, bench.rows()], [false, "aborted", EMPTY]);
  bench.assertQuiet();
});

for (const command of ["acquire", "begin"] as const) {
  Deno.test(`Transaction.enlist() waits no longer than time allows: ${command}`, async () => {
    const { bench, transaction } = await begin({ timeout: 700 });
    bench.database("south").script.next(command, hangs);
    const error = await assertRejects(
      () => bench.clock.run(transaction.enlist("south")),
      TransactionAbortedError,
      command === "begin" ? 'for BEGIN in "south"' : 'for a session of "south"',
    );
    assertEquals(error.participant, "south");
    assertEquals([error.retryable, transaction.state, bench.rows()], [true, "aborted", EMPTY]);
    await bench.clock.pass(100_000);
    assertEquals(bench.database("north").sessions, 0);
  });
}

Deno.test("Transaction.enlist() ends with the signal", async () => {
  const controller = new AbortController();
  const { bench, transaction } = await begin({ signal: controller.signal });
  bench.database("south").script.next("acquire", hangs);
  const failing = assertRejects(() => transaction.enlist("south"), TransactionAbortedError);
  await bench.clock.settle();
  controller.abort();
  assertEquals((await bench.clock.run(failing)).retryable, false);
  assertEquals([transaction.state, bench.clock.elapsed()], ["aborted", 0]);
});

Deno.test("Transaction.enlist() gives the session back that comes after a roll-back", async () => {
  const { bench, transaction } = await begin();
  const gate = Promise.withResolvers<void>();
  bench.database("south").script.next("acquire", waitsFor(gate.promise));
  const failing = assertRejects(() => transaction.enlist("south"), TypeError, "was rolled back");
  await bench.clock.settle();
  await bench.clock.run(transaction.rollback());
  gate.resolve();
  await bench.clock.run(failing);
  assertEquals([transaction.state, bench.rows()], ["aborted", EMPTY]);
  bench.assertQuiet();
});

Deno.test("Transaction.enlist() gives the session back that comes while everything is rolled back", async () => {
  const { bench, transaction } = await begin();
  const [had, rolledBack] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  bench.database("south").script.next("acquire", waitsFor(had.promise));
  bench.database("north").script.next("rollback", waitsFor(rolledBack.promise));
  const failing = assertRejects(() => transaction.enlist("south"), TypeError, "is being rolled");
  await bench.clock.settle();
  const rollingBack = transaction.rollback();
  had.resolve();
  await bench.clock.settle();
  await failing;
  assertEquals([bench.database("south").sessions, transaction.state], [0, "aborting"]);
  rolledBack.resolve();
  await bench.clock.run(rollingBack);
  bench.assertQuiet();
});

Deno.test("Transaction.enlist() keeps nobody waiting whose transaction was rolled back", async () => {
  const { bench, transaction } = await begin();
  bench.database("south").script.next("acquire", hangs);
  const failing = assertRejects(() => transaction.enlist("south"), TypeError, "was rolled back");
  await bench.clock.settle();
  await bench.clock.run(transaction.rollback());
  await bench.clock.run(failing);
  assertEquals(bench.clock.elapsed(), 0);
});

Deno.test("Transaction.enlist() leads to two phases and one decision", async () => {
  const { bench, transaction } = await begin();
  (await bench.clock.run(transaction.enlist("south"))).write("row");
  bench.log.next("decide", failedAndLost);
  await assertRejects(() => bench.clock.run(transaction.commit()));
  assertEquals(transaction.state, "unknown");
  await assertRejects(() => transaction.enlist("west"), TypeError, "is not known yet");
});
