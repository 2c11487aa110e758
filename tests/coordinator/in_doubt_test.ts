/**
 * Guarantees that operators see of every transaction in doubt what it is, since when, where, and what it
 * waits for; and that the application is told of each one once.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { describeInDoubt, type InDoubtTransaction } from "../../src/coordinator/in_doubt.ts";
import { HeuristicOutcomeError, OutcomeUnknownError } from "../../src/coordinator/errors.ts";
import { crashAt, ID } from "./support/crashed_site.ts";
import { answers, hangs, lostAfter, lostBefore, refuses } from "./support/faults.ts";
import { prepare } from "./support/prepared.ts";
import { type Name, Site } from "./support/site.ts";
import { coordinatorTest } from "./support/with_coordinator.ts";

const BOTH: Name[] = ["north", "south"];
const action = { reason: "looked at both databases" };

Deno.test("describeInDoubt() shows a branch that is tried, and when it is tried next", async () => {
  const { bench, settlement, take } = await prepare("commit", { names: ["north"] });
  const show = () => describeInDoubt(settlement, bench.resolver);
  const branch = {
    participant: "north",
    gid: "indoubt_fake_5_0",
    outcome: null,
    state: "trying",
  } as const;
  const untried = { ...branch, tries: 0, nextTry: null, lastError: null };
  assertEquals(show(), {
    id: "5",
    label: null,
    decision: "commit",
    since: new Date(bench.clock.now()),
    branches: [untried],
  });
  const error = new Error("busy");
  bench.database("north").script.next("commitPrepared", answers({ kind: "later", error }));
  take();
  await bench.clock.settle();
  const [first] = show().branches;
  const wait = first!.nextTry!.getTime() - bench.clock.now();
  assert(wait >= 50 && wait <= 100, `the next try is in ${wait} ms`);
  assertEquals({ ...first!, nextTry: null }, {
    ...branch,
    tries: 1,
    nextTry: null,
    lastError: error,
  });
  bench.database("north").script.next("commitPrepared", hangs);
  await bench.clock.pass(100);
  const [second] = show().branches;
  assertEquals([second?.tries, second?.nextTry], [2, null], "it is tried right now");
});

Deno.test("describeInDoubt() shows a branch that needs a person", async () => {
  const { bench, settlement, take } = await prepare("commit", { names: ["north"] });
  const error = new Error("permission denied");
  bench.database("north").script.always("commitPrepared", answers({ kind: "operator", error }));
  take();
  await bench.clock.pass(60_000);
  const [branch] = describeInDoubt(settlement, bench.resolver).branches;
  assertEquals([branch?.state, branch?.tries, branch?.lastError], ["stuck", 2, error]);
  assertEquals(branch?.nextTry?.getTime(), bench.clock.now() + 60_000);
  bench.database("north").script.always("commitPrepared", answers({ kind: "later", error }));
  await bench.clock.pass(60_000);
  assertEquals(describeInDoubt(settlement, bench.resolver).branches[0]?.state, "trying");
});

for (
  const [verdict, state] of [["rollback", "trying"], ["ask", "trying"], ["log", "waiting"], [
    "operator",
    "waiting",
  ]] as const
) {
  Deno.test(`describeInDoubt() shows what a branch waits for: ${verdict}`, async () => {
    const { bench, settlement } = await prepare(verdict);
    const { decision, branches } = describeInDoubt(settlement, bench.resolver);
    assertEquals([decision, branches.map((branch) => branch.state)], [verdict, [state, state]]);
  });
}

coordinatorTest(
  "Coordinator.inDoubt() shows a heuristic outcome, with its label, until it is forgotten",
  async (site, coordinator) => {
    site.south.script.next("commitPrepared", (call) => {
      site.south.endByHand(site.south.prepared[0]!, "aborted");
      return call.effect();
    });
    const transacting = coordinator.transaction(BOTH, ({ north, south }) => {
      north.write("row");
      south.write("row");
    }, { label: "order 4711" });
    const { transactionId } = await assertRejects(
      () => site.clock.run(transacting),
      HeuristicOutcomeError,
    );
    const [shown, ...more] = coordinator.inDoubt();
    assertEquals(more, []);
    assertEquals([shown?.id, shown?.label, shown?.decision], [
      transactionId,
      "order 4711",
      "commit",
    ]);
    assertEquals(
      shown?.branches.map(({ participant, state, outcome }) => [participant, state, outcome]),
      [
        ["south", "heuristic", "rolled back"],
      ],
    );
    await site.clock.pass(5000);
    assertEquals(coordinator.oldestInDoubt, 5000);
    await site.clock.run(coordinator.forget(transactionId, action));
    assertEquals([coordinator.inDoubt(), coordinator.oldestInDoubt], [[], null]);
  },
);

coordinatorTest(
  "Coordinator.oldestInDoubt is the age of the oldest, and never below nothing",
  async (site, coordinator) => {
    assertEquals([coordinator.oldestInDoubt, coordinator.inDoubt()], [null, []]);
    site.south.script.always(
      "commitPrepared",
      answers({ kind: "later", error: new Error("busy") }),
    );
    const first = await site.commit(coordinator, ...BOTH);
    const since = coordinator.inDoubt()[0]!.since.getTime();
    await site.clock.pass(7000);
    await site.commit(coordinator, ...BOTH);
    assertEquals(coordinator.oldestInDoubt, site.clock.now() - since);
    // Somebody sets the wall clock back.
    site.clock.jump(-3_600_000);
    assertEquals(coordinator.oldestInDoubt, 0);
    site.clock.jump(3_600_000);
    assertEquals(coordinator.inDoubt().map(({ id }) => id)[0], first);
    site.south.script.always("commitPrepared", null);
    await site.clock.pass(120_000);
    assertEquals([coordinator.oldestInDoubt, coordinator.inDoubt()], [null, []]);
  },
);

coordinatorTest(
  "Coordinator.inDoubt() shows a commit under way as driven by its own sessions",
  async (site, coordinator) => {
    const seen: InDoubtTransaction[][] = [];
    site.south.script.next("commitPrepared", (call) => {
      seen.push(coordinator.inDoubt());
      return call.effect();
    });
    await site.commit(coordinator, ...BOTH);
    assertEquals(new Set(seen[0]?.[0]?.branches.map(({ state }) => state)), new Set(["trying"]));
    assertEquals(coordinator.inDoubt(), []);
  },
);

coordinatorTest(
  "Coordinator.inDoubt() counts from the decision, not from the end of the caller's patience",
  async (site, coordinator) => {
    site.south.script.always("commitPrepared", hangs);
    const decided = site.clock.now();
    await site.commit(coordinator, ...BOTH);
    assert(site.clock.now() > decided, "the caller waited for nothing");
    assertEquals(coordinator.inDoubt()[0]?.since.getTime(), decided);
    site.south.script.always("commitPrepared", null);
    await site.clock.pass(120_000);
  },
);

/** A site whose coordinator notes what it is told to be in doubt. */
async function open(site = new Site()) {
  const told: InDoubtTransaction[] = [];
  const coordinator = await site.open({
    settleTimeout: 1000,
    sweepInterval: 5000,
    onInDoubt: (transaction) => told.push(transaction),
  });
  return { site, told, coordinator };
}

Deno.test("onInDoubt hears nothing of what goes well", async () => {
  const { site, told, coordinator } = await open();
  await site.commit(coordinator, ...BOTH);
  await site.commit(coordinator, "west");
  site.south.script.next("prepare", refuses(new Error("no")));
  await assertRejects(() => site.commit(coordinator, ...BOTH));
  await site.clock.run(coordinator.close());
  assertEquals(told, []);
});

Deno.test("onInDoubt hears once of a commit that a database has not answered", async () => {
  const { site, told, coordinator } = await open();
  for (const { script } of [site.north, site.south]) script.always("commitPrepared", hangs);
  const id = await site.commit(coordinator, ...BOTH);
  await site.clock.pass(300_000);
  assertEquals(told.map((one) => [one.id, one.decision, one.branches.length]), [[id, "commit", 2]]);
  for (const { script } of [site.north, site.south]) script.always("commitPrepared", null);
  await site.clock.pass(120_000);
  assertEquals([told.length, coordinator.inDoubt()], [1, []]);
  await site.clock.run(coordinator.close());
});

Deno.test("onInDoubt hears once of a heuristic outcome, of a lost answer, and of a roll-back", async () => {
  const { site, told, coordinator } = await open();
  site.south.script.next("commitPrepared", (call) => {
    site.south.endByHand(site.south.prepared[0]!, "aborted");
    return call.effect();
  });
  await assertRejects(() => site.commit(coordinator, ...BOTH), HeuristicOutcomeError);
  site.north.script.next("commit", lostAfter);
  site.north.script.always("outcomeOf", hangs);
  await assertRejects(() => site.commit(coordinator, "north"), OutcomeUnknownError);
  site.south.script.next("prepare", lostAfter);
  site.south.script.next("rollbackPrepared", lostBefore);
  await assertRejects(() => site.commit(coordinator, ...BOTH));
  await site.clock.pass(60_000);
  assertEquals(told.map(({ decision }) => decision), ["commit", "ask", "rollback"]);
  await site.clock.run(coordinator.close());
});

Deno.test("onInDoubt hears at opening of what is still pending, and only of that", async () => {
  const site = await crashAt("decided");
  site.south.disconnect();
  const { told, coordinator } = await open(site);
  assertEquals(
    told.map(({ id, branches }) => [id, branches.map(({ participant }) => participant)]),
    [
      [ID, ["south"]],
    ],
  );
  site.south.reconnect();
  await site.clock.pass(120_000);
  assertEquals([told.length, coordinator.inDoubt()], [1, []]);
  await site.clock.run(coordinator.close());
  const again = await open(site);
  assertEquals(again.told, []);
  await site.clock.run(again.coordinator.close());
});

Deno.test("onInDoubt hears once of a branch that only an operator can settle", async () => {
  const site = new Site();
  const { told, coordinator } = await open(site);
  site.west.prepareByHand(`indoubt_${coordinator.id}_9000000000001_0`, "row");
  await site.clock.pass(60_000);
  assertEquals(told.map(({ id, decision }) => [id, decision]), [["9000000000001", "operator"]]);
  await site.clock.run(coordinator.close());
});

Deno.test("onInDoubt hears of an orphan that cannot be rolled back", async () => {
  const site = new Site();
  const { told, coordinator } = await open(site);
  const error = new Error("permission denied");
  site.west.script.always("rollbackPrepared", answers({ kind: "operator", error }));
  let id = "";
  const aborting = coordinator.transaction(BOTH, (_, transaction) => {
    id = transaction.id;
    throw new Error("a change of mind");
  });
  await assertRejects(() => site.clock.run(aborting), Error, "a change of mind");
  site.west.prepareByHand(`indoubt_${coordinator.id}_${id}_2`, "row");
  await site.clock.pass(60_000);
  assertEquals(told.map((one) => [one.id, one.decision, one.branches[0]?.state]), [
    [id, "rollback", "stuck"],
  ]);
  await site.clock.run(coordinator.close());
});
