/**
 * Guarantees that participants are checked at opening and again when they come back, that they are
 * swept from time to time, and that one participant's trouble is its own.
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  ParticipantConfigurationError,
  ParticipantIdentityError,
  ParticipantUnavailableError,
} from "../../src/coordinator/errors.ts";
import { fails } from "./support/faults.ts";
import { Workbench } from "./support/workbench.ts";

const ORPHAN = "indoubt_fake_999_0";

Deno.test("Membership.checkAll() lets an outage pass and reports it", async () => {
  const bench = await Workbench.open();
  bench.database("north").disconnect();
  await bench.clock.run(bench.membership.checkAll());
  assertInstanceOf(bench.members.get("north")?.error, ParticipantUnavailableError);
  const told = bench.events.map((event) =>
    "participant" in event && [event.type, event.participant]
  );
  assertEquals(told.sort(), [
    ["participant-unavailable", "north"],
  ]);
});

Deno.test("Membership.checkAll() lets no outage pass with requireAll", async () => {
  const bench = await Workbench.open({ options: { requireAll: true } });
  bench.database("north").disconnect();
  const checking = bench.membership.checkAll();
  const error = await assertRejects(() => bench.clock.run(checking), ParticipantUnavailableError);
  assertEquals([error.participant, bench.events], ["north", []]);
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
  assertEquals(bench.events, [], "what is thrown was told besides");
});

Deno.test("Membership.checkAll() tells what stands in the way besides the error that it throws", async () => {
  const bench = await Workbench.open({ names: ["east", "north", "south"] });
  for (const name of ["north", "south"]) bench.database(name).allowsPrepared = false;
  bench.database("east").disconnect();
  const checking = bench.membership.checkAll();
  const error = await assertRejects(() => bench.clock.run(checking), ParticipantConfigurationError);
  assertEquals(error.participant, "north");
  const told = bench.events.map((event) =>
    "participant" in event && [event.type, event.participant]
  );
  assertEquals(told, [["participant-unavailable", "east"], ["participant-refused", "south"]]);
});

Deno.test("Membership.start() sweeps every sweepInterval", async () => {
  const bench = await Workbench.open({ options: { sweepInterval: 5000 } });
  bench.membership.start();
  // Once soon after the start, then at the usual times.
  await bench.clock.pass(5999);
  assertEquals(bench.trace.count("north list"), 1);
  bench.database("north").prepareByHand(ORPHAN, "row");
  await bench.clock.pass(1);
  assertEquals([bench.trace.count("north list"), bench.database("north").prepared], [2, []]);
  await bench.clock.pass(15_000);
  assertEquals([bench.trace.count("north list"), bench.trace.count("south list")], [5, 5]);
  await bench.clock.run(bench.membership.close());
});

Deno.test("Membership.start() looks twice for what comes late after an opening", async () => {
  const bench = await Workbench.open({ options: { sweepInterval: 60_000 } });
  const north = bench.database("north");
  bench.membership.start();
  for (const milliseconds of [1000, 10_000]) {
    north.prepareByHand(ORPHAN, "row");
    await bench.clock.pass(milliseconds);
    assertEquals(north.prepared, []);
  }
  north.prepareByHand(ORPHAN, "row");
  await bench.clock.pass(59_999);
  assertEquals(north.prepared, [ORPHAN]);
  await bench.clock.pass(1);
  assertEquals(north.prepared, []);
  await bench.clock.run(bench.membership.close());
});

Deno.test("Membership.lookAgain() looks soon, however often it is asked", async () => {
  const bench = await Workbench.open({ options: { sweepInterval: 60_000 } });
  bench.membership.start();
  await bench.clock.pass(11_000);
  const before = bench.trace.count("north list");
  for (let tenths = 0; tenths < 300; tenths++) {
    bench.membership.lookAgain("north");
    await bench.clock.pass(100);
  }
  const looks = bench.trace.count("north list") - before;
  assert(looks >= 15 && looks <= 30, `${looks} looks in 30 seconds`);
  assertEquals(bench.trace.count("south list"), before);
  await bench.clock.run(bench.membership.close());
});

Deno.test("Membership.start() tries an outage with back-off, then sweeps", async () => {
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
  const settlement = bench.ledger.settle({
    txn: 7n,
    verdict: "commit",
    branches: [branch],
    logged: true,
  });
  void bench.resolver.take(settlement, branch);
  bench.membership.start();
  await bench.clock.pass(600_000);
  north.reconnect();
  while (bench.members.get("north")?.error !== null) await bench.clock.pass(1);
  // Its own next try may be half a minute away.
  assertEquals([settlement.outstanding, north.rows], [[], ["row"]]);
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
  await bench.clock.pass(1200);
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
