/**
 * Guarantees that a participant is not overrun by what waits for it: one that is away is asked as often for
 * a thousand branches as for one, one that is there is asked about four at a time, and neither keeps
 * anyone from anything else.
 */

import { assert, assertEquals } from "@std/assert";
import type { UnfinishedTransaction } from "../../src/coordinator/decision_log.ts";
import { settleRecovered, takeUp } from "../../src/coordinator/recover.ts";
import { sleep } from "../../src/platform/clock.ts";
import { FakeLog } from "./support/fake_log.ts";
import { Trace } from "./support/trace.ts";
import { Workbench } from "./support/workbench.ts";

const TEN_MINUTES = 600_000;

/** Gives the resolver decided branches in one participant, all prepared. */
function decide(bench: Workbench, participant: string, count: number): void {
  for (let index = 0; index < count; index++) {
    const gid = `indoubt_fake_${index + 1}_0`;
    bench.database(participant).prepareByHand(gid, `row ${index}`);
    const branch = { participant, gid, token: null };
    const txn = BigInt(index + 1);
    const settlement = bench.ledger.settle({
      txn,
      verdict: "commit",
      branches: [branch],
      logged: true,
    });
    void bench.resolver.take(settlement, branch);
  }
}

for (const count of [1, 1000]) {
  Deno.test(`Resolver asks a participant that is away as seldom for ${count} branches as for one`, async () => {
    const bench = await Workbench.open({ names: ["north"] });
    bench.database("north").disconnect();
    decide(bench, "north", count);
    await bench.clock.pass(TEN_MINUTES);
    const tries = bench.trace.count("north commitPrepared");
    assert(tries > 20 && tries < 55, `${tries} tries in ten minutes`);
    assertEquals(bench.resolver.pending, count);
  });
}

Deno.test("Resolver settles all that waited once the participant answers", async () => {
  const bench = await Workbench.open({ names: ["north"] });
  const north = bench.database("north");
  north.disconnect();
  decide(bench, "north", 1000);
  await bench.clock.pass(TEN_MINUTES);
  north.reconnect();
  bench.trace.clear();
  // Nobody wakes it: it finds out at its own next try.
  await bench.clock.pass(60_000);
  assertEquals([bench.resolver.pending, north.rows.length], [0, 1000]);
  assertEquals(bench.trace.count("north commitPrepared"), 1000);
  bench.assertQuiet();
});

Deno.test("Resolver begins with one branch when the participant has just come back", async () => {
  const bench = await Workbench.open({ names: ["north"] });
  const north = bench.database("north");
  let underWay = 0;
  const widths: number[] = [];
  north.disconnect();
  decide(bench, "north", 20);
  await bench.clock.pass(10_000);
  north.reconnect();
  north.script.always("commitPrepared", async ({ effect }) => {
    widths.push(++underWay);
    await sleep(bench.clock, 10);
    underWay--;
    return effect();
  });
  await bench.clock.pass(60_000);
  assertEquals([widths[0], Math.max(...widths), bench.resolver.pending], [1, 4, 0]);
  assertEquals(widths[1], 1, "the second begins after the first was answered");
});

Deno.test("Ten thousand branches in doubt at opening hold up no one", async () => {
  const trace = new Trace();
  const unfinished = Array.from({ length: 10_000 }, (_, index): UnfinishedTransaction => ({
    txn: BigInt(index + 1),
    decided: true,
    branches: [{ participant: "north", gid: `indoubt_fake_${index + 1}_0`, token: null }],
  }));
  const bench = await Workbench.open({ log: new FakeLog(trace, 2, unfinished) });
  const [north, south] = [bench.database("north"), bench.database("south")];
  for (const { branches: [branch] } of unfinished) north.prepareByHand(branch!.gid, branch!.gid);
  south.prepareByHand("indoubt_fake_10001_0", "an orphan");
  let underWay = 0;
  let most = 0;
  north.script.always("commitPrepared", async ({ effect }) => {
    most = Math.max(most, ++underWay);
    await sleep(bench.clock, 20);
    underWay--;
    return effect();
  });
  const settlements = takeUp(bench.log.recovered, bench.ledger);
  const begun = bench.clock.elapsed();
  const { membership, resolver, clock } = bench;
  const report = await clock.run(settleRecovered(settlements, membership, resolver, clock, begun));
  // Opening waits half a minute; four at a time in 20 ms each are 6000 by then.
  assertEquals([report.milliseconds, most], [30_000, 4]);
  const { committed, pending } = report;
  assert(committed.length >= 5990 && committed.length <= 6000, `${committed.length} are committed`);
  assertEquals(committed.length + pending.length, 10_000);
  assertEquals([report.rolledBack, south.prepared], [["10001"], []]);
  const before = clock.elapsed();
  for (let index = 0; index < 5; index++) {
    const transaction = await bench.write(["south"]);
    await clock.run(transaction.commit());
  }
  assertEquals([clock.elapsed() - before, south.rows.length], [0, 5]);
  assert(resolver.pending > 3000, `${resolver.pending} are left`);
  await clock.pass(60_000);
  assertEquals([resolver.pending, north.rows.length, most], [0, 10_000, 4]);
  bench.assertQuiet();
});

Deno.test("Resolver.wake() starts four at a time where nothing has failed, and none after closing", async () => {
  const bench = await Workbench.open({ names: ["north"] });
  const north = bench.database("north");
  north.disconnect();
  decide(bench, "north", 10);
  await bench.clock.pass(TEN_MINUTES);
  north.reconnect();
  bench.trace.clear();
  bench.resolver.wake("north");
  await bench.clock.settle();
  assertEquals([bench.trace.count("north commitPrepared"), bench.resolver.pending], [10, 0]);
  await bench.clock.run(bench.resolver.close());
  bench.resolver.wake("north");
  decide(bench, "north", 1);
  await bench.clock.pass(TEN_MINUTES);
  assertEquals([bench.trace.count("north commitPrepared"), bench.clock.timers], [10, 0]);
});
