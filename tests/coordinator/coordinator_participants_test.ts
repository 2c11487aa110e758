/**
 * Guarantees how opening a coordinator treats its databases: one that is away or hangs holds up
 * nobody and is settled later, one that must not be used is refused, a removed one is waited for.
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  ParticipantConfigurationError,
  ParticipantIdentityError,
  ParticipantUnavailableError,
  TransactionAbortedError,
} from "../../src/coordinator/errors.ts";
import { COMMITTED, crashAt, ID } from "./support/crashed_site.ts";
import { fails, hangs } from "./support/faults.ts";
import { Site } from "./support/site.ts";
import { NOTHING } from "./support/with_coordinator.ts";

Deno.test("Coordinator.open() works without a database, and settles it later", async () => {
  const site = await crashAt("decided");
  site.south.disconnect();
  const coordinator = await site.open();
  assertEquals(coordinator.recovery.pending, [ID]);
  assertEquals([site.rows, coordinator.unsettled], [[[ID], [], []], 1]);
  const id = await site.commit(coordinator, "north", "west");
  const error = await assertRejects(
    () => site.commit(coordinator, "north", "south"),
    TransactionAbortedError,
  );
  assertEquals([error.participant, error.retryable, error.transactionId], ["south", true, null]);
  assertInstanceOf(error.cause, ParticipantUnavailableError);
  await site.clock.pass(600_000);
  site.south.reconnect();
  await site.clock.pass(30_000);
  assertEquals([site.rows, coordinator.unsettled], [[[ID, id], [ID], [id]], 0]);
  await site.commit(coordinator, "north", "south");
  site.assertQuiet();
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.open() sweeps a database that was away when it is back", async () => {
  const site = await crashAt("all-prepared");
  site.south.disconnect();
  const coordinator = await site.open();
  assertEquals(site.prepared.length, 1);
  site.south.reconnect();
  await site.clock.pass(200);
  site.assertQuiet();
  assertEquals(site.rows, NOTHING);
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.open() refuses to miss a database with requireAll", async () => {
  const site = new Site();
  site.south.disconnect();
  const { participants } = site;
  const error = await assertRejects(
    () => site.open({ requireAll: true }),
    ParticipantUnavailableError,
  );
  assertEquals(error.participant, "south");
  assertEquals(Object.values(participants).map(({ detached }) => detached), [1, 1, 1]);
  assertEquals([site.disk.openFiles, site.processClock.timers], [[], 0]);
});

Deno.test("Coordinator.open() leaves the directory free when it fails", async () => {
  const site = new Site();
  site.north.allowsPrepared = false;
  const error = await assertRejects(() => site.open(), ParticipantConfigurationError);
  assertEquals([error.participant, site.disk.openFiles], ["north", []]);
  assert(error.message.includes("prepared transactions are disabled"), error.message);
  site.north.allowsPrepared = true;
  const coordinator = await site.open();
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.open() refuses another database under a known name", async () => {
  const site = await crashAt("decided");
  site.south.identity = "fake:a copy restored elsewhere";
  const error = await assertRejects(() => site.open(), ParticipantIdentityError);
  assertEquals([error.participant, error.expected], ["south", "fake:south"]);
  assertEquals([site.prepared.length, site.rows], [2, NOTHING]);
  site.south.identity = "fake:south";
  const coordinator = await site.open();
  assertEquals(site.rows, COMMITTED);
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.open() refuses a database under two names at once", async () => {
  const site = new Site();
  site.south.identity = site.north.identity;
  const error = await assertRejects(
    async () => await site.clock.run((await site.open()).close()),
    ParticipantConfigurationError,
  );
  assert(error.reason.includes("it is the same database as"), error.reason);
});

Deno.test("Coordinator.open() keeps what a removed participant still holds", async () => {
  const site = await crashAt("decided");
  const without = await site.open({ without: ["south"] });
  assertEquals([without.recovery.pending, without.unsettled], [[ID], 1]);
  assert(site.events.some((event) => event.type === "branch-stuck"));
  await site.clock.run(without.close());
  assertEquals(site.prepared.length, 1);
  const coordinator = await site.open();
  assertEquals([coordinator.recovery.committed, site.rows], [[ID], COMMITTED]);
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.open() is not held up for ever by a database that hangs", async () => {
  const site = new Site();
  site.south.script.next("check", hangs);
  const coordinator = await site.open({ checkTimeout: 700 });
  assertEquals(coordinator.recovery.milliseconds, 700);
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.open() sweeps later where the first sweep failed", async () => {
  const site = await crashAt("all-prepared");
  site.south.script.next("listPrepared", fails(new Error("the connection was reset")));
  const coordinator = await site.open();
  assertEquals(site.prepared.length, 1);
  await site.clock.pass(60_000);
  site.assertQuiet();
  await site.clock.run(coordinator.close());
});
