/**
 * Guarantees that opening a coordinator settles what a crash left, at whatever point of the
 * protocol it came, the way the log says, and touches nothing of anybody else's.
 */

import { assert, assertEquals } from "@std/assert";
import { PROTOCOL_POINTS } from "../../src/coordinator/protocol_point.ts";
import { COMMITTED, crashAt, ID } from "./support/crashed_site.ts";
import { hangs } from "./support/faults.ts";
import { Site } from "./support/site.ts";
import { NOTHING } from "./support/with_coordinator.ts";

const FOREIGN = ["indoubt_someoneelse0_1000000000001_0", "pg_gid_16390_741", "indoubt_"];

Deno.test("Coordinator.open() finds nothing to do the first time", async () => {
  const site = new Site();
  const coordinator = await site.open();
  assertEquals(coordinator.recovery, {
    committed: [],
    rolledBack: [],
    pending: [],
    milliseconds: 0,
  });
  assertEquals([coordinator.unsettled, site.events.length], [0, 3]);
  assert(/^[0-9a-z]{12}$/.test(coordinator.id), coordinator.id);
  await site.clock.run(coordinator.close());
});

for (const forceBegin of [false, true]) {
  for (const point of PROTOCOL_POINTS) {
    const decided = PROTOCOL_POINTS.indexOf(point) >= PROTOCOL_POINTS.indexOf("decided");
    const ending = decided ? "commits" : "rolls back";
    const begun = forceBegin ? ", a Begin synced" : "";
    Deno.test(`Coordinator.open() ${ending} after a crash at ${point}${begun}`, async () => {
      const site = await crashAt(point, { forceBegin });
      const coordinator = await site.open();
      // A PREPARE of the process that died may be on its way still: then the first try settles nothing.
      await site.clock.pass(60_000);
      assertEquals(site.rows, decided ? COMMITTED : NOTHING);
      const { committed, rolledBack, pending } = coordinator.recovery;
      const found = [committed, [...rolledBack, ...pending]];
      assertEquals(found, decided ? [[ID], []] : [[], [ID]]);
      assertEquals(coordinator.status(ID), decided ? "committed" : "aborted");
      assertEquals(coordinator.unsettled, 0);
      site.assertQuiet();
      await site.clock.run(coordinator.close());
      const again = await site.open();
      assertEquals([again.recovery.committed, again.recovery.pending], [[], []]);
      await site.clock.run(again.close());
    });
  }
}

Deno.test("Coordinator.open() goes on where crashes of the recovery left it", async () => {
  const site = await crashAt("decided");
  for (const database of [site.north, site.south]) {
    database.script.next("commitPrepared", (call) => {
      call.effect();
      site.crash();
      return hangs();
    });
    void site.start().catch(() => {});
    await site.clock.settle();
  }
  const coordinator = await site.open();
  assertEquals([site.rows, coordinator.recovery.committed], [COMMITTED, [ID]]);
  site.assertQuiet();
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.open() never touches a transaction that is not its own", async () => {
  const site = await crashAt("all-prepared");
  for (const gid of FOREIGN) site.north.prepareByHand(gid, gid);
  const coordinator = await site.open({ sweepInterval: 1000 });
  await site.clock.pass(10_000);
  assertEquals([site.prepared, site.rows], [FOREIGN, NOTHING]);
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.open() gives a later opening larger numbers and the same id", async () => {
  const site = new Site();
  const first = await site.open();
  assertEquals(await site.commit(first, "north", "south"), "1000000000001");
  await site.clock.run(first.close());
  const second = await site.open();
  assertEquals(second.id, first.id);
  assertEquals(await site.commit(second, "north", "south"), "2000000000001");
  await site.clock.run(second.close());
});

Deno.test("Coordinator.open() tells of a heuristic outcome at every opening", async () => {
  const site = await crashAt("decided");
  site.south.endByHand(site.south.prepared[0]!, "aborted");
  for (let opening = 0; opening < 3; opening++) {
    site.events.length = 0;
    const coordinator = await site.open();
    assertEquals(coordinator.recovery.pending, [ID]);
    const told = site.events.filter((event) => event.type === "heuristic-outcome");
    assertEquals(told.map(({ participant, outcome }) => [participant, outcome]), [
      ["south", "rolled back"],
    ]);
    await site.clock.run(coordinator.close());
  }
  assertEquals(site.rows, [[ID], [], []]);
});
