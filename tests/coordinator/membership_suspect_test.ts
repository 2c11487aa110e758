/**
 * Guarantees that a participant that has become another database, or cannot be trusted otherwise, is
 * noticed while the coordinator runs, gets no new work, and takes part again when the right one is back.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { ParticipantIdentityError, TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { answers, hangs } from "./support/faults.ts";
import { prepare } from "./support/prepared.ts";
import { type Name, Site } from "./support/site.ts";
import { Workbench } from "./support/workbench.ts";

const BOTH: Name[] = ["north", "south"];

Deno.test("Coordinator notices at the next visit that a database was swapped, and when it is back", async () => {
  const site = new Site();
  const coordinator = await site.open({ sweepInterval: 5000 });
  const before = await site.commit(coordinator, ...BOTH);
  site.north.identity = "fake:restored elsewhere";
  await site.clock.pass(5000);
  const refused = site.events.find(({ type }) => type === "participant-refused");
  assert(refused !== undefined && "participant" in refused && refused.participant === "north");
  const error = await assertRejects(
    () => site.commit(coordinator, ...BOTH),
    TransactionAbortedError,
  );
  assert(error.cause instanceof ParticipantIdentityError);
  assertEquals([error.participant, error.retryable, error.transactionId], ["north", false, null]);
  // Nobody else is held up.
  const meanwhile = await site.commit(coordinator, "south", "west");
  site.north.identity = "fake:north";
  await site.clock.pass(60_000);
  assertEquals(site.events.at(-1), { type: "participant-ready", participant: "north" });
  const after = await site.commit(coordinator, ...BOTH);
  assertEquals(site.rows, [[before, after], [before, meanwhile, after], [meanwhile]]);
  await site.clock.run(coordinator.close());
  site.assertQuiet();
});

Deno.test("Coordinator commits nothing in a swapped database, and everything when the right one is back", async () => {
  const site = new Site();
  const coordinator = await site.open({ sweepInterval: 5000, settleTimeout: 100 });
  site.north.script.next("commitPrepared", () => {
    site.north.disconnect();
    return { kind: "later", error: new Error("the server stopped") };
  });
  const id = await site.commit(coordinator, ...BOTH);
  site.north.identity = "fake:a copy";
  site.north.reconnect();
  site.trace.clear();
  await site.clock.pass(30_000);
  assert(site.events.some(({ type }) => type === "participant-refused"));
  site.trace.clear();
  await site.clock.pass(300_000);
  assertEquals(site.trace.count("north commitPrepared"), 0);
  site.north.identity = "fake:north";
  await site.clock.pass(60_000);
  assertEquals([site.rows, coordinator.unsettled], [[[id], [id], []], 0]);
  await site.clock.run(coordinator.close());
  site.assertQuiet();
});

Deno.test("Membership.suspect() asks at once, once at a time, and nobody when it is closed", async () => {
  const bench = await Workbench.open();
  bench.database("north").identity = "fake:another";
  for (let index = 0; index < 10; index++) bench.membership.suspect("north");
  bench.membership.suspect("nowhere");
  await bench.clock.settle();
  assertEquals(bench.trace.only("north", "south"), ["north check"]);
  assertEquals(bench.events.map(({ type }) => type), ["participant-refused"]);
  bench.membership.suspect("north");
  await bench.clock.settle();
  assertEquals(bench.trace.count("north check"), 2);
  await bench.clock.run(bench.membership.close());
  bench.membership.suspect("north");
  await bench.clock.settle();
  assertEquals(bench.trace.count("north check"), 2);
});

Deno.test("Membership.close() waits for a check that was called for", async () => {
  const bench = await Workbench.open({ options: { checkTimeout: 700 } });
  bench.database("north").script.next("check", hangs);
  bench.membership.suspect("north");
  await bench.clock.run(bench.membership.close());
  assertEquals([bench.clock.elapsed(), bench.clock.timers], [700, 0]);
});

for (
  const answer of [
    { kind: "later", error: new Error("read-only"), suspect: true },
    { kind: "operator", error: new Error("not here"), suspect: true },
  ] as const
) {
  Deno.test(`Resolver has a participant asked who it is that answers as another would: ${answer.kind}`, async () => {
    const { bench, take } = await prepare("commit", { names: ["north"] });
    bench.database("north").script.next("commitPrepared", answers(answer));
    take();
    await bench.clock.settle();
    assertEquals(bench.trace.only("north"), ["north commitPrepared", "north check"]);
    await bench.clock.pass(60_000);
    assertEquals(bench.rows(), { north: ["row"] });
  });
}

for (const verdict of ["commit", "rollback", "ask"] as const) {
  Deno.test(`Resolver does not believe a token that another database is asked about: ${verdict}`, async () => {
    const { bench, settlement, take } = await prepare(verdict, { names: ["north"] });
    const { script } = bench.database("north");
    script.always("commitPrepared", answers({ kind: "absent" }));
    script.always("rollbackPrepared", answers({ kind: "absent" }));
    script.always("outcomeOf", answers("other database"));
    take();
    await bench.clock.pass(300_000);
    assertEquals([settlement.outstanding.length, settlement.heuristics], [1, []]);
    const stuck = bench.events.find(({ type }) => type === "branch-stuck");
    assert(stuck !== undefined && "error" in stuck && stuck.error instanceof Error);
    assert(stuck.error.message.includes("another database answers"), stuck.error.message);
    assert(bench.trace.count("north check") > 0);
  });
}

Deno.test("Coordinator asks a participant again soon that could not be asked between two sweeps", async () => {
  const site = new Site();
  const coordinator = await site.open({ sweepInterval: 3_600_000 });
  await site.clock.pass(60_000);
  site.south.script.next("commitPrepared", () => {
    site.south.disconnect();
    return { kind: "later", error: new Error("read-only"), suspect: true };
  });
  const id = await site.commit(coordinator, ...BOTH);
  await site.clock.pass(1000);
  site.south.reconnect();
  await site.clock.pass(60_000);
  assertEquals([site.rows, coordinator.unsettled], [[[id], [id], []], 0]);
  assertEquals(site.events.at(-1)?.type, "branch-settled");
  const after = await site.commit(coordinator, "south");
  assertEquals(site.south.rows, [id, after]);
  await site.clock.run(coordinator.close());
  site.assertQuiet();
});

Deno.test("Membership.suspect() tries a database that is back at once, and does not put off the next look at one that is not", async () => {
  const bench = await Workbench.open({ options: { sweepInterval: 3_600_000 } });
  await bench.clock.run(bench.membership.checkAll());
  bench.membership.start();
  await bench.clock.pass(60_000);
  bench.trace.clear();
  bench.database("north").disconnect();
  for (let second = 0; second < 600; second++) {
    bench.membership.suspect("north");
    await bench.clock.pass(1000);
  }
  // 600 by those who suspect it, and those of its own back-off of 30 s at most.
  const looks = bench.trace.count("north check") - 600;
  assert(looks >= 20 && looks < 60, `${looks} looks of its own`);
  bench.database("north").reconnect();
  bench.membership.suspect("north");
  await bench.clock.settle();
  assertEquals(bench.events.at(-1), { type: "participant-ready", participant: "north" });
  await bench.clock.run(bench.membership.close());
});
