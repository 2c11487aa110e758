/**
 * Guarantees that what an operator decided is in the log: in force at later openings where it has to be,
 * and there to be read by whoever asks later who did it and why.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { HeuristicOutcomeError, TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { inspectLog } from "../../src/wal/inspect.ts";
import { crashAt, ID } from "./support/crashed_site.ts";
import { answers, lostAfter, refuses } from "./support/faults.ts";
import { type Name, Site, type SiteCoordinator } from "./support/site.ts";

const BOTH: Name[] = ["north", "south"];
const action = { reason: "compared both databases", by: "ada" };

/** What a reader of the log finds of operators' verdicts. */
async function verdictsOf(site: Site): Promise<unknown[]> {
  const found: unknown[] = [];
  const platform = {
    fileSystem: site.disk,
    clock: site.processClock,
    randomness: site.random,
    processId: 1,
  };
  for await (const item of inspectLog(platform, "/site/log")) {
    if (item.kind !== "record" || item.record?.type !== "branch-verdict") continue;
    const { kind, subject, participant, reason, by } = item.record;
    found.push([kind, subject, participant, reason, by]);
  }
  return found;
}

Deno.test("Coordinator.resolve() and forget() leave readable records, and the next opening nothing to do", async () => {
  const site = await crashAt("decided");
  site.south.script.always(
    "commitPrepared",
    () => ({ kind: "operator", error: new Error("denied") }),
  );
  const coordinator = await site.open();
  await assertRejects(() => coordinator.resolve(ID, "south", "rollback", action), TypeError);
  await site.clock.run(coordinator.resolve(ID, "south", "rollback", { ...action, force: true }));
  assertEquals(coordinator.inDoubt().map(({ branches }) => branches[0]?.state), ["heuristic"]);
  await site.clock.run(coordinator.forget(ID, action));
  assertEquals([coordinator.inDoubt(), coordinator.status(ID)], [[], "committed"]);
  assertEquals((await verdictsOf(site)).slice(-2), [
    ["rollback", ID, "south", "compared both databases", "ada"],
    ["forget", ID, "", "compared both databases", "ada"],
  ]);
  await site.clock.run(coordinator.close());
  site.crash();
  const again = await site.open();
  assertEquals([again.recovery.pending, again.inDoubt(), site.rows], [[], [], [[ID], [], []]]);
  await site.clock.run(again.close());
});

Deno.test("Coordinator.inDoubt() shows at the next opening what was forced and not forgotten", async () => {
  const site = await crashAt("decided");
  site.south.script.always(
    "commitPrepared",
    () => ({ kind: "operator", error: new Error("denied") }),
  );
  const coordinator = await site.open();
  await site.clock.run(coordinator.resolve(ID, "south", "rollback", { ...action, force: true }));
  await site.clock.run(coordinator.close());
  site.south.script.always("commitPrepared", null);
  const again = await site.open();
  assertEquals(again.recovery.pending, [ID]);
  assertEquals(
    again.inDoubt()[0]?.branches.map((
      { participant, state, outcome },
    ) => [participant, state, outcome]),
    [
      ["south", "heuristic", "rolled back"],
    ],
  );
  await site.clock.run(again.close());
});

Deno.test("Coordinator.forget() gives up a heuristic outcome for every later opening", async () => {
  const site = new Site();
  const coordinator = await site.open();
  site.south.script.next("commitPrepared", (call) => {
    site.south.endByHand(site.south.prepared[0]!, "aborted");
    return call.effect();
  });
  const { transactionId } = await assertRejects(
    () => site.commit(coordinator, ...BOTH),
    HeuristicOutcomeError,
  );
  await site.clock.run(coordinator.close());
  for (let opening = 0; opening < 2; opening++) {
    const kept = await site.open();
    assertEquals(kept.inDoubt().map(({ id }) => id), [transactionId]);
    await site.clock.run(kept.close());
  }
  const last = await site.open();
  await site.clock.run(last.forget(transactionId, action));
  await site.clock.run(last.close());
  const after = await site.open();
  assertEquals(after.inDoubt(), []);
  await site.clock.run(after.close());
});

Deno.test("Coordinator.adopt() holds at every later opening, and ends nothing by itself", async () => {
  const site = new Site();
  const gids = ["indoubt_lost_7000000000001_0", "indoubt_lost_7000000000001_1"] as const;
  site.north.prepareByHand(gids[0], "north's");
  site.south.prepareByHand(gids[1], "south's");
  const first = await site.open();
  assertEquals(first.inDoubt(), []);
  assertEquals(site.events.filter(({ type }) => type === "foreign-branches").length, 2);
  await site.clock.run(first.adopt("lost", action));
  assertEquals(first.inDoubt().map(({ id }) => id), ["lost_7000000000001"]);
  await site.clock.run(first.close());
  site.crash();
  site.events.length = 0;
  const second = await site.open();
  await site.clock.pass(600_000);
  assertEquals(
    second.inDoubt().map(({ id, decision, branches }) => [id, decision, branches.length]),
    [
      ["lost_7000000000001", "operator", 2],
    ],
  );
  assertEquals([site.prepared, site.events.filter(({ type }) => type === "foreign-branches")], [
    [...gids],
    [],
  ]);
  await site.clock.run(second.resolve("lost_7000000000001", "north", "commit", action));
  await site.clock.run(second.resolve("lost_7000000000001", "south", "commit", action));
  assertEquals([second.inDoubt(), site.rows], [[], [["north's"], ["south's"], []]]);
  assertEquals((await verdictsOf(site)).at(-1), [
    "commit",
    "lost_7000000000001",
    "south",
    "compared both databases",
    "ada",
  ]);
  await site.clock.run(second.close());
  site.assertQuiet();
});

Deno.test("Coordinator.inDoubt() shows at the next opening what was committed by force against a roll-back", async () => {
  const site = new Site();
  const coordinator = await site.open({ settleTimeout: 100 });
  site.north.script.next("prepare", refuses(new Error("no")));
  site.south.script.next("prepare", lostAfter);
  const denied = { kind: "operator", error: new Error("denied") } as const;
  site.south.script.always("rollbackPrepared", answers(denied));
  await assertRejects(() => site.commit(coordinator, ...BOTH), TransactionAbortedError);
  await site.clock.pass(1000);
  const forced = { ...action, force: true };
  await site.clock.run(coordinator.resolve(ID, "south", "commit", forced));
  const heuristics = (of: SiteCoordinator) =>
    of.inDoubt().map(({ id, branches }) => [id, branches.map(({ outcome }) => outcome)]);
  assertEquals(heuristics(coordinator), [[ID, ["committed"]]]);
  site.south.script.always("rollbackPrepared", null);
  await site.clock.run(coordinator.close());
  const again = await site.open();
  assertEquals([heuristics(again), site.rows], [[[ID, ["committed"]]], [[], [ID], []]]);
  await site.clock.run(again.forget(ID, action));
  await site.clock.run(again.close());
  const third = await site.open();
  assertEquals(third.inDoubt(), []);
  await site.clock.run(third.close());
});
