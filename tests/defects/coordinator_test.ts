/**
 * Proves that between log, memory and databases this coordinator does not go wrong where pgdog's
 * did: D30, D31, D32, D34 to D39. Those of D26 to D40 that need a real server are in
 * `tests/servers/defects_test.ts`.
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import { inspectLog } from "../../src/wal/inspect.ts";
import { COMMITTED, crashAt, ID } from "../coordinator/support/crashed_site.ts";
import { hangs, lostAfter, lostBefore } from "../coordinator/support/faults.ts";
import { type Name, Site, write } from "../coordinator/support/site.ts";
import { NOTHING } from "../coordinator/support/with_coordinator.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";

const BOTH: Name[] = ["north", "south"];
const HOUR_MS = 3_600_000;

/** Leaves a transaction of the first and the third of three databases decided, not committed. */
async function decidedInOuter(): Promise<{ site: Site; id: string }> {
  const site = new Site();
  const coordinator = await site.open({
    onProtocolPoint: (point) => {
      if (point === "decided") site.crash();
    },
  });
  void write(coordinator, ["north", "west"]);
  await site.clock.settle();
  assertEquals([site.prepared.length, site.rows], [2, NOTHING]);
  return { site, id: ID };
}

Deno.test("D30 the number in a gid was a position, so that recovery went to the wrong shards: here each branch is ended in the database that prepared it, in whatever order they are named", async () => {
  for (const order of [["north", "south", "west"], ["west", "south", "north"]] as const) {
    const { site, id } = await decidedInOuter();
    const { participants } = site;
    site.trace.clear();
    const coordinator = await site.open({
      participants: Object.fromEntries(
        order.map((name) => [name, participants[name]]),
      ) as typeof participants,
    });
    assertEquals(coordinator.recovery.committed, [id]);
    assertEquals(site.rows, [[id], [], [id]]);
    assertEquals(site.trace.count("south commitPrepared"), 0, "it took no part");
    await site.clock.run(coordinator.close());
    site.assertQuiet();
  }
});

Deno.test("D31 a gid was built anew from the living process and none fitted after a restart: here the log's own gids are used, letter by letter, by any later process", async () => {
  const { site, id } = await decidedInOuter();
  const gids = site.prepared;
  const coordinator = await site.open({ forceBegin: true });
  const settled = site.events.filter((event) => event.type === "branch-settled");
  assertEquals(settled.map(({ gid }) => gid).sort(), gids.sort());
  // Its own gids are new ones, in the same form.
  const next = await site.commit(coordinator, "north", "west");
  assert(next !== id && !site.north.begun.slice(1).some(({ gid }) => gids.includes(gid)));
  await site.clock.run(coordinator.close());
});

for (const point of ["all-prepared", "decided"] as const) {
  Deno.test(`D32 what was removed from the configuration counted as resolved: here it is kept and shown until it is back, ${point}`, async () => {
    const site = await crashAt(point);
    const decided = point === "decided";
    for (let opening = 0; opening < 5; opening++) {
      const without = await site.open({ without: ["south"] });
      await site.clock.pass(HOUR_MS);
      assertEquals(without.unsettled, decided ? 1 : 0);
      assertEquals(without.recovery.pending, decided ? [ID] : []);
      assertEquals(site.south.prepared.length, 1);
      if (opening % 2 === 0) await site.clock.run(without.close());
      else site.crash();
    }
    assertEquals(site.events.some(({ type }) => type === "branch-stuck"), decided);
    const coordinator = await site.open();
    assertEquals(site.rows, decided ? COMMITTED : NOTHING);
    await site.clock.run(coordinator.close());
    site.assertQuiet();
  });
}

Deno.test("D34 one shard that was down cost a core and a storm of connects: here the tries come ever more rarely, and hold up nobody else", async () => {
  const site = await crashAt("decided");
  site.south.disconnect();
  const coordinator = await site.open();
  site.trace.clear();
  await site.clock.pass(60_000);
  const first = site.trace.count("south ");
  await site.clock.pass(HOUR_MS - 60_000);
  const all = site.trace.count("south ");
  // Doubling from a tenth of a second, at most half a minute with jitter, for two kinds of question.
  assert(first <= 40, `${first} tries in the first minute`);
  assert(all <= 2 * HOUR_MS / 15_000 + 40, `${all} tries in the first hour`);
  assert(all >= HOUR_MS / 60_000, `only ${all} tries in the first hour`);
  await site.commit(coordinator, "north", "west");
  site.south.reconnect();
  await site.clock.pass(60_000);
  assertEquals(coordinator.unsettled, 0);
  await site.clock.run(coordinator.close());
});

Deno.test("D34 a shard that hung blocked the cleanup of all others: here each has its own queue", async () => {
  const site = new Site();
  const coordinator = await site.open({ settleTimeout: 100 });
  for (const name of BOTH) site[name].script.next("commitPrepared", lostBefore);
  site.south.script.always("commitPrepared", hangs);
  const id = await site.commit(coordinator, ...BOTH);
  await site.clock.pass(1000);
  assertEquals([site.rows, coordinator.unsettled], [[[id], [], []], 1]);
  site.south.script.always("commitPrepared", null);
  await site.clock.pass(HOUR_MS);
  assertEquals([site.rows, coordinator.unsettled], [[[id], [id], []], 0]);
  await site.clock.run(coordinator.close());
});

Deno.test("D35 shutdown hung while a shard was down, at its second call, and after the writer had failed: here it ends in time, and the next opening finds what is left", async () => {
  const site = await crashAt("decided");
  site.south.disconnect();
  const coordinator = await site.open({ closeTimeout: 5000 });
  const begun = site.clock.elapsed();
  // One that never ends is under way, and the log fails for good.
  const stuck = coordinator.transaction(["north"], () => new Promise<never>(() => {}));
  stuck.catch(() => {});
  await site.clock.settle();
  site.disk.fail({ kind: "syncData", times: Infinity });
  const closing = coordinator.close();
  assertStrictEquals(coordinator.close(), closing);
  const { logError, unfinished } = await site.clock.run(closing);
  assert(logError instanceof LogUnavailableError);
  assertEquals(unfinished.length, 1);
  await site.clock.run(coordinator.close());
  assert(site.clock.elapsed() - begun < 60_000, `it took ${site.clock.elapsed() - begun} ms`);
  assertEquals(site.disk.openFiles, []);
  site.south.reconnect();
  site.crash();
  const again = await site.open();
  assertEquals([again.recovery.committed, site.rows], [[ID], COMMITTED]);
  await site.clock.run(again.close());
});

Deno.test("D36 what was resolved before the log was in place came back at every start: here its End is in the log", async () => {
  const site = await crashAt("decided");
  const coordinator = await site.open();
  assertEquals(coordinator.recovery.committed, [ID]);
  await site.clock.run(coordinator.close());
  for (let opening = 0; opening < 3; opening++) {
    site.trace.clear();
    const again = await site.open();
    const { committed, rolledBack, pending } = again.recovery;
    assertEquals([committed, rolledBack, pending], [[], [], []]);
    assertEquals(site.trace.count("south commitPrepared"), 0);
    await site.clock.run(again.close());
  }
});

Deno.test("D37 memory said decided before the disk did, and a dropped call set the cleanup on it: here nothing leaves until the sync is over, whoever has given up", async () => {
  const site = new Site();
  const giveUp = new AbortController();
  const coordinator = await site.open({ sweepInterval: 1000 });
  let held: ReturnType<typeof site.disk.hold> | undefined;
  const committing = coordinator.transaction(BOTH, ({ north, south }, { id }) => {
    north.write(id);
    south.write(id);
    held = site.disk.hold("syncData");
  }, { signal: giveUp.signal, timeout: 5000 });
  committing.catch(() => {});
  await site.clock.settle();
  assertEquals([site.prepared.length, held?.waiting], [2, 1]);
  giveUp.abort(new Error("the caller has gone"));
  // Time is up as well, and sweeps come by.
  await site.clock.pass(60_000);
  assertEquals(
    site.trace.only("north commitP", "north rollback", "south commitP", "south rollback"),
    [],
  );
  assertEquals([site.prepared.length, site.rows], [2, NOTHING]);
  held?.release();
  await site.clock.run(committing);
  assertEquals(site.rows, COMMITTED);
  await site.clock.run(coordinator.close());
  site.assertQuiet();
});

Deno.test("D37 a call dropped before the decision left an entry that nobody returned: here it is rolled back and gone", async () => {
  for (const command of ["examine", "prepare"] as const) {
    const site = new Site();
    const giveUp = new AbortController();
    const coordinator = await site.open({ prepareTimeout: 1000 });
    site.south.script.next(command, (call) => {
      giveUp.abort(new Error("the caller has gone"));
      return call.effect();
    });
    const names = BOTH;
    const committing = coordinator.transaction(names, ({ north, south }) => {
      north.write("row");
      south.write("row");
    }, { signal: giveUp.signal });
    await assertRejects(() => site.clock.run(committing), TransactionAbortedError);
    await site.clock.pass(HOUR_MS);
    assertEquals([site.rows, coordinator.unsettled], [NOTHING, 0]);
    const begun = site.clock.elapsed();
    await site.clock.run(coordinator.close());
    assertEquals(site.clock.elapsed(), begun, "closing waited for it");
    site.assertQuiet();
  }
});

/** How often each kind of record of the transaction is in the log. */
async function recordsOf(site: Site, txn: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for await (const item of inspectLog(simulatedPlatform(site.disk), "/site/log")) {
    const record = item.kind === "record" ? item.record : null;
    if (record === null || !("txn" in record) || String(record.txn) !== txn) continue;
    counts[record.type] = (counts[record.type] ?? 0) + 1;
  }
  return counts;
}

Deno.test("D38 a failure in phase two brought two cleanups and two Ends, a failed End none: here there is one of each", async () => {
  const site = new Site();
  const coordinator = await site.open({ sweepInterval: 1000 });
  for (const name of BOTH) site[name].script.next("commitPrepared", lostAfter);
  site.south.script.next("commitPrepared", lostBefore);
  const id = await site.commit(coordinator, ...BOTH);
  await site.clock.pass(HOUR_MS);
  const settled = site.events.filter((event) => event.type === "branch-settled");
  assertEquals(settled.map(({ participant }) => participant).sort(), BOTH);
  assertEquals(await recordsOf(site, id), { committing: 1, end: 1 });

  // An End that cannot be written does not fail the call, and is made good later.
  site.south.script.next("commitPrepared", (call) => {
    site.disk.fail({ kind: "write", times: 3 });
    return call.effect();
  });
  const next = await site.commit(coordinator, ...BOTH);
  await site.clock.pass(HOUR_MS);
  site.disk.mend();
  await site.clock.run(coordinator.close());
  const again = await site.open();
  await site.clock.run(again.close());
  const last = await site.open();
  assertEquals([last.recovery.committed, last.recovery.pending], [[], []]);
  assertEquals(site.rows, [[id, next], [id, next], []]);
  await site.clock.run(last.close());
});

/** Names that a database may list and that look more or less like a coordinator's. */
function lookalikes(id: string): string[] {
  return [
    "123",
    "x_123",
    `indoubt_${id}`,
    `indoubt_${id}_`,
    `indoubt_${id}_7`,
    `indoubt_${id}_7_`,
    `indoubt_${id}__0`,
    `indoubt_${id}_7_0_0`,
    `indoubt_${id}_07_0`,
    `indoubt_${id}_7_00`,
    `indoubt_${id}_-7_0`,
    `indoubt_${id}_7e3_0`,
    `indoubt_${id}_99999999999999999999999999_0`,
    `indoubt_${id}_7_0'; DROP TABLE entry; --`,
    `indoubt_${id}_7_0 `,
    `indoubt_${id}_${"7".repeat(150)}_0`,
    `INDOUBT_${id}_7_0`,
    `größe_${id}_7_0`,
  ];
}

Deno.test("D39 a gid could be too long, break out of its quotes, or be taken for one's own by its end: here it is made of safe letters, short, and known by its whole form", async () => {
  const site = new Site();
  const first = await site.open();
  const foreign = lookalikes(first.id);
  for (const gid of foreign) site.north.prepareByHand(gid, "foreign");
  await site.commit(first, ...BOTH);
  assert(site.north.begun.every(({ gid }) => /^[A-Za-z0-9_.-]{1,64}$/.test(gid)));
  for (let opening = 0; opening < 2; opening++) {
    await site.clock.pass(HOUR_MS);
    assertEquals(site.north.prepared, foreign);
    site.crash();
    await site.open();
  }
  // Nothing that would make a gid unsafe is let in.
  for (const name of ["it's", "größe", "a b", "", "n".repeat(65)]) {
    const participants = { [name]: site.participants.north } as never;
    await assertRejects(
      () => new Site().open({ participants }),
      RangeError,
      "no name for a participant",
    );
  }
});
