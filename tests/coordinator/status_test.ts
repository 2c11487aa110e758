/**
 * Guarantees what is said of a transaction afterwards, by its id: what this process did, the log holds or
 * a database says, and otherwise that it is forgotten. Never that it is aborted because nothing is known.
 */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { OutcomeUnknownError, TransactionAbortedError } from "../../src/coordinator/errors.ts";
import type { TransactionStatus } from "../../src/coordinator/status.ts";
import { crashAt, ID } from "./support/crashed_site.ts";
import { fails, hangs, lostAfter, lostBefore, refuses } from "./support/faults.ts";
import { type Name, Site, type SiteCoordinator, write } from "./support/site.ts";
import { coordinatorTest } from "./support/with_coordinator.ts";

const BOTH: Name[] = ["north", "south"];
const action = { reason: "looked at both databases" };

coordinatorTest(
  "Coordinator.status() is active from the beginning to the end",
  async (site, coordinator) => {
    const seen: TransactionStatus[] = [];
    const synced = site.disk.hold("syncData");
    const transacting = coordinator.transaction(BOTH, ({ north, south }, { id }) => {
      seen.push(coordinator.status(id));
      north.write(id);
      south.write(id);
      return id;
    });
    await site.clock.settle();
    seen.push(coordinator.status("1000000000001"));
    synced.release();
    const id = await site.clock.run(transacting);
    seen.push(coordinator.status(id));
    assertEquals(seen, ["active", "active", "committed"]);
  },
);

coordinatorTest(
  "Coordinator.status() is committed after one phase, two phases, and nothing to commit",
  async (site, coordinator) => {
    const ids = [
      await site.commit(coordinator, "north"),
      await site.commit(coordinator, "north", "south", "west"),
      await site.clock.run(coordinator.transaction(BOTH, (_, { id }) => id)),
    ];
    assertEquals(ids.map((id) => coordinator.status(id)), ["committed", "committed", "committed"]);
  },
);

coordinatorTest(
  "Coordinator.status() is aborted after every kind of roll-back",
  async (site, coordinator) => {
    const ids: string[] = [];
    const note = (id: string) => ids.push(id);
    await site.clock.run(coordinator.transaction(BOTH, async (_, transaction) => {
      note(transaction.id);
      await transaction.rollback();
    }));
    site.south.script.next("prepare", refuses(new Error("no")));
    site.south.script.next("prepare", lostAfter);
    for (let index = 0; index < 2; index++) {
      const error = await assertRejects(
        () => site.commit(coordinator, ...BOTH),
        TransactionAbortedError,
      );
      note(error.transactionId!);
    }
    site.south.script.next("begin", fails(new Error("shutting down")));
    const error = await assertRejects(
      () => site.commit(coordinator, ...BOTH),
      TransactionAbortedError,
    );
    note(error.transactionId!);
    assertEquals(ids.map((id) => coordinator.status(id)), Array(4).fill("aborted"));
    await site.clock.pass(60_000);
    assertEquals(ids.map((id) => coordinator.status(id)), Array(4).fill("aborted"));
  },
);

coordinatorTest(
  "Coordinator.status() is committed while a database has not committed yet",
  async (site, coordinator) => {
    site.south.script.next("commitPrepared", (call) => {
      site.south.disconnect();
      return lostBefore(call);
    });
    const id = await site.commit(coordinator, ...BOTH);
    assertEquals([coordinator.status(id), coordinator.unsettled], ["committed", 1]);
    site.south.reconnect();
    await site.clock.pass(60_000);
    assertEquals([coordinator.status(id), coordinator.unsettled], ["committed", 0]);
  },
);

coordinatorTest(
  "Coordinator.status() is aborted while a database has not rolled back yet",
  async (site, coordinator) => {
    site.south.script.next("prepare", refuses(new Error("no")));
    site.north.script.next("rollbackPrepared", (call) => {
      site.north.disconnect();
      return lostBefore(call);
    });
    const error = await assertRejects(
      () => site.commit(coordinator, ...BOTH),
      TransactionAbortedError,
    );
    assertEquals([coordinator.status(error.transactionId!), coordinator.unsettled], ["aborted", 1]);
    site.north.reconnect();
    await site.clock.pass(60_000);
    assertEquals([coordinator.status(error.transactionId!), coordinator.unsettled], ["aborted", 0]);
  },
);

coordinatorTest(
  "Coordinator.status() is in doubt until a database has told how one phase ended",
  async (site, coordinator) => {
    for (const [fault, ending] of [[lostAfter, "committed"], [lostBefore, "aborted"]] as const) {
      site.north.script.next("commit", fault);
      site.north.script.always("outcomeOf", hangs);
      const { transactionId } = await assertRejects(
        () => site.commit(coordinator, "north"),
        OutcomeUnknownError,
      );
      assertEquals(coordinator.status(transactionId), "in doubt");
      site.north.script.always("outcomeOf", null);
      await site.clock.pass(120_000);
      assertEquals(coordinator.status(transactionId), ending);
    }
  },
);

coordinatorTest(
  "Coordinator.status() stays in doubt where the database does not know, until it is forgotten",
  async (site, coordinator) => {
    site.north.script.next("commit", (call) => {
      const answer = lostAfter(call);
      site.north.forgetOutcomes();
      return answer;
    });
    const { transactionId } = await assertRejects(
      () => site.commit(coordinator, "north"),
      OutcomeUnknownError,
    );
    await site.clock.pass(600_000);
    assertEquals(coordinator.status(transactionId), "in doubt");
    await site.clock.run(coordinator.forget(transactionId, action));
    assertEquals(coordinator.status(transactionId), "forgotten");
  },
);

Deno.test("Coordinator.status() is in doubt while only the disk knows", async () => {
  const site = new Site();
  const coordinator = await site.open();
  site.disk.fail({ kind: "syncData", times: Infinity });
  const { transactionId } = await assertRejects(
    () => site.commit(coordinator, ...BOTH),
    OutcomeUnknownError,
  );
  assertEquals(coordinator.status(transactionId), "in doubt");
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.status() is in doubt while an operator has to decide", async () => {
  const site = await damaged();
  const coordinator = await site.open();
  assertEquals(coordinator.status(ID), "in doubt");
  await site.clock.run(coordinator.resolve(ID, "north", "commit", action));
  assertEquals(coordinator.status(ID), "in doubt");
  await site.clock.run(coordinator.resolve(ID, "south", "commit", action));
  assertEquals([coordinator.status(ID), site.rows], ["committed", [[ID], [ID], []]]);
  await site.clock.run(coordinator.close());
});

/** A site with a transaction prepared whose log is lost but for its identity. */
async function damaged(): Promise<Site> {
  const site = await crashAt("all-prepared");
  for (const name of await site.disk.list("/site/log")) {
    if (name.endsWith(".wal")) await site.disk.remove(`/site/log/${name}`);
  }
  return site;
}

for (
  const [point, status] of [
    ["first-prepared", "aborted"],
    ["all-prepared", "aborted"],
    ["decided", "committed"],
    ["first-committed", "committed"],
    ["all-committed", "committed"],
  ] as const
) {
  Deno.test(`Coordinator.status() is ${status} after a crash at ${point}, at every later opening`, async () => {
    const site = await crashAt(point);
    for (let opening = 0; opening < 3; opening++) {
      const coordinator = await site.open();
      assertEquals(coordinator.status(ID), status);
      await site.clock.run(coordinator.close());
      site.crash();
    }
  });
}

for (const committed of [true, false]) {
  Deno.test(`Coordinator.status() is never aborted after a crash in one phase: ${committed ? "" : "not "}committed`, async () => {
    const site = new Site();
    const coordinator = await site.open();
    site.north.script.next("commit", committed ? lostAndDead(site) : neverSent(site));
    void write(coordinator, ["north"]);
    await site.clock.settle();
    const next = await site.open();
    assertEquals(site.north.rows, committed ? [ID] : []);
    // Nothing of it was logged and nothing is prepared: it may have been either.
    assertEquals(next.status(ID), "forgotten");
    await site.clock.run(next.close());
  });
}

function lostAndDead(site: Site) {
  return <A>(call: { effect(): A }): Promise<A> => {
    call.effect();
    site.crash();
    return new Promise<A>(() => {});
  };
}

function neverSent(site: Site) {
  return <A>(): Promise<A> => {
    site.crash();
    return new Promise<A>(() => {});
  };
}

for (const [fault, status] of [[lostAfter, "committed"], [lostBefore, "aborted"]] as const) {
  Deno.test(`Coordinator.status() is ${status} when a doubt about one phase outlives a crash`, async () => {
    const site = new Site();
    const coordinator = await site.open();
    site.north.script.next("commit", fault);
    site.north.script.always("outcomeOf", hangs);
    const { transactionId } = await assertRejects(
      () => site.commit(coordinator, "north"),
      OutcomeUnknownError,
    );
    site.crash();
    // The database is away at first: the doubt is carried over.
    site.north.disconnect();
    const second = await site.open();
    assertEquals([second.status(transactionId), second.recovery.pending], ["in doubt", [
      transactionId,
    ]]);
    assertEquals(second.inDoubt().map(({ id, decision }) => [id, decision]), [[
      transactionId,
      "ask",
    ]]);
    await site.clock.run(second.close());
    site.crash();
    site.north.script.always("outcomeOf", null);
    site.north.reconnect();
    const third = await site.open();
    assertEquals([third.status(transactionId), third.inDoubt()], [status, []]);
    const { committed, rolledBack } = third.recovery;
    assertEquals(
      [committed, rolledBack],
      status === "committed" ? [[transactionId], []] : [[], [transactionId]],
    );
    await site.clock.run(third.close());
    site.crash();
    const fourth = await site.open();
    assertEquals([fourth.status(transactionId), fourth.recovery.pending], [status, []]);
    await site.clock.run(fourth.close());
  });
}

Deno.test("Coordinator.status() forgets what keepOutcomes has no place for", async () => {
  const site = new Site();
  const coordinator = await site.open({ keepOutcomes: 3 });
  const ids: string[] = [];
  for (let index = 0; index < 5; index++) ids.push(await site.commit(coordinator, ...BOTH));
  assertEquals(ids.map((id) => coordinator.status(id)), [
    "forgotten",
    "forgotten",
    "committed",
    "committed",
    "committed",
  ]);
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.status() counts a transaction that was rolled back once", async () => {
  const site = new Site();
  const coordinator = await site.open({ keepOutcomes: 3 });
  const ids: string[] = [];
  for (let index = 0; index < 3; index++) {
    site.south.script.next("prepare", refuses(new Error("no")));
    const error = await assertRejects(
      () => site.commit(coordinator, ...BOTH),
      TransactionAbortedError,
    );
    ids.push(error.transactionId!);
  }
  assertEquals(ids.map((id) => coordinator.status(id)), ["aborted", "aborted", "aborted"]);
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.status() knows nothing that has ended with keepOutcomes 0", async () => {
  const site = new Site();
  const coordinator = await site.open({ keepOutcomes: 0 });
  const id = await site.commit(coordinator, ...BOTH);
  assertEquals(coordinator.status(id), "forgotten");
  site.south.script.next("prepare", refuses(new Error("no")));
  const error = await assertRejects(
    () => site.commit(coordinator, ...BOTH),
    TransactionAbortedError,
  );
  assertEquals(coordinator.status(error.transactionId!), "forgotten");
  site.south.script.next("commitPrepared", (call) => {
    site.south.disconnect();
    return lostBefore(call);
  });
  const unsettled = await site.commit(coordinator, ...BOTH);
  assertEquals(coordinator.status(unsettled), "committed");
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.status() remembers over openings, and forgets when told to keep fewer", async () => {
  const site = new Site();
  const ids: string[] = [];
  for (let opening = 0; opening < 3; opening++) {
    const coordinator = await site.open();
    ids.push(await site.commit(coordinator, ...BOTH));
    ids.push(await site.commit(coordinator, "west"));
    assertEquals(ids.map((id) => coordinator.status(id)), ids.map(() => "committed"));
    await site.clock.run(coordinator.close());
  }
  const fewer = await site.open({ keepOutcomes: 2 });
  assertEquals(ids.map((id) => fewer.status(id)), [
    ...Array(4).fill("forgotten"),
    "committed",
    "committed",
  ]);
  await site.clock.run(fewer.close());
});

coordinatorTest(
  "Coordinator.status() refuses an id that was never given out",
  async (site, coordinator) => {
    const id = await site.commit(coordinator, ...BOTH);
    const never = [
      String(BigInt(id) + 1n),
      "2000000000001",
      "1000000000000",
      "5",
      "0",
      "",
      "-1",
      "1e12",
      " 1000000000001",
      "indoubt_x_1000000000001_0",
    ];
    for (const one of never) {
      assertThrows(() => ask(coordinator, one), RangeError, "never gave out such an id", one);
    }
  },
);

function ask(coordinator: SiteCoordinator, id: string): TransactionStatus {
  return coordinator.status(id);
}
