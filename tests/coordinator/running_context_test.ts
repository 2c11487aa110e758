/**
 * Guarantees in whose async context an application's function runs: always in that of who asked for the
 * transaction, however often it is begun again and whatever has ended the try before.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { assertEquals, assertRejects } from "@std/assert";
import { SqlError } from "./support/fake_database.ts";
import { Site } from "./support/site.ts";
import { coordinatorTest } from "./support/with_coordinator.ts";

coordinatorTest(
  "Coordinator.transaction() runs its function again where it was asked for, after a timeout and after an error",
  async (site, coordinator) => {
    const tenant = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const fn = ({ north }: Record<"north", { write(row: string): void }>) => {
      north.write("row");
      seen.push(tenant.getStore());
      if (seen.length % 3 === 1) return new Promise<void>(() => {});
      if (seen.length % 3 === 2) throw new SqlError("40001", "could not serialize access");
    };
    for (const name of ["one", "other"]) {
      const transacting = tenant.run(
        name,
        () => coordinator.transaction(["north"], fn, { timeout: 500, retry: 2 }),
      );
      await site.clock.run(transacting);
    }
    assertEquals(seen, ["one", "one", "one", "other", "other", "other"]);
  },
);

Deno.test("Coordinator sets the timers that transactions share in nobody's context", async () => {
  const site = new Site();
  const tenant = new AsyncLocalStorage<string>();
  const contexts: unknown[] = [];
  const { processClock } = site;
  const after = processClock.after.bind(processClock);
  processClock.after = (milliseconds, callback, argument) => {
    if (milliseconds === 777) contexts.push(tenant.getStore());
    return after(milliseconds, callback, argument);
  };
  const coordinator = await site.open();
  const transacting = tenant.run(
    "one",
    () => coordinator.transaction(["north"], () => new Promise(() => {}), { timeout: 777 }),
  );
  await assertRejects(() => site.clock.run(transacting));
  assertEquals(contexts, [undefined]);
  await site.clock.run(coordinator.close());
});
