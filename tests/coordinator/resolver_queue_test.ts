/**
 * Guarantees when branches in doubt are tried: with growing delays, in a queue of its own for each
 * database, so that no trouble of one holds up another, and never after closing.
 */

import { assert, assertEquals } from "@std/assert";
import { answers, hangs, hangsAfter, lostBefore } from "./support/faults.ts";
import { heuristicOf, prepare } from "./support/prepared.ts";

Deno.test("Resolver tries again with growing delays, up to the cap", async () => {
  const { bench, take } = await prepare("commit", { names: ["north"] });
  const times: number[] = [];
  bench.database("north").script.always("commitPrepared", (call) => {
    times.push(bench.clock.elapsed());
    return lostBefore(call);
  });
  take();
  await bench.clock.pass(300_000);
  const delays = times.slice(1).map((time, index) => time - times[index]!);
  for (const [index, delay] of delays.entries()) {
    const most = Math.min(100 * 2 ** index, 30_000);
    assert(delay >= most / 2 && delay <= most, `delay ${index} was ${delay} ms`);
  }
  assert(times.length > 15 && times.length < 35, `${times.length} tries in five minutes`);
});

Deno.test("Resolver tries a branch that needs a person once a minute", async () => {
  const { bench, settlement, take } = await prepare("commit", { names: ["north"] });
  const { script } = bench.database("north");
  script.always("commitPrepared", answers({ kind: "operator", error: new Error("denied") }));
  take();
  await bench.clock.pass(600_000);
  assertEquals(bench.trace.count("north commitPrepared"), 11);
  assertEquals(new Set(bench.events.map(({ type }) => type)), new Set(["branch-stuck"]));
  script.always("commitPrepared", null);
  await bench.clock.run(settlement.done);
  assertEquals(bench.rows(), { north: ["row"] });
});

Deno.test("Resolver gives up a try that is not answered, and tries again", async () => {
  const { bench, settlement, take } = await prepare("commit", { names: ["north"] });
  bench.database("north").script.next("commitPrepared", hangsAfter);
  take();
  await bench.clock.pass(29_999);
  assertEquals(bench.events, []);
  await bench.clock.run(settlement.done);
  assertEquals([bench.rows(), heuristicOf(settlement)], [{ north: ["row"] }, undefined]);
});

Deno.test("Resolver lets no outage of one participant hold up another", async () => {
  const { bench, settlement, take } = await prepare("commit", {
    names: ["north", "south", "west"],
  });
  bench.database("north").script.always("commitPrepared", hangs);
  bench.database("west").disconnect();
  take();
  await bench.clock.settle();
  assertEquals(bench.rows(), { north: [], south: ["row"], west: [] });
  assertEquals(settlement.outstanding.map(({ participant }) => participant), ["north", "west"]);
});

Deno.test("Resolver asks one participant about a few branches at a time", async () => {
  const { bench } = await prepare("commit", { names: ["north"] });
  const north = bench.database("north");
  let underWay = 0;
  let most = 0;
  north.script.always("rollbackPrepared", async ({ effect }) => {
    most = Math.max(most, ++underWay);
    await Promise.resolve();
    underWay--;
    return effect();
  });
  const settlements = Array.from({ length: 50 }, (_, index) => {
    const branch = { participant: "north", gid: `indoubt_fake_${index + 10}_0`, token: null };
    north.prepareByHand(branch.gid, "row");
    const settlement = bench.ledger.settle({
      txn: BigInt(index + 10),
      verdict: "rollback",
      branches: [branch],
      logged: false,
    });
    void bench.resolver.take(settlement, branch);
    return settlement.done;
  });
  await bench.clock.run(Promise.all(settlements));
  assertEquals([most, north.prepared], [4, ["indoubt_fake_5_0"]]);
});

Deno.test("Resolver.wake() tries at once what waits for a participant", async () => {
  const { bench, settlement, take } = await prepare("commit");
  for (const database of bench.databases.values()) database.disconnect();
  take();
  await bench.clock.pass(100_000);
  for (const database of bench.databases.values()) database.reconnect();
  bench.resolver.wake("north");
  await bench.clock.settle();
  assertEquals(bench.rows(), { north: ["row"], south: [] });
  await bench.clock.run(settlement.done);
});

Deno.test("Resolver keeps a branch whose participant was not given", async () => {
  const { bench } = await prepare("commit", { names: ["north"] });
  const branch = { participant: "removed", gid: "indoubt_fake_6_0", token: "701" };
  const settlement = bench.ledger.settle({
    txn: 6n,
    verdict: "commit",
    branches: [branch],
    logged: true,
  });
  await bench.clock.run(bench.resolver.take(settlement, branch));
  await bench.clock.pass(600_000);
  assertEquals(bench.resolver.pending, 1);
  const event = bench.events.at(-1);
  assert(event?.type === "branch-stuck" && event.error instanceof Error);
  assert(event.error.message.includes('"removed" was not given'), event.error.message);
});

Deno.test("Resolver does not ask a participant that must not be used", async () => {
  const { bench, take } = await prepare("commit", { names: ["north"] });
  const north = bench.database("north");
  north.identity = "fake:another";
  await bench.clock.run(bench.members.get("north")!.check(bench.log, bench.clock, 1000, []));
  take();
  await bench.clock.pass(100_000);
  assertEquals([bench.trace.count("north commitPrepared"), bench.resolver.pending], [0, 1]);
});

Deno.test("Resolver.close() waits for what is under way and tries nothing more", async () => {
  const { bench, take } = await prepare("commit");
  const answered = Promise.withResolvers<void>();
  bench.database("north").script.next("commitPrepared", async ({ effect }) => {
    await answered.promise;
    return effect();
  });
  bench.database("south").disconnect();
  take();
  await bench.clock.settle();
  let closed = false;
  const closing = bench.resolver.close().then(() => closed = true);
  await bench.clock.settle();
  assert(!closed);
  answered.resolve();
  await bench.clock.run(closing);
  await bench.clock.pass(600_000);
  assertEquals([bench.rows(), bench.resolver.pending], [{ north: ["row"], south: [] }, 1]);
  assertEquals([bench.trace.count("south commitPrepared"), bench.clock.timers], [1, 0]);
});
