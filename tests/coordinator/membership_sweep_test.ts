/**
 * Guarantees that a sweep ends what nobody else will and nothing more: it looks at what is
 * prepared, live and decided in the one order that is safe, and one database's trouble is its own.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { failedAndLost, syncedAfter } from "./support/fake_log.ts";
import { fails, hangs, heardAfter, lostBefore, waitsFor } from "./support/faults.ts";
import { Workbench } from "./support/workbench.ts";
import { statusOf } from "../../src/coordinator/status.ts";

const ORPHAN = "indoubt_fake_999_0";
const FOREIGN = ["indoubt_other_999_0", "pg_gid_16390_741", "indoubt_fake_999_x"];

Deno.test("Membership.sweepAll() rolls back what nobody drives to an end", async () => {
  const bench = await Workbench.open();
  const north = bench.database("north");
  for (const gid of [ORPHAN, ...FOREIGN]) north.prepareByHand(gid, gid);
  const swept = await bench.clock.run(bench.membership.sweepAll());
  await bench.clock.run(Promise.all(swept.map(({ settlement }) => settlement.done)));
  assertEquals([north.prepared, north.rows], [FOREIGN, []]);
  assertEquals(swept.map(({ settlement }) => settlement.id), ["999"]);
});

Deno.test("Membership.sweepAll() commits again what a database has lost the commit of", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.write();
  await bench.clock.run(transaction.commit());
  const north = bench.database("north");
  const { id } = transaction;
  const gid = `indoubt_fake_${id.slice(id.lastIndexOf("_") + 1)}_0`;
  // A standby takes its place that has PREPARE, and not COMMIT PREPARED.
  north.rows.length = 0;
  north.prepareByHand(gid, id);
  const swept = await bench.clock.run(bench.membership.sweepAll());
  await bench.clock.run(Promise.all(swept.map(({ settlement }) => settlement.done)));
  assertEquals([swept.length, north.prepared], [1, []]);
  assertEquals(bench.rows(), { north: [id], south: [id] });
  bench.assertQuiet();
});

Deno.test("Membership.sweepAll() looks at the live after the prepared", async () => {
  const bench = await Workbench.open();
  const list = Promise.withResolvers<void>();
  const synced = Promise.withResolvers<void>();
  for (const { script } of bench.databases.values()) {
    script.next("listPrepared", waitsFor(list.promise));
  }
  const sweeping = bench.membership.sweepAll();
  await bench.clock.settle();
  // Begins and prepares after the sweep has begun, so a look at the live ones before would miss it.
  bench.log.next("decide", syncedAfter(synced.promise));
  const transaction = await bench.write();
  const committing = transaction.commit();
  await bench.clock.settle();
  assertEquals(bench.database("north").prepared.length, 1);
  list.resolve();
  assertEquals(await bench.clock.run(sweeping), []);
  synced.resolve();
  await bench.clock.run(committing);
  assertEquals(bench.rows(), { north: [transaction.id], south: [transaction.id] });
  bench.assertQuiet();
});

Deno.test("Membership.sweepAll() leaves alone what is decided meanwhile", async () => {
  const bench = await Workbench.open({ options: { settleTimeout: 1000 } });
  const heard = Promise.withResolvers<void>();
  const synced = Promise.withResolvers<void>();
  const south = bench.database("south");
  bench.log.next("decide", syncedAfter(synced.promise));
  const transaction = await bench.write();
  const committing = transaction.commit();
  await bench.clock.settle();
  for (const { script } of bench.databases.values()) {
    script.next("listPrepared", heardAfter(heard.promise));
  }
  const sweeping = bench.membership.sweepAll();
  await bench.clock.settle();
  south.script.next("commitPrepared", lostBefore);
  south.script.always("commitPrepared", hangs);
  synced.resolve();
  await bench.clock.pass(3000);
  assertEquals([transaction.state, south.prepared.length], ["committed", 1]);
  heard.resolve();
  await bench.clock.run(sweeping);
  south.script.always("commitPrepared", null);
  const { settled } = await bench.clock.run(committing);
  await bench.clock.run(settled);
  assertEquals(bench.rows(), { north: [transaction.id], south: [transaction.id] });
  assertEquals(bench.trace.count("south rollbackPrepared"), 0);
  bench.assertQuiet();
});

Deno.test("Membership.sweepAll() harms nothing that commits meanwhile", async () => {
  const bench = await Workbench.open();
  const heard = Promise.withResolvers<void>();
  const synced = Promise.withResolvers<void>();
  bench.log.next("decide", syncedAfter(synced.promise));
  const transaction = await bench.write();
  const committing = transaction.commit();
  await bench.clock.settle();
  for (const { script } of bench.databases.values()) {
    script.next("listPrepared", heardAfter(heard.promise));
  }
  const sweeping = bench.membership.sweepAll();
  await bench.clock.settle();
  synced.resolve();
  await bench.clock.settle();
  await bench.clock.run(committing);
  heard.resolve();
  const swept = await bench.clock.run(sweeping);
  await bench.clock.run(Promise.all(swept.map(({ settlement }) => settlement.done)));
  assertEquals(bench.rows(), { north: [transaction.id], south: [transaction.id] });
  assertEquals(bench.events.filter(({ type }) => type === "heuristic-outcome"), []);
  bench.assertQuiet();
});

Deno.test("Membership.sweepAll() never touches what only the disk knows", async () => {
  const bench = await Workbench.open();
  bench.log.next("decide", failedAndLost);
  const committing = (await bench.write()).commit();
  await assertRejects(() => bench.clock.run(committing));
  assertEquals(await bench.clock.run(bench.membership.sweepAll()), []);
  assertEquals(bench.database("north").prepared.length, 1);
});

Deno.test("Membership.sweepAll() only reports what a lost record decided", async () => {
  const bench = await Workbench.open();
  const gid = "indoubt_fake_900000000001_0";
  bench.log.damages.push({ epoch: 0, file: "", reason: "the whole log was lost" });
  bench.database("north").prepareByHand(gid, "row");
  const swept = await bench.clock.run(bench.membership.sweepAll());
  await bench.clock.run(Promise.all(swept.map(({ tried }) => tried)));
  await bench.clock.pass(600_000);
  assertEquals([bench.database("north").prepared, bench.rows()["north"]], [[gid], []]);
  assertEquals(bench.events, [{
    type: "branch-uncertain",
    transactionId: "900000000001",
    participant: "north",
    gid,
    reason: "damage",
  }]);
});

Deno.test("Membership.sweepAll() gets on without a database that cannot be listed", async () => {
  const bench = await Workbench.open();
  for (const database of bench.databases.values()) database.prepareByHand(ORPHAN, "row");
  const error = new Error("the connection was reset");
  bench.database("north").script.next("listPrepared", fails(error));
  const swept = await bench.clock.run(bench.membership.sweepAll());
  assertEquals(swept.length, 1);
  assertEquals(bench.events[0], { type: "participant-unavailable", participant: "north", error });
  await bench.clock.run(swept[0]!.tried);
  assertEquals(bench.database("south").prepared, []);
});

Deno.test("Membership.sweepAll() waits checkTimeout at most for a list", async () => {
  const bench = await Workbench.open({ options: { checkTimeout: 400 } });
  bench.database("north").script.next("listPrepared", hangs);
  await bench.clock.run(bench.membership.sweepAll());
  assertEquals(bench.clock.elapsed(), 400);
  assertEquals(bench.events.map(({ type }) => type), ["participant-unavailable"]);
});

Deno.test("Membership.sweepAll() does not ask a participant that must not be used", async () => {
  const bench = await Workbench.open();
  bench.database("north").identity = "fake:another";
  await bench.clock.run(bench.members.get("north")!.check(bench.log, bench.clock, 1000, []));
  await bench.clock.run(bench.membership.sweepAll());
  assertEquals([bench.trace.count("north list"), bench.trace.count("south list")], [0, 1]);
});
Deno.test("Membership.sweepAll() says nothing of what has begun and committed meanwhile", async () => {
  const bench = await Workbench.open();
  const listed = Promise.withResolvers<void>();
  const heard = Promise.withResolvers<void>();
  const synced = Promise.withResolvers<void>();
  const north = bench.database("north");
  north.script.next("listPrepared", async (call) => {
    await listed.promise;
    const prepared = call.effect();
    await heard.promise;
    return prepared;
  });
  const sweeping = bench.membership.sweepAll();
  await bench.clock.settle();
  bench.log.next("decide", syncedAfter(synced.promise));
  const transaction = await bench.write();
  const committing = transaction.commit();
  await bench.clock.settle();
  listed.resolve();
  await bench.clock.settle();
  synced.resolve();
  await bench.clock.run(committing);
  north.script.always("rollbackPrepared", hangs);
  heard.resolve();
  await bench.clock.run(sweeping);
  assertEquals(bench.ledger.unsettled.map(({ id, verdict }) => [id, verdict]), []);
  assertEquals(
    statusOf(transaction.id, BigInt(transaction.id), bench.ledger, bench.log),
    "committed",
  );
  bench.assertQuiet();
});
