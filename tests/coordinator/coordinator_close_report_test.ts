/**
 * Guarantees that closing says what it leaves to the next opening, the same to everyone who asks, and that
 * the next opening finds exactly that.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { OutcomeUnknownError, TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { hangs, lostAfter, lostBefore } from "./support/faults.ts";
import { type Name, Site, write } from "./support/site.ts";

const BOTH: Name[] = ["north", "south"];

Deno.test("Coordinator.close() has nothing to tell when everything is settled", async () => {
  const site = new Site();
  const coordinator = await site.open();
  await site.commit(coordinator, ...BOTH);
  assertEquals(await site.clock.run(coordinator.close()), {
    unfinished: [],
    inDoubt: [],
    logError: null,
  });
});

Deno.test("Coordinator.close() names what is in doubt, and the next opening takes it up", async () => {
  const site = new Site();
  const coordinator = await site.open({ settleTimeout: 1000 });
  site.south.script.next("commitPrepared", (call) => {
    site.south.disconnect();
    return lostBefore(call);
  });
  const decided = await site.commit(coordinator, ...BOTH);
  site.north.script.next("commit", lostAfter);
  site.north.script.always("outcomeOf", hangs);
  const { transactionId: asked } = await assertRejects(
    () => site.commit(coordinator, "north"),
    OutcomeUnknownError,
  );
  const report = await site.clock.run(coordinator.close());
  assertEquals(report.unfinished, []);
  assertEquals(
    report.inDoubt.map(({ id, decision, branches }) => [id, decision, branches[0]?.participant]),
    [[decided, "commit", "south"], [asked, "ask", "north"]],
  );
  assertEquals(await coordinator.close(), report);
  site.north.script.always("outcomeOf", null);
  site.south.reconnect();
  const again = await site.open();
  assertEquals([again.recovery.committed, again.recovery.pending], [[decided, asked], []]);
  assertEquals(await site.clock.run(again.close()), {
    unfinished: [],
    inDoubt: [],
    logError: null,
  });
  site.assertQuiet();
});

Deno.test("Coordinator.close() names who had not ended in time, and lets them do no harm", async () => {
  const site = new Site();
  const coordinator = await site.open({ closeTimeout: 2000 });
  const work = Promise.withResolvers<void>();
  let id = "";
  const transacting = coordinator.transaction(BOTH, async ({ north, south }, transaction) => {
    id = transaction.id;
    north.write("row");
    south.write("row");
    await work.promise;
  });
  const failing = assertRejects(() => transacting, TransactionAbortedError);
  await site.clock.settle();
  const report = await site.clock.run(coordinator.close());
  assertEquals(report, { unfinished: [id], inDoubt: [], logError: null });
  work.resolve();
  await site.clock.run(failing);
  assertEquals(site.rows, [[], [], []]);
  site.assertQuiet();
});

Deno.test("Coordinator.close() names a straggler that hangs in PREPARE, which the next opening rolls back", async () => {
  const site = new Site();
  const coordinator = await site.open({
    closeTimeout: 2000,
    timeout: 600_000,
    prepareTimeout: 600_000,
  });
  site.south.script.next("prepare", hangs);
  const transacting = write(coordinator, BOTH);
  transacting.catch(() => {});
  await site.clock.settle();
  const report = await site.clock.run(coordinator.close());
  assertEquals([report.unfinished.length, site.prepared.length], [1, 1]);
  site.crash();
  const again = await site.open();
  assertEquals([again.recovery.rolledBack, site.prepared], [report.unfinished, []]);
  await site.clock.run(again.close());
});

Deno.test("Coordinator.close() turns waiting callers away before it waits for anyone", async () => {
  const site = new Site();
  const coordinator = await site.open({ maxConcurrentTransactions: 1, closeTimeout: 5000 });
  const running = coordinator.transaction(BOTH, () => new Promise<void>(() => {}));
  running.catch(() => {});
  const waiting = assertRejects(() => write(coordinator, BOTH), Error, "closed");
  await site.clock.settle();
  const closing = coordinator.close();
  await site.clock.settle();
  await waiting;
  const report = await site.clock.run(closing);
  assertEquals([report.unfinished.length, site.clock.elapsed()], [1, 5000]);
});

Deno.test("Coordinator.close() of an opening that fails leaves nothing behind", async () => {
  const site = new Site();
  site.north.disconnect();
  await assertRejects(() => site.open({ requireAll: true }));
  assertEquals([site.disk.openFiles, site.processClock.timers], [[], 0]);
  site.north.reconnect();
  const coordinator = await site.open({ requireAll: true });
  assert((await site.clock.run(coordinator.close())).inDoubt.length === 0);
});
