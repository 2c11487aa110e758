/**
 * Guarantees that a transaction ends when its time is up or its signal is aborted, wherever it
 * stands before its decision, and that neither changes anything after that.
 */

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { hangs, waitsFor } from "./support/faults.ts";
import type { Name } from "./support/site.ts";
import { coordinatorTest, NOTHING } from "./support/with_coordinator.ts";

const BOTH: Name[] = ["north", "south"];

coordinatorTest(
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

coordinatorTest(
  "Coordinator.transaction() ends a function that takes too long",
  async (site, coordinator) => {
    const transacting = coordinator.transaction(BOTH, async ({ north }) => {
      north.write("row");
      await hangs();
    }, { timeout: 500 });
    const error = await assertRejects(() => site.clock.run(transacting), TransactionAbortedError);
    assertEquals([error.retryable, site.clock.elapsed(), site.rows], [true, 500, NOTHING]);
  },
);

coordinatorTest(
  "Coordinator.transaction() ends when the signal is aborted",
  async (site, coordinator) => {
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
  },
);

coordinatorTest(
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

coordinatorTest(
  "Coordinator.transaction() does not wait for a session longer than its time",
  async (site, coordinator) => {
    site.south.capacity = 1;
    const other = await site.clock.run(coordinator.begin(["south"]));
    const error = await assertRejects(
      () => site.clock.run(coordinator.transaction(BOTH, () => {}, { timeout: 500 })),
      TransactionAbortedError,
      'its timeout of 500 ms passed while waiting for a session of "south", it was rolled back',
    );
    assertEquals([error.retryable, error.participant, site.north.sessions], [true, "south", 0]);
    await site.clock.run(other.rollback());
    await site.clock.settle();
  },
);

coordinatorTest(
  "Coordinator.transaction() names who was being enlisted when its time was up",
  async (site, coordinator) => {
    site.south.capacity = 1;
    const other = await site.clock.run(coordinator.begin(["south"]));
    const error = await assertRejects(
      () =>
        site.clock.run(coordinator.transaction(["north"], async (_, transaction) => {
          await transaction.enlist("south");
        }, { timeout: 500 })),
      TransactionAbortedError,
      'its timeout of 500 ms passed while waiting for "south" to be enlisted',
    );
    assertEquals([error.retryable, error.participant, site.north.sessions], [true, "south", 0]);
    await site.clock.run(other.rollback());
    await site.clock.settle();
  },
);
