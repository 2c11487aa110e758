/**
 * Guarantees what a failing or lost log means to callers: a decision that may be on disk is called
 * unknown, touched by nobody, and settled by what the disk says; what was lost is presumed by
 * nobody.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { OutcomeUnknownError, TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import { crashAt, ID } from "./support/crashed_site.ts";
import { type Name, Site } from "./support/site.ts";
import { coordinatorTest, NOTHING } from "./support/with_coordinator.ts";

const BOTH: Name[] = ["north", "south"];

for (const kept of [true, false]) {
  const ending = kept ? "committed, since it was" : "rolled back, since it was not";
  Deno.test(`Coordinator.transaction() says unknown after a failed sync: ${ending}`, async () => {
    const site = new Site();
    const coordinator = await site.open({ sweepInterval: 1000 });
    let before = site.disk.kill();
    const committing = coordinator.transaction(BOTH, ({ north, south }) => {
      north.write("row");
      south.write("row");
      before = site.disk.kill();
      site.disk.fail({ kind: "syncData", times: Infinity });
    });
    await assertRejects(() => site.clock.run(committing), OutcomeUnknownError);
    await site.clock.pass(10_000);
    assertEquals([site.rows, site.prepared.length], [NOTHING, 2]);
    const next = await assertRejects(
      () => site.commit(coordinator, ...BOTH),
      TransactionAbortedError,
    );
    assert(next.cause instanceof LogUnavailableError && next.cause.written === "no");
    await site.clock.run(coordinator.close());
    assertEquals([site.rows, site.prepared.length], [NOTHING, 2]);
    site.crash((disk) => kept ? disk.kill() : before);
    const again = await site.open();
    assertEquals(site.rows, kept ? [["row"], ["row"], []] : NOTHING);
    await site.clock.run(again.close());
    site.assertQuiet();
  });
}

coordinatorTest(
  "Coordinator.transaction() commits when the log mends a failed sync by itself",
  async (site, coordinator) => {
    site.disk.fail({ kind: "syncData" });
    const id = await site.commit(coordinator, ...BOTH);
    assertEquals(site.rows, [[id], [id], []]);
  },
);

coordinatorTest(
  "Coordinator.transaction() commits what it called unknown when the log comes back",
  async (site, coordinator) => {
    site.disk.fail({ kind: "syncData", times: Infinity });
    await assertRejects(() => site.commit(coordinator, ...BOTH), OutcomeUnknownError);
    await site.clock.pass(60_000);
    assertEquals([site.rows, site.prepared.length], [NOTHING, 2]);
    site.disk.mend();
    await site.clock.pass(60_000);
    assertEquals(site.rows, [["1000000000001"], ["1000000000001"], []]);
    await site.commit(coordinator, ...BOTH);
  },
);

Deno.test("Coordinator.open() presumes nothing when the whole log was lost", async () => {
  const site = await crashAt("all-prepared");
  for (const name of await site.disk.list("/site/log")) {
    if (name.endsWith(".wal")) await site.disk.remove(`/site/log/${name}`);
  }
  const coordinator = await site.open();
  await site.clock.pass(600_000);
  assertEquals([site.prepared.length, site.rows], [2, NOTHING]);
  assertEquals(coordinator.recovery.pending, [ID]);
  const told = new Set(site.events.map(({ type }) => type));
  assertEquals([told.has("log-damaged"), told.has("branch-uncertain")], [true, true]);
  await site.clock.run(coordinator.close());
});
