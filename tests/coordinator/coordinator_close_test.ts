/**
 * Guarantees closing: transactions under way are waited for, but not for ever; nothing new begins;
 * what is not settled stays in the log; and no timer, file or session is left behind.
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { CoordinatorClosedError, TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { hangs, lostBefore, waitsFor } from "./support/faults.ts";
import { type Name, Site, write } from "./support/site.ts";

const BOTH: Name[] = ["north", "south"];

Deno.test("Coordinator.close() waits for a transaction under way, which commits", async () => {
  const site = new Site();
  const coordinator = await site.open();
  const work = Promise.withResolvers<void>();
  const transacting = coordinator.transaction(BOTH, async ({ north, south }, { id }) => {
    north.write(id);
    await work.promise;
    south.write(id);
    return id;
  });
  await site.clock.settle();
  let closed = false;
  const closing = coordinator.close().then(() => closed = true);
  await site.clock.pass(1000);
  assert(!closed);
  work.resolve();
  const id = await site.clock.run(transacting);
  await site.clock.run(closing);
  assertEquals(site.rows, [[id], [id], []]);
  assertEquals([site.disk.openFiles, site.processClock.timers], [[], 0]);
  site.assertQuiet();
});

Deno.test("Coordinator.close() is done once, however often it is called", async () => {
  const site = new Site();
  const coordinator = await site.open();
  const { participants } = site;
  const closing = coordinator.close();
  assertStrictEquals(coordinator.close(), closing);
  await site.clock.run(closing);
  await coordinator.close();
  await coordinator[Symbol.asyncDispose]();
  assertEquals(Object.values(participants).map(({ detached }) => detached), [1, 1, 1]);
});

Deno.test("Coordinator.close() refuses new work from the moment it is called", async () => {
  const site = new Site();
  const coordinator = await site.open();
  const closing = coordinator.close();
  await assertRejects(() => coordinator.transaction(BOTH, () => {}), CoordinatorClosedError);
  await assertRejects(() => coordinator.begin(BOTH), CoordinatorClosedError);
  await site.clock.run(closing);
  await assertRejects(() => coordinator.begin(BOTH), CoordinatorClosedError, "open it again");
  assertEquals(site.trace.count("north acquire"), 0);
});

Deno.test("Coordinator.close() waits closeTimeout at most; the straggler aborts", async () => {
  const site = new Site();
  const coordinator = await site.open({ closeTimeout: 2000 });
  const work = Promise.withResolvers<void>();
  const transacting = coordinator.transaction(BOTH, async ({ north, south }) => {
    north.write("row");
    south.write("row");
    await work.promise;
  });
  const failing = assertRejects(() => transacting, TransactionAbortedError);
  await site.clock.settle();
  await site.clock.run(coordinator.close());
  assertEquals([site.clock.elapsed(), site.disk.openFiles], [2000, []]);
  work.resolve();
  await site.clock.run(failing);
  assertEquals(site.rows, [[], [], []]);
  site.assertQuiet();
});

Deno.test("Coordinator.close() ends whoever still works after closeTimeout, with session and timer", async () => {
  const site = new Site();
  const coordinator = await site.open({ closeTimeout: 2000, timeout: 600_000 });
  let tries = 0;
  const working = coordinator.transaction(BOTH, async ({ north, south }) => {
    tries++;
    north.write("row");
    south.write("row");
    await new Promise(() => {});
  }, { retry: 3 });
  const begun = await site.clock.run(coordinator.begin(["west"]));
  begun.clients.west.write("row");
  const failing = assertRejects(() => working, TransactionAbortedError, "coordinator was closed");
  await site.clock.settle();
  const { unfinished } = await site.clock.run(coordinator.close());
  const { retryable, cause } = await failing;
  assert(cause instanceof CoordinatorClosedError && !retryable);
  assertEquals([tries, begun.state, unfinished.length], [1, "aborted", 2]);
  assertEquals([site.clock.elapsed(), site.processClock.timers], [2000, 0]);
  await assertRejects(() => begun.commit(), TransactionAbortedError, "coordinator was closed");
  assertEquals(site.rows, [[], [], []]);
  site.assertQuiet();
});

Deno.test("Coordinator.close() ends who waits for a session after closeTimeout", async () => {
  const site = new Site();
  const coordinator = await site.open({ closeTimeout: 2000, timeout: 600_000 });
  const session = Promise.withResolvers<void>();
  site.south.script.next("acquire", waitsFor(session.promise));
  const writing = assertRejects(() => write(coordinator, BOTH), TransactionAbortedError, "closed");
  await site.clock.settle();
  await site.clock.run(coordinator.close());
  await writing;
  assertEquals([site.clock.elapsed(), site.processClock.timers], [2000, 0]);
  session.resolve();
  await site.clock.settle();
  site.assertQuiet();
});

Deno.test("Coordinator.close() waits until a roll-back that hangs is given up", async () => {
  const site = new Site();
  const coordinator = await site.open({ closeTimeout: 2000, timeout: 600_000 });
  site.north.script.always("rollback", hangs);
  const working = coordinator.transaction(BOTH, () => new Promise<void>(() => {}));
  working.catch(() => {});
  await site.clock.settle();
  await site.clock.run(coordinator.close());
  assert(site.clock.elapsed() < 15_000, `it took ${site.clock.elapsed()} ms`);
  assertEquals(site.processClock.timers, 0);
});

Deno.test("Coordinator.close() does not end who has begun to commit", async () => {
  const site = new Site();
  const coordinator = await site.open({ closeTimeout: 2000, timeout: 600_000 });
  const slow = Promise.withResolvers<void>();
  site.south.script.next("commitPrepared", waitsFor(slow.promise));
  const writing = write(coordinator, BOTH);
  await site.clock.settle();
  const { unfinished } = await site.clock.run(coordinator.close());
  slow.resolve();
  const id = await site.clock.run(writing);
  assertEquals([unfinished, site.rows], [[id], [[id], [id], []]]);
});

Deno.test("Coordinator.close() leaves what is not settled to the next opening", async () => {
  const site = new Site();
  const coordinator = await site.open({ settleTimeout: 1000 });
  site.south.script.next("commitPrepared", (call) => {
    site.south.disconnect();
    return lostBefore(call);
  });
  const id = await site.commit(coordinator, ...BOTH);
  const before = site.clock.elapsed();
  await site.clock.run(coordinator.close());
  assertEquals([site.clock.elapsed() - before, site.prepared.length], [0, 1]);
  assertEquals(site.processClock.timers, 0);
  site.south.reconnect();
  const again = await site.open();
  assertEquals([again.recovery.committed, site.rows], [[id], [[id], [id], []]]);
  await site.clock.run(again.close());
  site.assertQuiet();
});

Deno.test("Coordinator.close() waits for a commit under way to be settled", async () => {
  const site = new Site();
  const coordinator = await site.open();
  const slow = Promise.withResolvers<void>();
  site.south.script.next("commitPrepared", waitsFor(slow.promise));
  const writing = write(coordinator, BOTH);
  await site.clock.settle();
  const closing = coordinator.close();
  await site.clock.settle();
  slow.resolve();
  const id = await site.clock.run(writing);
  await site.clock.run(closing);
  assertEquals(site.rows, [[id], [id], []]);
  const again = await site.open();
  assertEquals(again.recovery.committed, [], "End was not written before the log was closed");
  await site.clock.run(again.close());
});

Deno.test("Coordinator.close() is not held up for ever by a database that hangs", async () => {
  const site = new Site();
  const coordinator = await site.open({ settleTimeout: 1000, sweepInterval: 500 });
  for (const command of ["commitPrepared", "listPrepared", "check"] as const) {
    site.south.script.always(command, hangs);
  }
  await site.commit(coordinator, ...BOTH);
  await site.clock.run(coordinator.close());
  assert(site.clock.elapsed() < 65_000, `it took ${site.clock.elapsed()} ms`);
  assertEquals([site.processClock.timers, site.disk.openFiles], [0, []]);
});

Deno.test("Coordinator.close() stops every sweep and every retry", async () => {
  const site = new Site();
  site.west.disconnect();
  const coordinator = await site.open({ sweepInterval: 1000 });
  await site.clock.run(coordinator.close());
  site.trace.clear();
  await site.clock.pass(600_000);
  assertEquals(site.trace.entries, []);
});

Deno.test("Coordinator[Symbol.asyncDispose]() closes", async () => {
  const site = new Site();
  const using = (async () => {
    await using coordinator = await site.start();
    return coordinator;
  })();
  const coordinator = await site.clock.run(using);
  await assertRejects(() => coordinator.begin(BOTH), CoordinatorClosedError);
  assertEquals(site.disk.openFiles, []);
});
