/**
 * Guarantees what a sweep does with branches that may not be this coordinator's to end: it tells of them,
 * once, and touches none, whatever is learnt or begun later.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { CoordinatorEvent } from "../../src/coordinator/events.ts";
import { fails, hangs, lostAfter, refuses } from "./support/faults.ts";
import { heardAfter } from "./support/faults.ts";
import { Workbench } from "./support/workbench.ts";

const ENDINGS = /(commit|rollback)Prepared/;

/** What was told of branches of others. */
function told(events: readonly CoordinatorEvent[]): CoordinatorEvent[] {
  return events.filter(({ type }) => type === "branch-uncertain" || type === "foreign-branches");
}

async function sweep(bench: Workbench, times = 1): Promise<void> {
  for (let index = 0; index < times; index++) {
    await bench.clock.run(bench.membership.sweepAll());
    await bench.clock.pass(60_000);
  }
}

Deno.test("Membership.sweepAll() only tells of a number that was never given out here", async () => {
  const bench = await Workbench.open();
  const gid = "indoubt_fake_1000000000007_0";
  bench.database("north").prepareByHand(gid, "row");
  await sweep(bench, 3);
  assertEquals(told(bench.events), [{
    type: "branch-uncertain",
    transactionId: "1000000000007",
    participant: "north",
    gid,
    reason: "duplicate",
  }]);
  assertEquals([...bench.unsettled].map(({ id, verdict }) => [id, verdict]), [
    ["1000000000007", "operator"],
  ]);
  assertEquals(bench.trace.entries.filter((entry) => ENDINGS.test(entry)), []);
});

Deno.test("Membership.sweepAll() leaves a duplicate alone when its number comes to be given out", async () => {
  const bench = await Workbench.open();
  const gid = "indoubt_fake_1000000000003_0";
  bench.database("north").prepareByHand(gid, "row");
  await sweep(bench);
  for (let index = 0; index < 5; index++) {
    await bench.clock.run((await bench.begin(["south"])).rollback());
  }
  await sweep(bench, 3);
  assertEquals(bench.database("north").prepared, [gid]);
  assertEquals(told(bench.events).length, 1);
});

Deno.test("Operator.resolve() says nothing of a number that is yet to be given out", async () => {
  const bench = await Workbench.open();
  bench.database("north").prepareByHand("indoubt_fake_1000000000003_0", "row");
  await sweep(bench);
  const action = { reason: "the other one has committed it" };
  await bench.clock.run(bench.operator.resolve("1000000000003", "north", "commit", action));
  assertEquals([bench.database("north").rows, bench.ledger.unsettled], [["row"], []]);
  // The number is this coordinator's one day, and then another transaction's.
  assertEquals(bench.log.outcomeOf(1000000000003n), null);
});

Deno.test("Membership.sweepAll() takes no branch of this opening for its own once it saw a duplicate", async () => {
  const bench = await Workbench.open();
  for (let index = 0; index < 5; index++) {
    await bench.clock.run((await bench.begin(["south"])).rollback());
  }
  const gids = ["indoubt_fake_1000000000002_0", "indoubt_fake_1000000000099_0"];
  // The other coordinator gives out the same numbers; one of its branches cannot be told from ours.
  for (const gid of gids) bench.database("north").prepareByHand(gid, "row");
  await sweep(bench, 2);
  bench.database("south").prepareByHand("indoubt_fake_1000000000004_1", "row");
  await sweep(bench, 2);
  assertEquals([bench.database("north").prepared, bench.database("south").prepared.length], [
    gids,
    1,
  ]);
  assertEquals(told(bench.events).length, 3);
  assert(told(bench.events).every((event) => "reason" in event && event.reason === "duplicate"));
});

Deno.test("Membership.sweepAll() still rolls back what earlier openings left", async () => {
  const bench = await Workbench.open();
  bench.database("north").prepareByHand("indoubt_fake_1000000000099_0", "row");
  bench.database("north").prepareByHand("indoubt_fake_999_0", "row");
  await sweep(bench);
  assertEquals(bench.database("north").prepared, ["indoubt_fake_1000000000099_0"]);
});

Deno.test("Membership.sweepAll() tells of another coordinator's branches once, all at once", async () => {
  const bench = await Workbench.open();
  const north = bench.database("north");
  const gids = ["indoubt_other_7_0", "indoubt_other_8_0"];
  for (const gid of [...gids, "indoubt_third_7_0"]) north.prepareByHand(gid, "row");
  bench.database("south").prepareByHand("indoubt_other_7_1", "row");
  await sweep(bench, 3);
  north.prepareByHand("indoubt_other_9_0", "row");
  await sweep(bench, 2);
  assertEquals(told(bench.events), [
    { type: "foreign-branches", participant: "north", coordinator: "other", gids },
    {
      type: "foreign-branches",
      participant: "north",
      coordinator: "third",
      gids: ["indoubt_third_7_0"],
    },
    {
      type: "foreign-branches",
      participant: "south",
      coordinator: "other",
      gids: ["indoubt_other_7_1"],
    },
  ]);
  assertEquals(bench.trace.entries.filter((entry) => ENDINGS.test(entry)), []);
});

Deno.test("Membership.sweepAll() tells of another coordinator's branch when it is still there, not before", async () => {
  const bench = await Workbench.open();
  const north = bench.database("north");
  north.since = new Date(bench.clock.now());
  north.prepareByHand("indoubt_other_7_0", "row");
  await bench.clock.run(bench.membership.sweepAll());
  assertEquals(told(bench.events), []);
  await bench.clock.pass(60_000);
  north.since = new Date(bench.clock.now());
  await bench.clock.run(bench.membership.sweepAll());
  assertEquals(told(bench.events).length, 1);
});

Deno.test("Membership.sweepAll() shows operators an adopted branch again that they gave up", async () => {
  const bench = await Workbench.open();
  bench.database("north").prepareByHand("indoubt_other_7_0", "row");
  bench.log.adopted.add("other");
  await sweep(bench);
  assertEquals(told(bench.events), []);
  const action = { reason: "nobody knows", force: true };
  await bench.clock.run(bench.operator.forget("other_7", action));
  assertEquals(bench.ledger.find("other_7"), undefined);
  await sweep(bench);
  assertEquals(bench.ledger.find("other_7")?.verdict, "operator");
  assertEquals(bench.database("north").prepared, ["indoubt_other_7_0"]);
});

Deno.test("Membership.sweepAll() keeps a duplicate in doubt when this coordinator's own of that number has ended", async () => {
  const bench = await Workbench.open();
  const [north, south] = [bench.database("north"), bench.database("south")];
  north.prepareByHand("indoubt_fake_1000000000099_0", "row");
  await sweep(bench);
  north.script.next("prepare", refuses(new Error("no")));
  south.script.next("prepare", lostAfter);
  south.script.always("rollbackPrepared", hangs);
  const transaction = await bench.write();
  await assertRejects(() => bench.clock.run(transaction.commit()));
  const gid = `indoubt_fake_${transaction.id}_0`;
  north.prepareByHand(gid, "row");
  await sweep(bench);
  south.script.always("rollbackPrepared", null);
  await bench.clock.pass(120_000);
  assertEquals([north.prepared.includes(gid), south.prepared], [true, []]);
  const shown = bench.ledger.settlementOf(BigInt(transaction.id));
  assertEquals(shown?.outstanding.map((branch) => branch.gid), [gid]);
});

for (
  const [what, gid, id] of [
    ["a duplicate", "indoubt_fake_1000000000003_0", "1000000000003"],
    ["an adopted branch", "indoubt_other_7_0", "other_7"],
  ] as const
) {
  Deno.test(`Membership.sweepAll() does not show ${what} again that an operator ended meanwhile`, async () => {
    const bench = await Workbench.open({ names: ["north"] });
    const north = bench.database("north");
    north.prepareByHand(gid, "row");
    bench.log.adopted.add("other");
    await sweep(bench);
    const heard = Promise.withResolvers<void>();
    north.script.next("listPrepared", heardAfter(heard.promise));
    const sweeping = bench.membership.sweepAll();
    await bench.clock.pass(100);
    const action = { reason: "compared both databases" };
    await bench.clock.run(bench.operator.resolve(id, "north", "commit", action));
    heard.resolve();
    await bench.clock.run(sweeping);
    assertEquals([bench.ledger.unsettled, north.rows], [[], ["row"]]);
    // Prepared anew under the same name, it is another one.
    await bench.clock.pass(1);
    north.prepareByHand(gid, "again");
    await sweep(bench);
    assertEquals(bench.ledger.unsettled.length, 1);
  });
}

Deno.test("Membership.sweepAll() shows no adopted branch any more that someone has ended", async () => {
  const bench = await Workbench.open();
  const [north, south] = [bench.database("north"), bench.database("south")];
  north.prepareByHand("indoubt_other_7_0", "row");
  south.prepareByHand("indoubt_other_7_1", "row");
  bench.log.adopted.add("other");
  await sweep(bench);
  north.endByHand("indoubt_other_7_0", "committed");
  await sweep(bench);
  const left = bench.ledger.find("other_7")?.outstanding.map(({ gid }) => gid);
  assertEquals(left, ["indoubt_other_7_1"]);
  south.endByHand("indoubt_other_7_1", "committed");
  await sweep(bench);
  assertEquals(bench.ledger.unsettled, []);
});

Deno.test("Membership.sweepAll() does not pile up the branches of a coordinator that was adopted and lives", async () => {
  const bench = await Workbench.open();
  const north = bench.database("north");
  bench.log.adopted.add("other");
  for (let txn = 1; txn <= 50; txn++) {
    const gid = `indoubt_other_${txn}_0`;
    north.prepareByHand(gid, "row");
    await sweep(bench);
    north.endByHand(gid, "committed");
  }
  assertEquals(bench.ledger.unsettled.map(({ id }) => id), ["other_50"]);
});

Deno.test("Membership.sweepAll() keeps adopted branches of a database that cannot be listed", async () => {
  const bench = await Workbench.open();
  bench.database("north").prepareByHand("indoubt_other_7_0", "row");
  bench.log.adopted.add("other");
  await sweep(bench);
  bench.database("north").script.next("listPrepared", fails(new Error("the connection was reset")));
  await sweep(bench);
  assertEquals(bench.ledger.find("other_7")?.outstanding.length, 1);
});
