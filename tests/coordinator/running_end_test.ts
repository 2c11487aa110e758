/**
 * Guarantees how a transaction ends whose function does not say how: it returns while it enlists, or does not
 * tell of what has rolled everything back. It is over then, its sessions are back, and the caller hears why.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { fails, refuses, waitsFor } from "./support/faults.ts";
import { Site } from "./support/site.ts";
import { coordinatorTest, NOTHING } from "./support/with_coordinator.ts";

coordinatorTest(
  "Coordinator.transaction() rolls back whose function returns while it enlists",
  async (site, coordinator) => {
    let id = "";
    const transacting = coordinator.transaction(["north"], ({ north }, transaction) => {
      id = transaction.id;
      north.write("row");
      transaction.enlist("south").catch(() => {});
    });
    await assertRejects(() => site.clock.run(transacting), TypeError, "is being enlisted");
    assertEquals([coordinator.status(id), site.rows], ["aborted", NOTHING]);
    await site.clock.settle();
    site.assertQuiet();
  },
);

coordinatorTest(
  "Coordinator.transaction() rolls back at once whose function does not wait for a session that does not come",
  async (site, coordinator) => {
    const gate = Promise.withResolvers<void>();
    site.south.script.next("acquire", waitsFor(gate.promise));
    const transacting = coordinator.transaction(["north"], async ({ north }, transaction) => {
      north.write("row");
      const late = new Promise<null>((resolve) => site.clock.after(100, () => resolve(null)));
      await Promise.race([transaction.enlist("south"), late]);
    }, { timeout: 5000, retry: 2 });
    await assertRejects(() => site.clock.run(transacting), TypeError, "is being enlisted");
    assertEquals([site.clock.elapsed(), site.north.sessions], [100, 0]);
    gate.resolve();
    await site.clock.settle();
  },
);

Deno.test("Coordinator.transaction() rolls back where its context cannot be entered", async () => {
  const site = new Site();
  const context = {
    run: () => {
      throw new Error("no store");
    },
    getStore: () => undefined,
  };
  const coordinator = await site.open({ context });
  const transacting = coordinator.transaction(["north"], () => {});
  await assertRejects(() => site.clock.run(transacting), Error, "no store");
  await site.clock.run(coordinator.close());
  assertEquals(site.clock.elapsed(), 0);
  site.assertQuiet();
});

coordinatorTest(
  "Coordinator.transaction() does not call a success what a failed enlist() has rolled back",
  async (site, coordinator) => {
    site.south.script.next("acquire", fails(new Error("too many clients")));
    const swallowed: unknown[] = [];
    const transacting = coordinator.transaction(["north"], async ({ north }, transaction) => {
      north.write("row");
      await transaction.enlist("south").catch((error) => swallowed.push(error));
      return "done";
    });
    const error = await assertRejects(() => site.clock.run(transacting), TransactionAbortedError);
    assertEquals([error === swallowed[0], error.participant, site.rows], [true, "south", NOTHING]);
  },
);

coordinatorTest(
  "Coordinator.transaction() begins again after an enlist() that failed and was swallowed",
  async (site, coordinator) => {
    site.south.script.next("acquire", fails(new Error("too many clients")));
    const transacting = coordinator.transaction(["north"], async ({ north }, transaction) => {
      north.write("row");
      await transaction.enlist("south").then((south) => south.write("row"), () => {});
    }, { retry: 1 });
    await site.clock.run(transacting);
    assertEquals(site.rows, [["row"], ["row"], []]);
  },
);

coordinatorTest(
  "Transaction.rollback() leaves as it is what its commit has rolled back",
  async (site, coordinator) => {
    const conflict = new Error("conflict");
    site.south.script.next("prepare", refuses(conflict, true));
    const transaction = await site.clock.run(coordinator.begin(["north", "south"]));
    transaction.clients.north.write("row");
    transaction.clients.south.write("row");
    const both = (async () => {
      try {
        await transaction.commit();
      } catch (error) {
        await transaction.rollback();
        throw error;
      }
    })();
    const error = await assertRejects(() => site.clock.run(both), TransactionAbortedError);
    assertEquals([error.retryable, error.cause], [true, conflict]);
  },
);

coordinatorTest(
  "Transaction.rollback() waits for the roll-back of its commit",
  async (site, coordinator) => {
    const gate = Promise.withResolvers<void>();
    site.north.script.next("rollbackPrepared", waitsFor(gate.promise));
    site.south.script.next("prepare", refuses(new Error("conflict")));
    const transaction = await site.clock.run(coordinator.begin(["north", "south"]));
    transaction.clients.north.write("row");
    transaction.clients.south.write("row");
    const committing = assertRejects(() => transaction.commit(), TransactionAbortedError);
    await site.clock.settle();
    assertEquals(transaction.state, "aborting");
    let over = false;
    const rollingBack = transaction.rollback().then(() => over = true);
    await site.clock.settle();
    assertEquals(over, false);
    gate.resolve();
    await site.clock.run(Promise.all([committing, rollingBack]));
    assertEquals(transaction.state, "aborted");
  },
);
