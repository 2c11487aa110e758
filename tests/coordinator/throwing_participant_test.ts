/**
 * Guarantees that a participant which throws where it should reject, or where it may not fail at all, does
 * not leave a transaction hanging: whatever happened before the decision is rolled back, what was decided is
 * committed, and every session is given back.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { TransactionAbortedError } from "../../src/coordinator/errors.ts";
import type { Branch } from "../../src/coordinator/participant.ts";
import { fails } from "./support/faults.ts";
import type { FakeBranch, FakeClient } from "./support/fake_branch.ts";
import { Site } from "./support/site.ts";

const OWN = new TypeError("the adapter's own");

function fail(): never {
  throw OWN;
}

/** A site whose south has sessions of which one method throws. */
function siteWith(method: keyof Branch<FakeClient>): Site {
  const site = new Site();
  const { south } = site.participants;
  const acquire = south.acquire.bind(south);
  south.acquire = async () => {
    const branch = await acquire();
    const original: unknown = branch[method];
    Object.defineProperty(branch, method, {
      value: (...parameters: unknown[]) => {
        if (method === "release") Reflect.apply(original as () => void, branch, parameters);
        fail();
      },
    });
    return branch;
  };
  return site;
}

async function assertSettled(site: Site, id: string | null): Promise<void> {
  await site.clock.pass(120_000);
  const rows = id === null ? [] : [id];
  assertEquals([site.rows, site.prepared], [[rows, rows, []], []]);
}

for (const method of ["begin", "examine", "prepare"] as const) {
  Deno.test(`Coordinator.transaction() aborts if a participant's ${method} throws`, async () => {
    const site = siteWith(method);
    const coordinator = await site.open();
    const { cause } = await assertRejects(
      () => site.commit(coordinator, "north", "south"),
      TransactionAbortedError,
    );
    const found = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    assertEquals(found, OWN);
    await assertSettled(site, null);
    const before = site.clock.elapsed();
    await site.clock.run(coordinator.close());
    assertEquals(site.clock.elapsed(), before);
    site.assertQuiet();
  });
}

for (const session of [null, undefined]) {
  Deno.test(`Coordinator.transaction() aborts if a participant gives ${session} for a session`, async () => {
    const site = new Site();
    const { south } = site.participants;
    const coordinator = await site.open();
    south.acquire = () => Promise.resolve(session as unknown as FakeBranch);
    const { participant } = await assertRejects(
      () => site.commit(coordinator, "north", "south"),
      TransactionAbortedError,
    );
    assertEquals(participant, "south");
    await assertSettled(site, null);
    await site.clock.run(coordinator.close());
  });
}

for (const method of ["commitPrepared", "release"] as const) {
  Deno.test(`Coordinator.transaction() commits though a participant's ${method} throws`, async () => {
    const site = siteWith(method);
    const coordinator = await site.open();
    const id = await site.commit(coordinator, "north", "south");
    await assertSettled(site, id);
    const before = site.clock.elapsed();
    await site.clock.run(coordinator.close());
    assertEquals(site.clock.elapsed(), before);
    site.assertQuiet();
  });
}

for (const method of ["rollbackPrepared", "rollback", "release"] as const) {
  Deno.test(`Coordinator.transaction() aborts though a participant's ${method} throws`, async () => {
    const site = siteWith(method);
    const coordinator = await site.open();
    const fault = method === "rollback" ? "examine" : "prepare";
    site.north.script.next(fault, fails(new Error("no")));
    await assertRejects(() => site.commit(coordinator, "north", "south"), TransactionAbortedError);
    await assertSettled(site, null);
    const before = site.clock.elapsed();
    await site.clock.run(coordinator.close());
    assertEquals(site.clock.elapsed(), before);
    site.assertQuiet();
  });
}

Deno.test("Coordinator.transaction() aborts if a participant's acquire throws", async () => {
  const site = new Site();
  site.participants.south.acquire = fail;
  const coordinator = await site.open();
  await assertRejects(() => site.commit(coordinator, "north", "south"), TransactionAbortedError);
  await site.clock.run(coordinator.close());
  site.assertQuiet();
});

Deno.test("Coordinator.transaction() does not hang if a participant's commit throws", async () => {
  const site = siteWith("commit");
  const coordinator = await site.open();
  await assertRejects(() => site.commit(coordinator, "south"), TransactionAbortedError);
  await assertSettled(site, null);
  const before = site.clock.elapsed();
  await site.clock.run(coordinator.close());
  assertEquals(site.clock.elapsed(), before);
  site.assertQuiet();
});

Deno.test("Coordinator.close() closes the log though a participant's detach throws", async () => {
  const site = new Site();
  const coordinator = await site.open();
  site.participants.north.detach = fail;
  await site.clock.run(coordinator.close());
  assertEquals([site.disk.openFiles, site.participants.south.detached], [[], 1]);
});
