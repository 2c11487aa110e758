/**
 * Guarantees what the parts of a coordinator do for each other: a branch that someone committed though its
 * transaction was rolled back is put into the log that had no word of it, and shown at every opening.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { HeuristicOutcomeError, TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { fails, hangs, refuses } from "./support/faults.ts";
import { type Name, Site, type SiteCoordinator } from "./support/site.ts";

const BOTH: Name[] = ["north", "south"];

/** A transaction that is rolled back, but not before a person has committed its branch in north. */
async function meddle(site: Site, coordinator: SiteCoordinator): Promise<string> {
  site.south.script.next("prepare", refuses(new Error("no")));
  site.north.script.next("rollbackPrepared", (call) => {
    site.north.endByHand(site.north.prepared[0]!, "committed");
    return call.effect();
  });
  const error = await assertRejects(
    () => site.commit(coordinator, ...BOTH),
    HeuristicOutcomeError,
  );
  const branches = error.branches.map(({ participant, outcome }) => [participant, outcome]);
  assertEquals([error.decision, branches], ["rolled back", [["north", "committed"]]]);
  return error.transactionId;
}

Deno.test("Coordinator keeps what someone committed against its roll-back, until it is forgotten", async () => {
  const site = new Site();
  const first = await site.open();
  const id = await meddle(site, first);
  assertEquals(site.events.find(({ type }) => type === "heuristic-outcome"), {
    type: "heuristic-outcome",
    transactionId: id,
    participant: "north",
    gid: `indoubt_${first.id}_${id}_0`,
    outcome: "committed",
  });
  assertEquals([first.status(id), first.inDoubt().map((one) => one.id)], ["aborted", [id]]);
  await site.clock.run(first.close());
  site.crash();
  const second = await site.open();
  assertEquals(second.inDoubt().map(({ branches }) => branches.map(({ state }) => state)), [
    ["heuristic"],
  ]);
  await site.clock.run(second.forget(id, { reason: "put right by hand" }));
  await site.clock.run(second.close());
  const third = await site.open();
  assertEquals([third.inDoubt(), third.recovery.pending], [[], []]);
  await site.clock.run(third.close());
});

Deno.test("Coordinator shows what someone committed also while the log takes nothing", async () => {
  const site = new Site();
  const coordinator = await site.open();
  site.south.script.next("prepare", (call) => {
    site.disk.fail({ kind: "syncData", times: Infinity });
    return refuses(new Error("no"))(call);
  });
  site.north.script.next("rollbackPrepared", (call) => {
    site.north.endByHand(site.north.prepared[0]!, "committed");
    return call.effect();
  });
  await assertRejects(() => site.commit(coordinator, ...BOTH), HeuristicOutcomeError);
  await site.clock.pass(10_000);
  assertEquals(coordinator.inDoubt().length, 1);
  site.disk.mend();
  await site.clock.run(coordinator.close());
  assert(site.events.some(({ type }) => type === "heuristic-outcome"));
});

Deno.test("Coordinator keeps nobody waiting for long to tell who meddled with a roll-back", async () => {
  const site = new Site();
  const coordinator = await site.open({ settleTimeout: 1000 });
  site.north.script.always("outcomeOf", hangs);
  site.south.script.next("prepare", refuses(new Error("no")));
  site.north.script.next("rollbackPrepared", (call) => {
    site.north.endByHand(site.north.prepared[0]!, "committed");
    return call.effect();
  });
  // What it can say by then: it did not decide to commit. The rest is an event, and shown.
  await assertRejects(() => site.commit(coordinator, ...BOTH), TransactionAbortedError);
  assertEquals(site.clock.elapsed(), 1000);
  site.north.script.always("outcomeOf", null);
  await site.clock.pass(60_000);
  assert(site.events.some(({ type }) => type === "heuristic-outcome"));
  assertEquals(coordinator.inDoubt().length, 1);
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator tells who meddled with a roll-back also if another branch could not be rolled back", async () => {
  const site = new Site();
  const coordinator = await site.open();
  site.west.script.next("examine", fails(new Error("the transaction has failed")));
  site.west.script.next("rollback", fails(new Error("the connection was reset")));
  site.north.script.next("rollbackPrepared", (call) => {
    site.north.endByHand(site.north.prepared[0]!, "committed");
    return call.effect();
  });
  const transacting = coordinator.transaction(["north", "south", "west"], (clients) => {
    for (const client of Object.values(clients)) client.write("row");
    clients.north.tell();
    clients.south.tell();
  });
  const error = await assertRejects(() => site.clock.run(transacting), HeuristicOutcomeError);
  const branches = error.branches.map(({ participant, outcome }) => [participant, outcome]);
  assertEquals(branches, [["north", "committed"]]);
  assertEquals(site.rows, [["row"], [], []]);
  await site.clock.run(coordinator.close());
});
