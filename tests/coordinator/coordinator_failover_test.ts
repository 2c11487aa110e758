/**
 * Guarantees what becomes of a branch that a database has prepared again after it was committed: a failover
 * lost its COMMIT PREPARED, or a backup was put back. As long as it is known that the transaction has
 * committed, it is committed once more, whatever its other branches wait for, and never rolled back.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { HeuristicOutcomeError } from "../../src/coordinator/errors.ts";
import { lostAfter } from "./support/faults.ts";
import { Site, type SiteCoordinator } from "./support/site.ts";

const DAY = 86_400_000;

/** South loses what was committed there last: its branch is prepared again. */
function failOver({ south }: Site, coordinator: SiteCoordinator, id: string): void {
  south.rows = south.rows.filter((row) => row !== id);
  south.prepareByHand(`indoubt_${coordinator.id}_${id}_1`, id);
}

Deno.test("Coordinator commits again what a failover lost, and never takes it for aborted when that answer is lost", async () => {
  const site = new Site();
  let coordinator = await site.open();
  const id = await site.commit(coordinator, "north", "south");
  failOver(site, coordinator, id);
  site.south.script.next("commitPrepared", lostAfter);
  await site.clock.pass(120_000);
  assertEquals([coordinator.status(id), site.rows], ["committed", [[id], [id], []]]);
  // Nobody can prove how it has ended: it stays with who looks at it, at every opening.
  for (let opening = 0; opening < 2; opening++) {
    assertEquals(coordinator.inDoubt().map(({ id, decision }) => [id, decision]), [[id, "commit"]]);
    await site.clock.run(coordinator.close());
    coordinator = await site.open();
    assertEquals([coordinator.status(id), coordinator.recovery.rolledBack], ["committed", []]);
    failOver(site, coordinator, id);
    await site.clock.pass(120_000);
    assertEquals([coordinator.status(id), site.rows], ["committed", [[id], [id], []]]);
  }
  await site.clock.run(coordinator.forget(id, { reason: "its rows are there" }));
  await site.clock.run(coordinator.close());
  coordinator = await site.open();
  assertEquals([coordinator.status(id), coordinator.inDoubt()], ["committed", []]);
  await site.clock.run(coordinator.close());
  site.assertQuiet();
});

Deno.test("Coordinator commits again what a failover lost while another branch still waits for its database", async () => {
  const site = new Site();
  const coordinator = await site.open();
  site.north.script.next("commitPrepared", () => {
    site.north.disconnect();
    return { kind: "later", error: new Error("the server stopped") };
  });
  const id = await site.commit(coordinator, "north", "south");
  failOver(site, coordinator, id);
  await site.clock.pass(120_000);
  assertEquals(site.rows, [[], [id], []]);
  assertEquals(coordinator.inDoubt().map(({ branches }) => branches.length), [1]);
  site.north.reconnect();
  await site.clock.pass(300_000);
  assertEquals([site.rows, coordinator.inDoubt()], [[[id], [id], []], []]);
  await site.clock.run(coordinator.close());
  site.assertQuiet();
});

Deno.test("Coordinator commits again what a failover lost beside a branch that somebody ended otherwise", async () => {
  const site = new Site();
  const coordinator = await site.open();
  site.north.script.next("commitPrepared", (call) => {
    site.north.endByHand(site.north.prepared[0]!, "aborted");
    return call.effect();
  });
  let id = "";
  const transacting = coordinator.transaction(["north", "south"], (clients, transaction) => {
    id = transaction.id;
    clients.north.write(id);
    clients.south.write(id);
  });
  await assertRejects(() => site.clock.run(transacting), HeuristicOutcomeError);
  failOver(site, coordinator, id);
  await site.clock.pass(120_000);
  assertEquals(site.rows, [[], [id], []]);
  assertEquals(
    coordinator.inDoubt().flatMap(({ branches }) => branches.map(({ state }) => state)),
    ["heuristic"],
  );
  await site.clock.run(coordinator.close());
  site.assertQuiet();
});

Deno.test("Coordinator leaves a branch to the resolver that is still to be committed", async () => {
  const site = new Site();
  const coordinator = await site.open({ sweepInterval: 1000 });
  site.south.script.always("commitPrepared", () => ({ kind: "later", error: new Error("busy") }));
  const id = await site.commit(coordinator, "north", "south");
  const events = site.events.length;
  await site.clock.pass(DAY / 24);
  const tries = site.events.slice(events).filter(({ type }) => type === "branch-delayed").length;
  // With back-off; a sweep each second would have made 3600.
  assert(tries > 50 && tries < 300, `${tries} tries`);
  site.south.script.always("commitPrepared", null);
  await site.clock.pass(300_000);
  assertEquals([site.rows, coordinator.inDoubt()], [[[id], [id], []], []]);
  await site.clock.run(coordinator.close());
  site.assertQuiet();
});
