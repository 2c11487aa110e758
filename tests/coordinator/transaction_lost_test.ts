/**
 * Guarantees that an answer which is lost before the decision leaves nothing of the transaction in
 * any database: a branch that may be prepared is looked for until it is known.
 */

import { assert, assertEquals } from "@std/assert";
import { abort, EMPTY } from "./support/aborted.ts";
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
import { Workbench } from "./support/workbench.ts";

for (const [what, fault] of [["before", lostBefore], ["after", lostAfter]] as const) {
  Deno.test(`Transaction.commit() aborts when PREPARE's answer is lost ${what} it`, async () => {
    const bench = await Workbench.open();
    bench.database("south").script.next("prepare", fault);
    const error = await abort(bench, await bench.write());
    assertEquals([error.participant, error.retryable], ["south", true]);
    await bench.clock.settle();
    assertEquals(bench.rows(), EMPTY);
    bench.assertQuiet();
  });
}

Deno.test("Transaction.commit() has a doubtful branch looked for until known", async () => {
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

Deno.test("Transaction.commit() waits for a PREPARE that comes late, if there is a token", async () => {
  const bench = await Workbench.open();
  const south = bench.database("south");
  const late = Promise.withResolvers<void>();
  south.script.next("prepare", lateAfter(late.promise));
  await abort(bench, await bench.write());
  await bench.clock.pass(1000);
  assertEquals([south.prepared.length, bench.resolver.pending], [0, 1]);
  late.resolve();
  await bench.clock.pass(60_000);
  assertEquals(bench.rows(), EMPTY);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() leaves a PREPARE that comes late to the sweep", async () => {
  const bench = await Workbench.open();
  const south = bench.database("south");
  const late = Promise.withResolvers<void>();
  south.script.next("prepare", lateAfter(late.promise));
  const transaction = await bench.begin();
  const { north: first, south: second } = transaction.clients;
  for (const client of [first, second]) client?.write(transaction.id);
  // The database has said so already: nobody asks for the token, and nobody can ask by it later.
  for (const client of [first, second]) client?.tell();
  await abort(bench, transaction);
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

Deno.test("Transaction.commit() gives sessions back that cannot even be rolled back", async () => {
  const bench = await Workbench.open();
  const { script } = bench.database("north");
  bench.database("south").script.next("examine", lostBefore);
  script.next("rollback", hangs);
  const error = await abort(bench, await bench.write());
  assertEquals([error.participant, bench.trace.count("north interrupt")], ["south", 1]);
  assertEquals(bench.rows(), EMPTY);
  assertEquals(bench.database("north").sessions, 0);
});
