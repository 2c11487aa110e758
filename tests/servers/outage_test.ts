/**
 * Coordinators over two PostgreSQL servers of which one goes away: the other goes on working, what
 * was decided is committed when it is back, what was not is rolled back, and nothing is lost or
 * left over.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { ParticipantUnavailableError, TransactionAbortedError } from "../../mod.ts";
import { bothClusters } from "./both_clusters.ts";
import { Child } from "./child.ts";
import { connectAdmin, preparedGids, soon, until, usableConnections } from "./databases.ts";
import { type Name, type Opened, TwoDatabases, writeBoth } from "./two_databases.ts";

const clusters = bothClusters();

function hasEvent({ events }: Opened, type: string, participant: string): boolean {
  return events.some((event) =>
    event.type === type && "participant" in event && event.participant === participant
  );
}

async function untilSettled({ coordinator }: Opened): Promise<void> {
  await until("every branch is settled", () => coordinator.unsettled === 0, 40_000);
}

Deno.test("Coordinator.transaction() commits over two servers", async () => {
  await using both = await TwoDatabases.connect(clusters);
  await using opened = await both.open();
  await writeBoth(opened, "x");
  await both.assertBoth("x");
});

const OUTAGES: readonly (readonly Name[])[] = [["billing"], ["orders", "billing"]];

for (const point of ["all-prepared", "decided"] as const) {
  for (const names of OUTAGES) {
    const who = names.join(" and ");
    Deno.test(`Coordinator.transaction() settles with ${who} killed at ${point}`, async () => {
      await using both = await TwoDatabases.connect(clusters);
      let killing: Promise<unknown> | undefined;
      await using opened = await both.open({
        // Its first part runs at once: no process of the servers does anything after this line.
        onProtocolPoint: (reached) => {
          if (reached !== point) return;
          killing ??= Promise.all(names.map((name) => clusters[name].kill()));
        },
        settleTimeout: 500,
      });
      await writeBoth(opened, "x");
      await killing;
      assertEquals(opened.coordinator.unsettled, names.length);
      if (names.length === 1) assertEquals(await both.entries("orders"), ["x"]);
      await Promise.all(names.map((name) => clusters[name].start()));
      await untilSettled(opened);
      await both.assertBoth("x");
      for (const name of names) assertEquals(await usableConnections(both.clients[name], 4), 4);
    });

    Deno.test(`Coordinator.open() settles after SIGKILL at ${point}, then of ${who}`, async () => {
      await using both = await TwoDatabases.connect(clusters);
      const { directory } = both;
      const urls = {
        orders: clusters.orders.url("orders"),
        billing: clusters.billing.url("billing"),
      };
      await using child = new Child({ directory, ...urls, ids: ["x"], killAt: point });
      const transaction = await child.heard("transaction");
      assertEquals(await child.ended(), "SIGKILL");
      await Promise.all(names.map((name) => clusters[name].kill()));

      await using opened = await both.open();
      // Nothing is known of what a database holds that does not answer, except by a decision.
      const decided = point === "decided";
      const known = decided ? [transaction] : [];
      assertEquals(opened.coordinator.recovery.pending, known);
      await Promise.all(names.map((name) => clusters[name].start()));
      await until(
        "all are ready",
        () => names.every((name) => hasEvent(opened, "participant-ready", name)),
        40_000,
      );
      await untilSettled(opened);
      await until("nothing is prepared", async () => (await both.branches()).length === 0);
      await both.assertBoth(...decided ? ["x"] : []);
      await writeBoth(opened, "y");
      await both.assertBoth(...decided ? ["x", "y"] : ["y"]);
    });
  }
}

Deno.test("Coordinator.transaction() aborts while a server is not there", async () => {
  await using both = await TwoDatabases.connect(clusters);
  await using opened = await both.open();
  await writeBoth(opened, "before");
  await clusters.billing.kill();
  const tries = await Promise.allSettled(
    Array.from({ length: 8 }, (_, index) => writeBoth(opened, `during ${index}`)),
  );
  for (const one of tries) {
    assert(one.status === "rejected" && one.reason instanceof TransactionAbortedError, one.status);
    assertEquals([one.reason.participant, one.reason.retryable], ["billing", true]);
  }
  assertEquals(await both.entries("orders"), ["before"]);
  await clusters.billing.start();
  assertEquals(await usableConnections(both.clients.billing, 4), 4);
  assertEquals(await usableConnections(both.clients.orders, 4), 4);
  // If it was looked at meanwhile, it is refused until it is looked at again.
  const writesBoth = () => writeBoth(opened, "next").then(() => true, () => false);
  await until("a transaction commits again", writesBoth);
  await both.assertBoth("before", "next");
});

Deno.test("Coordinator.open() works with what is there, settles when all is back", async () => {
  await using both = await TwoDatabases.connect(clusters);
  let killing: Promise<void> | undefined;
  const first = await both.open({
    onProtocolPoint: (reached) => {
      if (reached === "decided") killing ??= clusters.billing.kill();
    },
  });
  const { id } = first.coordinator;
  await writeBoth(first, "decided");
  await killing;
  await first.coordinator.close();
  await clusters.billing.start();
  {
    // A branch of the first coordinator that nothing was decided about, and one of somebody else.
    await using admin = connectAdmin(clusters.billing, "billing");
    for (const gid of [`indoubt_${id}_1000000000777_1`, "indoubt_somebody_1000000000777_1"]) {
      await admin.unsafe(`BEGIN; INSERT INTO entry VALUES ('x', 1); PREPARE TRANSACTION '${gid}'`);
    }
  }
  await clusters.billing.kill();

  await using opened = await both.open();
  assertEquals(opened.coordinator.id, id);
  assertEquals(opened.coordinator.recovery.pending.length, 1);
  assert(hasEvent(opened, "participant-unavailable", "billing"));
  const others = await opened.coordinator.transaction(
    ["orders"],
    async ({ orders }) => await orders`SELECT id FROM entry`,
  );
  assertEquals(others.map((row) => row.id), ["decided"]);
  const refused = await assertRejects(() => writeBoth(opened, "refused"), TransactionAbortedError);
  assert(refused.retryable && refused.cause instanceof ParticipantUnavailableError);

  await clusters.billing.start();
  await until("billing is ready", () => hasEvent(opened, "participant-ready", "billing"), 40_000);
  await untilSettled(opened);
  // The sweep comes after what was known to be unsettled.
  await until(
    "billing is swept",
    async () => (await preparedGids(both.clients.billing)).length < 2,
  );
  assertEquals(await preparedGids(both.clients.billing), ["indoubt_somebody_1000000000777_1"]);
  await both.clients.billing`ROLLBACK PREPARED 'indoubt_somebody_1000000000777_1'`.simple();
  await both.assertBoth("decided");
  await writeBoth(opened, "next");
  await both.assertBoth("decided", "next");
});

Deno.test("Coordinator.open() with requireAll refuses, and holds nothing", async () => {
  await using both = await TwoDatabases.connect(clusters);
  await clusters.billing.kill();
  const error = await assertRejects(
    () => both.open({ requireAll: true }),
    ParticipantUnavailableError,
  );
  assertEquals(error.participant, "billing");
  await clusters.billing.start();
  await using opened = await both.open({ requireAll: true });
  await writeBoth(opened, "x");
  await both.assertBoth("x");
});

/** Write entries from many sides at once until stopped; note what is reported committed. */
class Workers {
  /** Entries that a transaction was reported committed for. */
  readonly reported: string[] = [];
  readonly #running: Promise<unknown>;
  #stopped = false;

  /** Starts more of them than a pool has connections: sessions are asked for all the time. */
  constructor(opened: Opened) {
    this.#running = Promise.all(Array.from({ length: 8 }, (_, one) => this.#work(opened, one)));
  }

  /** Waits until some more transactions have gone through. */
  async progress(when: string): Promise<void> {
    const aim = this.reported.length + 20;
    await until(`transactions go through ${when}`, () => this.reported.length >= aim, 40_000);
  }

  /** Stops them all. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await soon("the workers end", this.#running, 40_000);
  }

  async #work(opened: Opened, worker: number): Promise<void> {
    for (let round = 0; !this.#stopped; round++) {
      const id = `${worker} ${round}`;
      const committed = await writeBoth(opened, id).then(() => true, () => false);
      if (committed) this.reported.push(id);
      else await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

Deno.test("Coordinator.transaction() keeps both alike when a server dies at work", async () => {
  await using both = await TwoDatabases.connect(clusters);
  await using opened = await both.open({ settleTimeout: 500, timeout: 5_000 });
  const workers = new Workers(opened);
  try {
    for (const name of ["billing", "orders"] as const) {
      await workers.progress(`before ${name} dies`);
      await clusters[name].kill();
      await clusters[name].start();
    }
    await workers.progress("after all that");
  } finally {
    await workers.stop();
  }
  await untilSettled(opened);
  const entries = await both.entries("orders");
  await both.assertBoth(...entries);
  assertEquals(workers.reported.filter((id) => !entries.includes(id)), []);
  assertEquals(await usableConnections(both.clients.orders, 4), 4);
  assertEquals(await usableConnections(both.clients.billing, 4), 4);
});
