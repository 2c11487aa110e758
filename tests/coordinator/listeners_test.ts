/**
 * Guarantees that a listener of the application's which fails does no harm: the caller hears the outcome,
 * what is in doubt is settled, and the failure goes to the console.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { lostBefore, refuses } from "./support/faults.ts";
import { type OpenOptions, Site } from "./support/site.ts";

function fail(): never {
  throw new Error("the listener's own");
}

function failLater(): Promise<void> {
  return Promise.reject(new Error("the listener's own"));
}

/** Runs something with the console's errors noted; gives them. */
async function errorsOnConsole(body: () => Promise<void>): Promise<unknown[][]> {
  const errors: unknown[][] = [];
  const { error } = console;
  console.error = (...words: unknown[]) => void errors.push(words);
  try {
    await body();
  } finally {
    console.error = error;
  }
  return errors;
}

const LISTENERS: Record<string, OpenOptions> = {
  "at once": { onEvent: fail, onInDoubt: fail, onProtocolPoint: fail },
  "later": { onEvent: failLater, onInDoubt: failLater, onProtocolPoint: fail },
};

for (const [when, listeners] of Object.entries(LISTENERS)) {
  Deno.test(`Coordinator.transaction() commits and settles though every listener fails ${when}`, async () => {
    const site = new Site();
    const errors = await errorsOnConsole(async () => {
      const coordinator = await site.open({ settleTimeout: 10, ...listeners });
      for (let index = 0; index < 3; index++) site.south.script.next("commitPrepared", lostBefore);
      const id = await site.commit(coordinator, "north", "south");
      assertEquals(coordinator.status(id), "committed");
      await site.clock.pass(60_000);
      assertEquals([site.rows, coordinator.inDoubt()], [[[id], [id], []], []]);
      await site.clock.run(coordinator.close());
      site.assertQuiet();
    });
    const names = new Set(errors.map(([message]) => message));
    assertEquals(
      names,
      new Set(["onEvent", "onProtocolPoint", "onInDoubt"].map((name) => `indoubt: ${name} failed`)),
    );
  });

  Deno.test(`Coordinator.transaction() rolls back though every listener fails ${when}`, async () => {
    const site = new Site();
    await errorsOnConsole(async () => {
      const coordinator = await site.open(listeners);
      site.north.script.next("prepare", refuses(new Error("no")));
      site.south.script.next("rollbackPrepared", lostBefore);
      await assertRejects(
        () => site.commit(coordinator, "north", "south"),
        TransactionAbortedError,
      );
      await site.clock.pass(60_000);
      assertEquals([site.prepared, coordinator.inDoubt()], [[], []]);
      await site.clock.run(coordinator.close());
      site.assertQuiet();
    });
  });
}

Deno.test("Coordinator.open() opens, and sweeps again what could not be swept, though every listener fails", async () => {
  const site = new Site();
  const errors = await errorsOnConsole(async () => {
    site.north.prepareByHand("indoubt_other_7_0", "row");
    site.south.script.next("listPrepared", lostBefore);
    const coordinator = await site.open(LISTENERS["at once"]);
    await site.clock.pass(1000);
    assertEquals(site.trace.count("south listPrepared"), 2);
    const id = await site.commit(coordinator, "north", "south");
    assertEquals(site.rows, [[id], [id], []]);
    await site.clock.run(coordinator.close());
  });
  assertEquals(
    errors.filter(([message]) => message === "indoubt: onEvent failed").length >= 5,
    true,
  );
});
