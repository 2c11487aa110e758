/**
 * Guarantees what a caller of `transaction()` gets when time and log are well: the function's
 * result, its own error untouched, or an error that says what happened, and never a wrong one.
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { HeuristicOutcomeError, TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { fails } from "./support/faults.ts";
import { type Name, write } from "./support/site.ts";
import { coordinatorTest, NOTHING } from "./support/with_coordinator.ts";

const BOTH: Name[] = ["north", "south"];

coordinatorTest(
  "Coordinator.transaction() commits everywhere and gives the function's result",
  async (site, coordinator) => {
    const id = await site.commit(coordinator, ...BOTH);
    assertEquals(site.rows, [[id], [id], []]);
  },
);

coordinatorTest(
  "Coordinator.transaction() takes a function that is not asynchronous",
  async (site, coordinator) => {
    const transacting = coordinator.transaction(BOTH, ({ north }) => {
      north.write("row");
      return 5;
    });
    assertEquals([await site.clock.run(transacting), site.rows], [5, [["row"], [], []]]);
  },
);

coordinatorTest(
  "Coordinator.transaction() runs many at once, each whole",
  async (site, coordinator) => {
    const ids = await site.clock.run(
      Promise.all(Array.from({ length: 50 }, () => write(coordinator, BOTH))),
    );
    assertEquals(new Set(ids).size, 50);
    assertEquals(site.rows, [ids.toSorted(), ids.toSorted(), []]);
  },
);

coordinatorTest(
  "Coordinator.transaction() hands its options to every database",
  async (site, coordinator) => {
    const isolationLevel = "serializable";
    await site.clock.run(coordinator.transaction(BOTH, () => {}, { isolationLevel }));
    for (const { begun } of [site.north, site.south]) {
      assertEquals(begun.map((options) => options.isolationLevel), [isolationLevel]);
    }
  },
);

for (
  const [what, thrown] of [
    ["an error", new Error("its own")],
    ["a frozen error", Object.freeze(new RangeError("its own"))],
    ["no error at all", "text"],
    ["nothing", undefined],
  ] as const
) {
  coordinatorTest(
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

coordinatorTest(
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

coordinatorTest(
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

coordinatorTest(
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

coordinatorTest(
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

coordinatorTest(
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

coordinatorTest(
  "Coordinator.transaction() refuses names and options that cannot be",
  async (_, coordinator) => {
    const strangers = ["nowhere"] as unknown as Name[];
    await assertRejects(
      () => coordinator.transaction(strangers, () => {}),
      RangeError,
      '"nowhere"',
    );
    await assertRejects(() => coordinator.transaction([], () => {}), TypeError, "at least one");
    const twice: Name[] = ["north", "north"];
    await assertRejects(() => coordinator.transaction(twice, () => {}), TypeError, "only once");
    await assertRejects(
      () => coordinator.transaction(BOTH, () => {}, { timeout: 0 }),
      RangeError,
      '"timeout"',
    );
    const isolationLevel = "SERIALIZABLE" as never;
    await assertRejects(
      () => coordinator.transaction(BOTH, () => {}, { isolationLevel, retry: 3 }),
      RangeError,
      '"SERIALIZABLE"',
    );
  },
);
