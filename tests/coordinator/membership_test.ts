/**
 * Guarantees that participants are checked and swept at opening, when they come back and from time to
 * time; that a sweep looks at what is prepared, live and decided in the one order that is safe; and that
 * one participant's trouble is its own.
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  ParticipantConfigurationError,
  ParticipantIdentityError,
  ParticipantUnavailableError,
} from "../../src/coordinator/errors.ts";
import { failedAndLost, syncedAfter } from "./support/fake_log.ts";
import { fails, hangs, heardAfter, lostBefore, waitsFor } from "./support/faults.ts";
import { Workbench } from "./support/workbench.ts";

const ORPHAN = "indoubt_fake_999_0";
const FOREIGN = ["indoubt_other_999_0", "pg_gid_16390_741", "indoubt_fake_999_x"];

Deno.test("Membership.sweepAll() rolls back what nobody drives to an end, and nothing else", async () => {
  const bench = await Workbench.open();
  const north = bench.database("north");
  for (const gid of [ORPHAN, ...FOREIGN]) north.prepareByHand(gid, gid);
  const swept = await bench.clock.run(bench.membership.sweepAll());
  await bench.clock.run(Promise.all(swept.map(({ settlement }) => settlement.done)));
  assertEquals([north.prepared, north.rows], [FOREIGN, []]);
  assertEquals(swept.map(({ settlement }) => settlement.txn), [999n]);
});

Deno.test("Membership.sweepAll() looks at what is live after it has seen what is prepared", async () => {
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

Deno.test("Membership.sweepAll() leaves alone what was decided while the list was on its way", async () => {
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

Deno.test("Membership.sweepAll() harms nothing that committed while the list was on its way", async () => {
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

Deno.test("Membership.sweepAll() never touches a transaction whose outcome only the disk knows", async () => {
  const bench = await Workbench.open();
  bench.log.next("decide", failedAndLost);
  const committing = (await bench.write()).commit();
  await assertRejects(() => bench.clock.run(committing));
  assertEquals(await bench.clock.run(bench.membership.sweepAll()), []);
  assertEquals(bench.database("north").prepared.length, 1);
});

Deno.test("Membership.sweepAll() reports, and leaves alone, what a lost record may have decided", async () => {
  const bench = await Workbench.open();
  const gid = "indoubt_fake_1000000000001_0";
  bench.log.damages.push({ epoch: 1, file: "", reason: "the whole log was lost" });
  bench.database("north").prepareByHand(gid, "row");
  const swept = await bench.clock.run(bench.membership.sweepAll());
  await bench.clock.run(Promise.all(swept.map(({ tried }) => tried)));
  await bench.clock.pass(600_000);
  assertEquals([bench.database("north").prepared, bench.rows()["north"]], [[gid], []]);
  assertEquals(bench.events, [{
    type: "branch-uncertain",
    transactionId: "1000000000001",
    participant: "north",
    gid,
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
});

Deno.test("Membership.sweepAll() does not ask a participant that must not be used", async () => {
  const bench = await Workbench.open();
  bench.database("north").identity = "fake:another";
  await bench.clock.run(bench.members.get("north")!.check(bench.log, bench.clock, 1000, []));
  await bench.clock.run(bench.membership.sweepAll());
  assertEquals([bench.trace.count("north list"), bench.trace.count("south list")], [0, 1]);
});

Deno.test("Membership.checkAll() lets an outage pass and reports it", async () => {
  const bench = await Workbench.open();
  bench.database("north").disconnect();
  await bench.clock.run(bench.membership.checkAll());
  assertInstanceOf(bench.members.get("north")?.error, ParticipantUnavailableError);
  const told = bench.events.map((event) =>
    "participant" in event && [event.type, event.participant]
  );
  assertEquals(told.sort(), [
    ["participant-ready", "south"],
    ["participant-unavailable", "north"],
  ]);
});

Deno.test("Membership.checkAll() lets no outage pass with requireAll", async () => {
  const bench = await Workbench.open({ options: { requireAll: true } });
  bench.database("north").disconnect();
  const checking = bench.membership.checkAll();
  const error = await assertRejects(() => bench.clock.run(checking), ParticipantUnavailableError);
  assertEquals(error.participant, "north");
});

Deno.test("Membership.checkAll() lets no misconfigured or wrong database pass", async () => {
  const bench = await Workbench.open();
  bench.database("north").allowsPrepared = false;
  await assertRejects(
    () => bench.clock.run(bench.membership.checkAll()),
    ParticipantConfigurationError,
    'participant "north"',
  );
  bench.database("north").allowsPrepared = true;
  bench.database("north").identity = "fake:another";
  await assertRejects(
    () => bench.clock.run(bench.membership.checkAll()),
    ParticipantIdentityError,
  );
  assertEquals(bench.events.filter(({ type }) => type === "participant-refused").length, 2);
});

Deno.test("Membership.start() sweeps every sweepInterval", async () => {
  const bench = await Workbench.open({ options: { sweepInterval: 5000 } });
  bench.membership.start();
  await bench.clock.pass(4999);
  assertEquals(bench.trace.count("north list"), 0);
  bench.database("north").prepareByHand(ORPHAN, "row");
  await bench.clock.pass(1);
  assertEquals([bench.trace.count("north list"), bench.database("north").prepared], [1, []]);
  await bench.clock.pass(15_000);
  assertEquals([bench.trace.count("north list"), bench.trace.count("south list")], [4, 4]);
  await bench.clock.run(bench.membership.close());
});

Deno.test("Membership.start() tries an outage with back-off, and sweeps when it is over", async () => {
  const bench = await Workbench.open();
  const north = bench.database("north");
  north.prepareByHand(ORPHAN, "row");
  north.disconnect();
  await bench.clock.run(bench.membership.checkAll());
  bench.membership.start();
  await bench.clock.pass(600_000);
  const tries = bench.trace.count("north check");
  assert(tries > 20 && tries < 50, `${tries} checks in ten minutes`);
  assertEquals(bench.trace.count("north list"), 0);
  north.reconnect();
  await bench.clock.pass(30_000);
  assertEquals([bench.members.get("north")?.error, north.prepared], [null, []]);
  await bench.clock.run(bench.membership.close());
});

Deno.test("Membership.start() wakes the resolver when a database is back", async () => {
  const bench = await Workbench.open();
  const north = bench.database("north");
  north.prepareByHand("indoubt_fake_7_0", "row");
  north.disconnect();
  await bench.clock.run(bench.membership.checkAll());
  const branch = { participant: "north", gid: "indoubt_fake_7_0", token: "701" };
  const settlement = bench.ledger.settle(7n, "commit", [branch], true);
  void bench.resolver.take(settlement, branch);
  bench.membership.start();
  await bench.clock.pass(600_000);
  north.reconnect();
  await bench.clock.run(settlement.done);
  const last = bench.events.slice(-2).map(({ type }) => type);
  assertEquals(last, ["participant-ready", "branch-settled"]);
  await bench.clock.run(bench.membership.close());
});

Deno.test("Membership.start() tries a database that needs a person once a minute", async () => {
  const bench = await Workbench.open();
  bench.database("north").identity = "fake:another";
  await bench.clock.run(bench.members.get("north")!.check(bench.log, bench.clock, 1000, []));
  bench.trace.clear();
  bench.membership.start();
  await bench.clock.pass(300_000);
  assertEquals(bench.trace.count("north check"), 5);
  await bench.clock.run(bench.membership.close());
});

Deno.test("Membership.start() tries a sweep again with back-off when it failed", async () => {
  const bench = await Workbench.open({ options: { sweepInterval: 60_000 } });
  bench.membership.start();
  const north = bench.database("north");
  north.script.next("listPrepared", fails(new Error("the connection was reset")));
  north.prepareByHand(ORPHAN, "row");
  await bench.clock.pass(60_200);
  assertEquals([bench.trace.count("north list"), north.prepared], [2, []]);
  await bench.clock.run(bench.membership.close());
});

Deno.test("Membership.close() ends every wait and leaves no timer", async () => {
  const bench = await Workbench.open();
  bench.database("north").disconnect();
  await bench.clock.run(bench.membership.checkAll());
  bench.membership.start();
  await bench.clock.settle();
  await bench.clock.run(bench.membership.close());
  assertEquals([bench.clock.timers, bench.clock.elapsed()], [0, 0]);
});
