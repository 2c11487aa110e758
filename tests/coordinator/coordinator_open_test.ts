/**
 * Guarantees what opening a coordinator does: what a crash left is settled the way the log says, nothing
 * of anybody else's is touched, a database that is away holds up nobody, and a wrong one is refused.
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { Coordinator } from "../../src/coordinator/coordinator.ts";
import {
  ParticipantConfigurationError,
  ParticipantIdentityError,
  ParticipantUnavailableError,
  TransactionAbortedError,
} from "../../src/coordinator/errors.ts";
import { PROTOCOL_POINTS, type ProtocolPoint } from "../../src/coordinator/protocol_point.ts";
import { LogLockedError } from "../../src/wal/errors.ts";
import { FakeDatabase } from "./support/fake_database.ts";
import { FakeParticipant } from "./support/fake_participant.ts";
import { fails, hangs } from "./support/faults.ts";
import { type OpenOptions, Site, write } from "./support/site.ts";

const FOREIGN = ["indoubt_othercoordi_1000000000001_0", "pg_gid_16390_741", "indoubt_"];

/** Leaves a transaction over north and south as a crash at a point of the protocol does. */
async function crashAt(point: ProtocolPoint, options: OpenOptions = {}): Promise<Site> {
  const site = new Site();
  if (point === "first-prepared") site.south.script.next("prepare", hangs);
  if (point === "first-committed") site.south.script.next("commitPrepared", hangs);
  const coordinator = await site.open({
    ...options,
    onProtocolPoint: (passed) => {
      if (passed === point) site.crash();
    },
  });
  void write(coordinator, ["north", "south"]);
  await site.clock.settle();
  assertEquals(site.points.at(-1), point);
  site.trace.clear();
  return site;
}

const ID = "1000000000001";
const COMMITTED = [[ID], [ID], []];
const NOTHING = [[], [], []];

Deno.test("Coordinator.open() finds nothing to do the first time", async () => {
  const site = new Site();
  const coordinator = await site.open();
  assertEquals(coordinator.recovery, {
    committed: [],
    rolledBack: [],
    pending: [],
    milliseconds: 0,
  });
  assertEquals([coordinator.unsettled, site.events.length], [0, 3]);
  assert(/^[0-9a-z]{12}$/.test(coordinator.id), coordinator.id);
  await site.clock.run(coordinator.close());
});

for (const forceBegin of [false, true]) {
  for (const point of PROTOCOL_POINTS) {
    const decided = PROTOCOL_POINTS.indexOf(point) >= PROTOCOL_POINTS.indexOf("decided");
    const ending = decided ? "commits" : "rolls back";
    const begun = forceBegin ? ", a Begin synced" : "";
    Deno.test(`Coordinator.open() ${ending} after a crash at ${point}${begun}`, async () => {
      const site = await crashAt(point, { forceBegin });
      const coordinator = await site.open();
      assertEquals(site.rows, decided ? COMMITTED : NOTHING);
      const { committed, rolledBack, pending } = coordinator.recovery;
      assertEquals([committed, rolledBack, pending], decided ? [[ID], [], []] : [[], [ID], []]);
      assertEquals(coordinator.unsettled, 0);
      site.assertQuiet();
      await site.clock.run(coordinator.close());
      const again = await site.open();
      assertEquals([again.recovery.committed, again.recovery.pending], [[], []]);
      await site.clock.run(again.close());
    });
  }
}

Deno.test("Coordinator.open() goes on where a crash of the recovery left it, any number of times", async () => {
  const site = await crashAt("decided");
  for (const database of [site.north, site.south]) {
    database.script.next("commitPrepared", (call) => {
      call.effect();
      site.crash();
      return hangs();
    });
    void site.start().catch(() => {});
    await site.clock.settle();
  }
  const coordinator = await site.open();
  assertEquals([site.rows, coordinator.recovery.committed], [COMMITTED, [ID]]);
  site.assertQuiet();
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.open() never touches a transaction that is not its own", async () => {
  const site = await crashAt("all-prepared");
  for (const gid of FOREIGN) site.north.prepareByHand(gid, gid);
  const coordinator = await site.open({ sweepInterval: 1000 });
  await site.clock.pass(10_000);
  assertEquals([site.prepared, site.rows], [FOREIGN, NOTHING]);
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.open() gives a later opening larger numbers and the same id", async () => {
  const site = new Site();
  const first = await site.open();
  assertEquals(await site.commit(first, "north", "south"), "1000000000001");
  await site.clock.run(first.close());
  const second = await site.open();
  assertEquals(second.id, first.id);
  assertEquals(await site.commit(second, "north", "south"), "2000000000001");
  await site.clock.run(second.close());
});

Deno.test("Coordinator.open() works without a database that is away, and settles it later", async () => {
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

Deno.test("Coordinator.open() refuses without a database that is away with requireAll", async () => {
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

Deno.test("Coordinator.open() refuses another database under a known name, and touches nothing", async () => {
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

Deno.test("Coordinator.open() refuses the same database under two names, also the first time", async () => {
  const site = new Site();
  site.south.identity = site.north.identity;
  const error = await assertRejects(
    async () => await site.clock.run((await site.open()).close()),
    ParticipantConfigurationError,
  );
  assert(error.reason.includes("it is the same database as"), error.reason);
});

Deno.test("Coordinator.open() keeps what a removed participant holds until it is given again", async () => {
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

Deno.test("Coordinator.open() tells of a heuristic outcome at every opening", async () => {
  const site = await crashAt("decided");
  site.south.endByHand(site.south.prepared[0]!, "aborted");
  for (let opening = 0; opening < 3; opening++) {
    site.events.length = 0;
    const coordinator = await site.open();
    assertEquals(coordinator.recovery.pending, [ID]);
    const told = site.events.filter((event) => event.type === "heuristic-outcome");
    assertEquals(told.map(({ participant, outcome }) => [participant, outcome]), [
      ["south", "rolled back"],
    ]);
    await site.clock.run(coordinator.close());
  }
  assertEquals(site.rows, [[ID], [], []]);
});

Deno.test("Coordinator.open() is not held up for ever by a database that hangs", async () => {
  const site = new Site();
  site.south.script.next("check", hangs);
  const coordinator = await site.open({ checkTimeout: 700 });
  assertEquals(coordinator.recovery.milliseconds, 700);
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.open() uses a database whose first sweep failed, and sweeps it later", async () => {
  const site = await crashAt("all-prepared");
  site.south.script.next("listPrepared", fails(new Error("the connection was reset")));
  const coordinator = await site.open();
  assertEquals(site.prepared.length, 1);
  await site.clock.pass(60_000);
  site.assertQuiet();
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.open() gives a directory to one coordinator at a time", async () => {
  const directory = await Deno.makeTempDir();
  const participants = () => ({ north: new FakeParticipant(new FakeDatabase("north")) });
  const onEvent = () => {};
  try {
    await using first = await Coordinator.open({
      directory,
      participants: participants(),
      onEvent,
    });
    const error = await assertRejects(
      () => Coordinator.open({ directory, participants: participants(), onEvent }),
      LogLockedError,
    );
    assertEquals(error.holder?.pid, Deno.pid);
    await first.close();
    await using second = await Coordinator.open({
      directory,
      participants: participants(),
      onEvent,
    });
    assertEquals(second.id, first.id);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("Coordinator.open() keeps its promise on this machine's disk and clock", async () => {
  const directory = await Deno.makeTempDir();
  const north = new FakeDatabase("north");
  const south = new FakeDatabase("south");
  const open = () =>
    Coordinator.open({
      directory,
      participants: { north: new FakeParticipant(north), south: new FakeParticipant(south) },
      onEvent: () => {},
    });
  try {
    const ids: string[] = [];
    for (let opening = 0; opening < 2; opening++) {
      await using coordinator = await open();
      ids.push(
        await coordinator.transaction(["north", "south"], ({ north, south }, { id }) => {
          north.write(id);
          south.write(id);
          return id;
        }),
      );
    }
    assertEquals([north.rows, south.rows], [ids, ids]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
