/**
 * Guarantees when a function is run again: as often as was asked for, after a pause each time, and only
 * where nothing of the try before can have happened and another may go better.
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import {
  HeuristicOutcomeError,
  OutcomeUnknownError,
  TransactionAbortedError,
} from "../../src/coordinator/errors.ts";
import { SqlError } from "./support/fake_database.ts";
import { fails, hangs, lostAfter, refuses } from "./support/faults.ts";
import type { FakeClient } from "./support/fake_branch.ts";
import { type Name, Site } from "./support/site.ts";
import { coordinatorTest, NOTHING } from "./support/with_coordinator.ts";

const BOTH: Name[] = ["north", "south"];
const CONFLICT = () => new SqlError("40001", "could not serialize access");

function isConflict(error: unknown): boolean {
  return error instanceof SqlError && error.code === "40001";
}

type Clients = Record<"north" | "south", FakeClient>;

/** A function that counts its calls and when they came. */
function counted(site: Site, body: (clients: Clients, call: number) => unknown = () => {}) {
  const times: number[] = [];
  const ids: string[] = [];
  const fn = async (clients: Clients, { id }: { readonly id: string }) => {
    times.push(site.clock.elapsed());
    ids.push(id);
    clients.north.write(id);
    clients.south.write(id);
    return await body(clients, times.length);
  };
  return { fn, times, ids };
}

coordinatorTest(
  "Coordinator.transaction() begins again after a refusal that may not come again",
  async (site, coordinator) => {
    for (let index = 0; index < 2; index++) {
      site.south.script.next("prepare", refuses(CONFLICT(), true));
    }
    const { fn, times, ids } = counted(site, (_, call) => call);
    assertEquals(await site.clock.run(coordinator.transaction(BOTH, fn, { retry: 5 })), 3);
    assertEquals([new Set(ids).size, site.rows], [3, [[ids[2]!], [ids[2]!], []]]);
    const [first, second] = [times[1]! - times[0]!, times[2]! - times[1]!];
    assert(first >= 50 && first <= 100, `the first pause was ${first} ms`);
    assert(second >= 100 && second <= 200, `the second pause was ${second} ms`);
    assertEquals(ids.map((id) => coordinator.status(id)), ["aborted", "aborted", "committed"]);
  },
);

coordinatorTest(
  "Coordinator.transaction() begins again after a conflict that a statement met with",
  async (site, coordinator) => {
    const { fn, times } = counted(site, (_, call) => {
      if (call === 1) throw CONFLICT();
      return "done";
    });
    assertEquals(await site.clock.run(coordinator.transaction(BOTH, fn, { retry: 1 })), "done");
    assertEquals([times.length, site.north.rows.length], [2, 1]);
  },
);

coordinatorTest(
  "Coordinator.transaction() asks a participant that was enlisted late about its error",
  async (site, coordinator) => {
    // Only west knows this error.
    const west = site.participants.west;
    west.isRetryable = (error) => error instanceof SqlError && error.code === "XX001";
    let calls = 0;
    const transacting = coordinator.transaction(["north"], async ({ north }, transaction) => {
      north.write("row");
      const late = await transaction.enlist("west");
      late.write("row");
      if (++calls === 1) throw new SqlError("XX001", "west is busy");
    }, { retry: 1 });
    await site.clock.run(transacting);
    assertEquals([calls, site.rows], [2, [["row"], [], ["row"]]]);
  },
);

coordinatorTest(
  "Coordinator.transaction() tries no more often than it was told, and throws the last error",
  async (site, coordinator) => {
    for (const retry of [0, 3]) {
      const thrown: SqlError[] = [];
      const { fn, times } = counted(site, () => {
        thrown.push(CONFLICT());
        throw thrown.at(-1);
      });
      const error = await assertRejects(
        () => site.clock.run(coordinator.transaction(BOTH, fn, { retry })),
        SqlError,
      );
      assertStrictEquals(error, thrown.at(-1));
      assertEquals(times.length, retry + 1);
    }
    assertEquals(site.rows, NOTHING);
  },
);

coordinatorTest(
  "Coordinator.transaction() begins again when it could not begin",
  async (site, coordinator) => {
    site.south.script.next("acquire", fails(new Error("too many clients")));
    const { fn, times } = counted(site);
    await site.clock.run(coordinator.transaction(BOTH, fn, { retry: 1 }));
    assertEquals([times.length, site.north.rows.length], [1, 1]);
  },
);

coordinatorTest(
  "Coordinator.transaction() begins again with a new timeout",
  async (site, coordinator) => {
    const { fn, times } = counted(site, (_, call) => call < 3 ? hangs() : "done");
    const options = { retry: 2, timeout: 1000 };
    assertEquals(await site.clock.run(coordinator.transaction(BOTH, fn, options)), "done");
    assertEquals(times.length, 3);
  },
);

/** Failures after which nothing may be tried again, though tries are left. */
const FINAL: [
  string,
  (site: Site, clients: Clients) => unknown,
  new (...args: never[]) => Error,
][] = [
  ["the function's own error", () => {
    throw new RangeError("its own");
  }, RangeError],
  ["a refusal that would come again", (site) => {
    site.south.script.next("prepare", refuses(new SqlError("23505", "duplicate"), false));
  }, TransactionAbortedError],
  [
    "a branch that was ended by hand",
    (_, { north }) => north.commitByHand(),
    HeuristicOutcomeError,
  ],
  ["a conflict in one database after which someone has committed in the other", (site) => {
    // As the adapters do, which look for what a library has wrapped.
    site.participants.south.isRetryable = (error) =>
      error instanceof Error && isConflict(error.cause);
    site.south.script.next("prepare", refuses(CONFLICT(), true));
    site.north.script.next("rollbackPrepared", (call) => {
      site.north.endByHand(site.north.prepared[0]!, "committed");
      return call.effect();
    });
  }, HeuristicOutcomeError],
  [
    "a conflict in one database after which it is not known who ended the branch in the other",
    (site) => {
      site.south.script.next("prepare", refuses(CONFLICT(), true));
      site.north.script.next("rollbackPrepared", (call) => {
        site.north.endByHand(site.north.prepared[0]!, "committed");
        return call.effect();
      });
      site.north.script.next("outcomeOf", fails(new Error("the connection was reset")));
    },
    TransactionAbortedError,
  ],
  ["a heuristic outcome", (site) => {
    site.south.script.next("commitPrepared", (call) => {
      site.south.endByHand(site.south.prepared[0]!, "aborted");
      return call.effect();
    });
  }, HeuristicOutcomeError],
];

for (const [what, fail, kind] of FINAL) {
  Deno.test(`Coordinator.transaction() does not try again after ${what}`, async () => {
    const site = new Site();
    const coordinator = await site.open();
    const { fn, times } = counted(site, (clients) => fail(site, clients));
    const error = await assertRejects(() =>
      site.clock.run(coordinator.transaction(BOTH, fn, { retry: 9 }))
    );
    assert(error instanceof kind, String(error));
    assertEquals([times.length, site.clock.elapsed()], [1, 0]);
    await site.clock.run(coordinator.close());
  });
}

coordinatorTest(
  "Coordinator.transaction() does not try again while the outcome is not known",
  async (site, coordinator) => {
    site.north.script.next("commit", lostAfter);
    site.north.script.always("outcomeOf", hangs);
    let calls = 0;
    const transacting = coordinator.transaction(["north"], ({ north }) => {
      calls++;
      north.write("row");
    }, { retry: 9 });
    await assertRejects(() => site.clock.run(transacting), OutcomeUnknownError);
    assertEquals(calls, 1);
    site.north.script.always("outcomeOf", null);
    await site.clock.pass(120_000);
    assertEquals([calls, site.north.rows], [1, ["row"]]);
  },
);

for (
  const [what, thrown] of [
    ["a conflict", CONFLICT()],
    [
      "another transaction that was aborted",
      new TransactionAbortedError("7", "no", { retryable: true }),
    ],
  ] as const
) {
  coordinatorTest(
    `Coordinator.transaction() does not try again what committed by hand, then met with ${what}`,
    async (site, coordinator) => {
      let calls = 0;
      const transacting = coordinator.transaction(BOTH, async ({ north, south }, transaction) => {
        calls++;
        north.write("row");
        south.write("row");
        await transaction.commit();
        throw thrown;
      }, { retry: 9 });
      assertStrictEquals(await assertRejects(() => site.clock.run(transacting)), thrown);
      assertEquals([calls, site.rows], [1, [["row"], ["row"], []]]);
    },
  );
}

coordinatorTest(
  "Coordinator.transaction() gives up the pause when its signal comes",
  async (site, coordinator) => {
    const controller = new AbortController();
    const { fn, times } = counted(site, () => {
      throw CONFLICT();
    });
    const options = { retry: 9, signal: controller.signal };
    const failing = assertRejects(() => coordinator.transaction(BOTH, fn, options), SqlError);
    await site.clock.settle();
    assertEquals(times.length, 1);
    controller.abort();
    await failing;
    assertEquals([times.length, site.clock.elapsed()], [1, 0]);
  },
);

Deno.test("Coordinator.close() ends the pause before another try, and its timer", async () => {
  const site = new Site();
  const coordinator = await site.open();
  const { fn, times } = counted(site, () => {
    throw CONFLICT();
  });
  const failing = assertRejects(() => coordinator.transaction(BOTH, fn, { retry: 9 }), SqlError);
  await site.clock.settle();
  await site.clock.run(coordinator.close());
  await failing;
  assertEquals([times.length, site.processClock.timers, site.clock.elapsed()], [1, 0, 0]);
});

coordinatorTest(
  "Coordinator.transaction() refuses a number of tries that cannot be",
  async (_, coordinator) => {
    for (const retry of [-1, 0.5, 101, NaN]) {
      await assertRejects(
        () => coordinator.transaction(BOTH, () => {}, { retry }),
        RangeError,
        '"retry"',
      );
    }
  },
);

coordinatorTest(
  "Coordinator.transaction() hands readOnly to every database",
  async (site, coordinator) => {
    await site.clock.run(coordinator.transaction(BOTH, () => {}, { readOnly: true }));
    await site.clock.run(coordinator.transaction(BOTH, () => {}));
    for (const { begun } of [site.north, site.south]) {
      assertEquals(begun.map(({ readOnly }) => readOnly), [true, undefined]);
    }
  },
);

coordinatorTest(
  "Coordinator.transaction() waits for a commit that its function did not wait for",
  async (site, coordinator) => {
    const synced = site.disk.hold("syncData");
    let done = false;
    const transacting = coordinator.transaction(BOTH, ({ north, south }, transaction) => {
      north.write("row");
      south.write("row");
      void transaction.commit();
      return "done";
    });
    void transacting.then(() => done = true);
    await site.clock.settle();
    assertEquals([done, site.rows], [false, NOTHING]);
    synced.release();
    assertEquals(await site.clock.run(transacting), "done");
    assertEquals(site.rows, [["row"], ["row"], []]);
  },
);

coordinatorTest(
  "Coordinator.transaction() throws what a commit came to that its function did not wait for",
  async (site, coordinator) => {
    site.south.script.next("prepare", refuses(new Error("no")));
    const transacting = coordinator.transaction(BOTH, ({ north, south }, transaction) => {
      north.write("row");
      south.write("row");
      transaction.commit().catch(() => {});
    });
    await assertRejects(() => site.clock.run(transacting), TransactionAbortedError, "(no)");
    assertEquals(site.rows, NOTHING);
  },
);

coordinatorTest(
  "Coordinator.transaction() lets its function deal with what its own commit came to",
  async (site, coordinator) => {
    site.south.script.next("prepare", refuses(new Error("no")));
    const transacting = coordinator.transaction(BOTH, async ({ north, south }, transaction) => {
      north.write("row");
      south.write("row");
      return await transaction.commit().then(() => "committed", () => "dealt with");
    });
    assertEquals(await site.clock.run(transacting), "dealt with");
  },
);

coordinatorTest(
  "Coordinator.transaction() does not take the end of a try that was late for that of the next",
  async (site, coordinator) => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { fn, times } = counted(site, async (_, call) => {
      await gates[call - 1]?.promise;
      return call;
    });
    const transacting = coordinator.transaction(BOTH, fn, { timeout: 1000, retry: 1 });
    await site.clock.pass(1500);
    assertEquals(times.length, 2);
    gates[0]?.resolve();
    await site.clock.settle();
    assertEquals(site.rows, NOTHING);
    gates[1]?.resolve();
    assertEquals(await site.clock.run(transacting), 2);
  },
);

for (const kind of ["unknown", "heuristic"] as const) {
  coordinatorTest(
    `Coordinator.transaction() is not tried again after an outcome of another that is ${kind}`,
    async (site, coordinator) => {
      // As a participant may say of any error that a lost connection has caused.
      site.participants.north.isRetryable = () => true;
      if (kind === "unknown") {
        site.south.script.next("commit", lostAfter);
        site.south.script.always("outcomeOf", fails(new Error("away")));
      } else {
        site.south.script.next("commitPrepared", (call) => {
          site.south.endByHand(site.south.prepared[0]!, "aborted");
          return call.effect();
        });
      }
      const others: Name[] = kind === "unknown" ? ["south"] : ["south", "west"];
      let calls = 0;
      const transacting = coordinator.transaction(["north"], async ({ north }) => {
        calls++;
        north.write("row");
        const other = await coordinator.begin(others);
        for (const name of others) other.clients[name].write("row");
        try {
          await other.commit();
        } catch (cause) {
          throw new Error("the payment failed", { cause });
        }
      }, { retry: 3 });
      const error = await assertRejects(() => site.clock.run(transacting), Error, "the payment");
      const expected = kind === "unknown" ? OutcomeUnknownError : HeuristicOutcomeError;
      assertInstanceOf(error.cause, expected);
      assertEquals([calls, site.north.rows], [1, []]);
    },
  );
}

coordinatorTest(
  "Coordinator.transaction() is not tried again after another was rolled back for good",
  async (site, coordinator) => {
    site.participants.north.isRetryable = () => true;
    site.south.script.next("prepare", refuses(new Error("no")));
    let calls = 0;
    const transacting = coordinator.transaction(["north"], async ({ north }) => {
      calls++;
      north.write("row");
      const other = await coordinator.begin(["south", "west"]);
      other.clients.south.write("row");
      other.clients.west.write("row");
      await other.commit().catch((cause) => {
        throw new Error("the payment failed", { cause });
      });
    }, { retry: 3 });
    await assertRejects(() => site.clock.run(transacting), Error, "the payment");
    assertEquals(calls, 1);
  },
);
