/**
 * Guarantees that nested code finds the transaction in whose function it runs, and only that one, and
 * that it cannot begin a second one by mistake that would wait for the first.
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import type { TransactionStore } from "../../src/coordinator/options.ts";
import { type Name, Site } from "./support/site.ts";
import { coordinatorTest } from "./support/with_coordinator.ts";

/** How often two coordinators are let run in turn. */
const MAX_TURNS = 20;

const BOTH: Name[] = ["north", "south"];

coordinatorTest(
  "Coordinator.current is null outside of every function",
  async (site, coordinator) => {
    assertEquals(coordinator.current, null);
    await site.commit(coordinator, ...BOTH);
    assertEquals(coordinator.current, null);
  },
);

coordinatorTest(
  "Coordinator.current is the transaction in all that its function calls",
  async (site, coordinator) => {
    const nested = async () => {
      await Promise.resolve();
      coordinator.current?.clients.north?.write("row");
      return coordinator.current;
    };
    await site.clock.run(coordinator.transaction(BOTH, async (_, transaction) => {
      assertStrictEquals(coordinator.current, transaction);
      assertStrictEquals(await nested(), transaction);
    }));
    assertEquals(site.north.rows, ["row"]);
  },
);

coordinatorTest(
  "Coordinator.current tells transactions that run at the same time apart",
  async (site, coordinator) => {
    const seen = await site.clock.run(
      Promise.all(
        Array.from(
          { length: 10 },
          (_, index) =>
            coordinator.transaction(["north"], async (_, { id }) => {
              for (let turn = 0; turn < index; turn++) {
                await Promise.resolve();
              }
              return [id, coordinator.current?.id];
            }),
        ),
      ),
    );
    assertEquals(new Set(seen.map(([id]) => id)).size, 10);
    for (const [id, current] of seen) assertEquals(current, id);
  },
);

coordinatorTest(
  "Coordinator.current is null once the transaction ends, also for what its function left running",
  async (site, coordinator) => {
    const gate = Promise.withResolvers<void>();
    let left: Promise<unknown> | undefined;
    await site.clock.run(coordinator.transaction(BOTH, async (_, transaction) => {
      left = gate.promise.then(() => coordinator.current);
      await transaction.rollback();
      assertEquals(coordinator.current, null);
    }));
    gate.resolve();
    assertEquals(await left, null);
  },
);

coordinatorTest(
  "Coordinator.current is null inside of what was begun by hand",
  async (site, coordinator) => {
    const transaction = await site.clock.run(coordinator.begin(BOTH));
    assertEquals(coordinator.current, null);
    await site.clock.run(transaction.rollback());
  },
);

coordinatorTest(
  "Coordinator.transaction() is refused inside of another, with advice",
  async (site, coordinator) => {
    await site.clock.run(coordinator.transaction(["north"], async ({ north }, { id }) => {
      const error = await assertRejects(
        () => coordinator.transaction(["south"], () => {}),
        TypeError,
        `inside of transaction ${id}`,
      );
      for (const advice of ["current", "enlist", "begin"]) assert(error.message.includes(advice));
      north.write("row");
    }));
    assertEquals([site.rows, site.trace.count("south begin")], [[["row"], [], []], 0]);
  },
);

coordinatorTest(
  "Coordinator.begin() gives one of its own inside of a function",
  async (site, coordinator) => {
    await assertRejects(() =>
      site.clock.run(coordinator.transaction(["north"], async ({ north }) => {
        north.write("rolled back");
        await using audit = await coordinator.begin(["south"]);
        audit.clients.south.write("kept");
        await audit.commit();
        throw new Error("its own");
      }))
    );
    assertEquals(site.rows, [[], ["kept"], []]);
  },
);

coordinatorTest(
  "Coordinator.transaction() is allowed again once the outer one has ended",
  async (site, coordinator) => {
    await site.clock.run(coordinator.transaction(["north"], async ({ north }, transaction) => {
      north.write("first");
      await transaction.commit();
      await coordinator.transaction(["south"], ({ south }) => south.write("second"));
    }));
    assertEquals(site.rows, [["first"], ["second"], []]);
  },
);

Deno.test("Coordinator.current knows nothing of another coordinator's transaction", async () => {
  const [here, there] = [new Site(), new Site()];
  const [one, other] = [await here.open(), await there.open()];
  const nesting = one.transaction(["north"], async ({ north }, transaction) => {
    assertEquals(other.current, null);
    const inner = other.transaction(["north"], (clients, { id }) => {
      clients.north.write("there");
      assertStrictEquals(one.current, transaction);
      assertEquals(other.current?.id, id);
    });
    await inner;
    north.write("here");
  });
  let ended = false;
  const mark = () => void (ended = true);
  nesting.then(mark, mark);
  // One hands on to the other a few times, and neither waits for time to pass.
  for (let turn = 0; !ended; turn++) {
    assert(turn < MAX_TURNS, "The outer transaction never ended");
    for (const { clock } of [here, there]) await clock.settle();
  }
  await nesting;
  assertEquals([here.north.rows, there.north.rows], [["here"], ["there"]]);
  await here.clock.run(one.close());
  await there.clock.run(other.close());
});

Deno.test("Coordinator.current is what the application's own context holds", async () => {
  const site = new Site();
  const entered: object[] = [];
  const context: TransactionStore = {
    run: (store, callback) => {
      entered.push(store);
      return callback();
    },
    getStore: () => entered.at(-1),
  };
  const coordinator = await site.open({ context });
  await site.clock.run(coordinator.transaction(BOTH, (_, transaction) => {
    assertEquals(entered.length, 1);
    assertStrictEquals(coordinator.current, transaction);
  }));
  assertEquals([entered.length, coordinator.current], [1, null]);
  entered.push({ a: "stranger" });
  assertEquals(coordinator.current, null);
  await site.clock.run(coordinator.close());
});
