/**
 * Guarantees transactions that are committed by hand: as whole as any other, and rolled back when
 * they are left alone or their time is up.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { lostAfter } from "./support/faults.ts";
import type { Name } from "./support/site.ts";
import { coordinatorTest, NOTHING } from "./support/with_coordinator.ts";

const BOTH: Name[] = ["north", "south"];

coordinatorTest(
  "Coordinator.begin() gives a transaction to commit by hand",
  async (site, coordinator) => {
    const transaction = await site.clock.run(coordinator.begin(BOTH));
    transaction.clients.north.write("row");
    transaction.clients.south.write("row");
    const { settled } = await site.clock.run(transaction.commit());
    await settled;
    assertEquals(site.rows, [["row"], ["row"], []]);
  },
);

coordinatorTest(
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

coordinatorTest(
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

coordinatorTest(
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

coordinatorTest(
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

coordinatorTest(
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
