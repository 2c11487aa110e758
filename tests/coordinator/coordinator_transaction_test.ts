/**
 * Guarantees what a caller of `transaction()` and `begin()` gets: the function's result, its own error
 * untouched, or one of three classes that say what may be done next, and never a wrong one of them.
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  HeuristicOutcomeError,
  OutcomeUnknownError,
  TransactionAbortedError,
} from "../../src/coordinator/errors.ts";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import { fails, hangs, lostAfter, waitsFor } from "./support/faults.ts";
import { type Name, Site, type SiteCoordinator, write } from "./support/site.ts";

const NOTHING = [[], [], []];
const BOTH: Name[] = ["north", "south"];

/** Runs a test with an open coordinator, and sees afterwards that nothing is left over. */
async function withCoordinator(
  body: (site: Site, coordinator: SiteCoordinator) => Promise<void>,
): Promise<void> {
  const site = new Site();
  const coordinator = await site.open();
  await body(site, coordinator);
  await site.clock.run(coordinator.close());
  site.assertQuiet();
  assertEquals(site.processClock.timers, 0);
}

function test(
  name: string,
  body: (site: Site, coordinator: SiteCoordinator) => Promise<void>,
): void {
  Deno.test(name, () => withCoordinator(body));
}

test(
  "Coordinator.transaction() commits everywhere and gives the function's result",
  async (site, coordinator) => {
    const id = await site.commit(coordinator, ...BOTH);
    assertEquals(site.rows, [[id], [id], []]);
  },
);

test(
  "Coordinator.transaction() takes a function that is not asynchronous",
  async (site, coordinator) => {
    const transacting = coordinator.transaction(BOTH, ({ north }) => {
      north.write("row");
      return 5;
    });
    assertEquals([await site.clock.run(transacting), site.rows], [5, [["row"], [], []]]);
  },
);

test("Coordinator.transaction() runs many at once, each whole", async (site, coordinator) => {
  const ids = await site.clock.run(
    Promise.all(Array.from({ length: 50 }, () => write(coordinator, BOTH))),
  );
  assertEquals(new Set(ids).size, 50);
  assertEquals(site.rows, [ids.toSorted(), ids.toSorted(), []]);
});

test("Coordinator.transaction() hands its options to every database", async (site, coordinator) => {
  const isolationLevel = "serializable";
  await site.clock.run(coordinator.transaction(BOTH, () => {}, { isolationLevel }));
  for (const { begun } of [site.north, site.south]) {
    assertEquals(begun.map((options) => options.isolationLevel), [isolationLevel]);
  }
});

for (
  const [what, thrown] of [
    ["an error", new Error("its own")],
    ["a frozen error", Object.freeze(new RangeError("its own"))],
    ["no error at all", "text"],
    ["nothing", undefined],
  ] as const
) {
  test(
    `Coordinator.transaction() throws what the function threw: ${what}`,
    async (site, coordinator) => {
      for (const fn of [() => Promise.reject(thrown), () => fail(thrown)]) {
        let caught: unknown = "nothing was thrown";
        await site.clock.run(
          coordinator.transaction(BOTH, (clients) => {
            clients.north.write("row");
            return fn();
          }).catch((error) => void (caught = error)),
        );
        assertStrictEquals(caught, thrown);
      }
      assertEquals(site.rows, NOTHING);
      if (thrown instanceof Error) assert(!("rollbackError" in thrown));
    },
  );
}

function fail(thrown: unknown): never {
  throw thrown;
}

test(
  "Coordinator.transaction() puts a roll-back that failed beside the function's error",
  async (site, coordinator) => {
    const thrown = new Error("its own");
    const rollbackError = new Error("the session is in a bad way");
    site.north.script.next("rollback", (call) => {
      call.abandon();
      return fails(rollbackError)();
    });
    const caught = await assertRejects(
      () => site.clock.run(coordinator.transaction(BOTH, () => fail(thrown))),
    );
    assertStrictEquals(caught, thrown);
    assertStrictEquals((caught as { rollbackError?: unknown }).rollbackError, rollbackError);
    assertEquals(site.rows, NOTHING);
  },
);

test(
  "Coordinator.transaction() commits nothing when the function rolled back",
  async (site, coordinator) => {
    const result = await site.clock.run(
      coordinator.transaction(BOTH, async ({ north }, transaction) => {
        north.write("row");
        await transaction.rollback();
        return "stopped";
      }),
    );
    assertEquals([result, site.rows], ["stopped", NOTHING]);
  },
);

test(
  "Coordinator.transaction() commits once when the function has committed",
  async (site, coordinator) => {
    await site.clock.run(
      coordinator.transaction(BOTH, async ({ north, south }, transaction) => {
        north.write("row");
        south.write("row");
        await transaction.commit();
      }),
    );
    assertEquals(site.rows, [["row"], ["row"], []]);
  },
);

test(
  "Coordinator.transaction() does not say aborted when its function commits as time runs out",
  async (site, coordinator) => {
    const slow = Promise.withResolvers<void>();
    site.south.script.next("commitPrepared", waitsFor(slow.promise));
    const transacting = coordinator.transaction(BOTH, async ({ north, south }, transaction) => {
      north.write("row");
      south.write("row");
      await transaction.commit();
    }, { timeout: 500 });
    const ending = Promise.allSettled([transacting]);
    await site.clock.pass(1000);
    slow.resolve();
    const [result] = await site.clock.run(ending);
    await site.clock.settle();
    assertEquals(site.rows, [["row"], ["row"], []]);
    assertEquals(result.status, "fulfilled");
  },
);

test("Coordinator.transaction() ends a function that takes too long", async (site, coordinator) => {
  const transacting = coordinator.transaction(BOTH, async ({ north }) => {
    north.write("row");
    await hangs();
  }, { timeout: 500 });
  const error = await assertRejects(() => site.clock.run(transacting), TransactionAbortedError);
  assertEquals([error.retryable, site.clock.elapsed(), site.rows], [true, 500, NOTHING]);
});

test("Coordinator.transaction() ends when the signal is aborted", async (site, coordinator) => {
  const controller = new AbortController();
  const reason = new Error("the caller left");
  const transacting = coordinator.transaction(BOTH, async ({ north }) => {
    north.write("row");
    controller.abort(reason);
    await hangs();
  }, { signal: controller.signal });
  const error = await assertRejects(() => site.clock.run(transacting), TransactionAbortedError);
  assertEquals([error.retryable, site.rows], [false, NOTHING]);
  assertStrictEquals(error.cause, reason);
});

test(
  "Coordinator.transaction() does not begin when the signal was aborted before",
  async (site, coordinator) => {
    let ran = false;
    const signal = AbortSignal.abort();
    const transacting = coordinator.transaction(BOTH, () => void (ran = true), { signal });
    await assertRejects(() => site.clock.run(transacting), TransactionAbortedError);
    await site.clock.settle();
    assertEquals([ran, site.trace.count("north begin")], [false, 0]);
  },
);

test(
  "Coordinator.transaction() does not wait for a session longer than its time",
  async (site, coordinator) => {
    site.south.capacity = 1;
    const other = await site.clock.run(coordinator.begin(["south"]));
    const error = await assertRejects(
      () => site.clock.run(coordinator.transaction(BOTH, () => {}, { timeout: 500 })),
      TransactionAbortedError,
    );
    assertEquals([error.retryable, error.participant, site.north.sessions], [true, null, 0]);
    await site.clock.run(other.rollback());
    await site.clock.settle();
  },
);

test(
  "Coordinator.transaction() says which participant could not begin",
  async (site, coordinator) => {
    const cause = new Error("too many clients");
    site.south.script.next("acquire", fails(cause));
    const error = await assertRejects(
      () => site.commit(coordinator, ...BOTH),
      TransactionAbortedError,
    );
    assertEquals([error.participant, error.retryable], ["south", true]);
    assertStrictEquals(error.cause, cause);
  },
);

test(
  "Coordinator.transaction() tells a heuristic outcome from every other",
  async (site, coordinator) => {
    site.south.script.next("commitPrepared", (call) => {
      site.south.endByHand(site.south.prepared[0]!, "aborted");
      return call.effect();
    });
    const error = await assertRejects(
      () => site.commit(coordinator, ...BOTH),
      HeuristicOutcomeError,
    );
    assertEquals(error.branches.map(({ participant }) => participant), ["south"]);
  },
);

test("Coordinator.transaction() refuses names that cannot be", async (_, coordinator) => {
  const strangers = ["nowhere"] as unknown as Name[];
  await assertRejects(() => coordinator.transaction(strangers, () => {}), RangeError, '"nowhere"');
  await assertRejects(() => coordinator.transaction([], () => {}), TypeError, "at least one");
  const twice: Name[] = ["north", "north"];
  await assertRejects(() => coordinator.transaction(twice, () => {}), TypeError, "only once");
  await assertRejects(
    () => coordinator.transaction(BOTH, () => {}, { timeout: 0 }),
    RangeError,
    '"timeout"',
  );
});

for (const kept of [true, false]) {
  const ending = kept ? "committed, since it was" : "rolled back, since it was not";
  Deno.test(`Coordinator.transaction() leaves a decision whose sync failed to the next opening: ${ending}`, async () => {
    const site = new Site();
    const coordinator = await site.open({ sweepInterval: 1000 });
    let before = site.disk.kill();
    const committing = coordinator.transaction(BOTH, ({ north, south }) => {
      north.write("row");
      south.write("row");
      before = site.disk.kill();
      site.disk.fail({ kind: "syncData", lasting: true });
    });
    await assertRejects(() => site.clock.run(committing), OutcomeUnknownError);
    await site.clock.pass(10_000);
    assertEquals([site.rows, site.prepared.length], [NOTHING, 2]);
    const next = await assertRejects(
      () => site.commit(coordinator, ...BOTH),
      TransactionAbortedError,
    );
    assert(next.cause instanceof LogUnavailableError && next.cause.written === "no");
    await site.clock.run(coordinator.close());
    assertEquals([site.rows, site.prepared.length], [NOTHING, 2]);
    site.crash((disk) => kept ? disk.kill() : before);
    const again = await site.open();
    assertEquals(site.rows, kept ? [["row"], ["row"], []] : NOTHING);
    await site.clock.run(again.close());
    site.assertQuiet();
  });
}

test(
  "Coordinator.transaction() commits when the log mends a failed sync by itself",
  async (site, coordinator) => {
    site.disk.fail({ kind: "syncData" });
    const id = await site.commit(coordinator, ...BOTH);
    assertEquals(site.rows, [[id], [id], []]);
  },
);

test(
  "Coordinator.transaction() commits what it called unknown when the log comes back",
  async (site, coordinator) => {
    site.disk.fail({ kind: "syncData", lasting: true });
    await assertRejects(() => site.commit(coordinator, ...BOTH), OutcomeUnknownError);
    await site.clock.pass(60_000);
    assertEquals([site.rows, site.prepared.length], [NOTHING, 2]);
    site.disk.mend();
    await site.clock.pass(60_000);
    assertEquals(site.rows, [["1000000000001"], ["1000000000001"], []]);
    await site.commit(coordinator, ...BOTH);
  },
);

test("Coordinator.begin() gives a transaction to commit by hand", async (site, coordinator) => {
  const transaction = await site.clock.run(coordinator.begin(BOTH));
  transaction.clients.north.write("row");
  transaction.clients.south.write("row");
  const { settled } = await site.clock.run(transaction.commit());
  await settled;
  assertEquals(site.rows, [["row"], ["row"], []]);
});

test(
  "Coordinator.begin() gives a transaction that `await using` rolls back",
  async (site, coordinator) => {
    const using = (async () => {
      await using transaction = await coordinator.begin(BOTH);
      transaction.clients.north.write("row");
    })();
    await site.clock.run(using);
    assertEquals(site.rows, NOTHING);
  },
);

test(
  "Coordinator.begin() gives a transaction that is rolled back when its time is up",
  async (site, coordinator) => {
    const transaction = await site.clock.run(coordinator.begin(BOTH, { timeout: 500 }));
    transaction.clients.north.write("row");
    await site.clock.pass(500);
    assertEquals([transaction.state, site.north.sessions], ["aborted", 0]);
    const error = await assertRejects(() => transaction.commit(), TransactionAbortedError);
    assertEquals([error.retryable, error.transactionId, site.rows], [
      true,
      transaction.id,
      NOTHING,
    ]);
  },
);

test(
  "Coordinator.begin() gives a transaction that is rolled back when the signal comes",
  async (site, coordinator) => {
    const controller = new AbortController();
    const { signal } = controller;
    const transaction = await site.clock.run(coordinator.begin(BOTH, { signal }));
    transaction.clients.north.write("row");
    controller.abort();
    const error = await assertRejects(
      () => site.clock.run(transaction.commit()),
      TransactionAbortedError,
    );
    assertEquals([error.retryable, site.rows], [false, NOTHING]);
  },
);

test(
  "Coordinator.begin() does not roll back when time is up during a commit",
  async (site, coordinator) => {
    const synced = site.disk.hold("syncData");
    const transaction = await site.clock.run(coordinator.begin(BOTH, { timeout: 500 }));
    transaction.clients.north.write("row");
    transaction.clients.south.write("row");
    const committing = transaction.commit();
    await site.clock.settle();
    assertEquals(transaction.state, "deciding");
    await site.clock.pass(500);
    synced.release();
    await site.clock.run(committing);
    assertEquals(site.rows, [["row"], ["row"], []]);
  },
);

test(
  "Coordinator.unsettled counts branches that the resolver still has",
  async (site, coordinator) => {
    site.south.script.next("commitPrepared", (call) => {
      site.south.disconnect();
      return lostAfter(call);
    });
    await site.commit(coordinator, ...BOTH);
    assertEquals(coordinator.unsettled, 1);
    site.south.reconnect();
    await site.clock.pass(60_000);
    assertEquals(coordinator.unsettled, 0);
  },
);
