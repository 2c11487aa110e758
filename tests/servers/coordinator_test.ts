/**
 * Whole coordinators over two databases of one PostgreSQL server: every way in which a transaction
 * can end while all are well, and what a coordinator refuses to begin with.
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  Coordinator,
  HeuristicOutcomeError,
  ParticipantConfigurationError,
  ParticipantIdentityError,
  PROTOCOL_POINTS,
  TransactionAbortedError,
} from "../../mod.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import { PostgresCluster } from "./cluster.ts";
import {
  connectAdmin,
  createDatabases,
  sessions,
  soon,
  until,
  usableConnections,
} from "./databases.ts";
import { TwoDatabases, writeBoth } from "./two_databases.ts";

let cluster: PostgresCluster;

Deno.test.beforeAll(async () => {
  cluster = await PostgresCluster.start({ settings: { fsync: "off" } });
  await createDatabases(cluster, "orders", "billing");
  for (const database of ["orders", "billing"]) {
    await using admin = connectAdmin(cluster, database);
    await admin.unsafe("CREATE TABLE once (id text UNIQUE DEFERRABLE INITIALLY DEFERRED)");
  }
});

Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

const connectBoth = (max?: number) =>
  TwoDatabases.connect({ orders: cluster, billing: cluster }, max);

Deno.test("Coordinator.transaction() commits in both databases", async () => {
  await using both = await connectBoth();
  await using opened = await both.open();
  const result = await opened.coordinator.transaction(
    ["orders", "billing"],
    async ({ orders, billing }, { id }) => {
      await orders`INSERT INTO entry VALUES (${id}, 1)`;
      await billing`INSERT INTO entry VALUES (${id}, 1)`;
      return id;
    },
  );
  assertEquals(opened.points, PROTOCOL_POINTS);
  assertEquals(opened.coordinator.unsettled, 0);
  await both.assertBoth(result);
});

Deno.test("Coordinator.transaction() gives the function's own error back", async () => {
  await using both = await connectBoth();
  await using opened = await both.open();
  const own = new RangeError("not enough in stock");
  const error = await assertRejects(() =>
    opened.coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
      await orders`INSERT INTO entry VALUES ('x', 1)`;
      await billing`INSERT INTO entry VALUES ('x', 1)`;
      throw own;
    })
  );
  assertStrictEquals(error, own);
  assertEquals(opened.points, []);
  await both.assertBoth();
});

Deno.test("Coordinator.transaction() rolls back both when one refuses PREPARE", async () => {
  await using both = await connectBoth();
  await using opened = await both.open();
  const error = await assertRejects(
    () =>
      opened.coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
        await orders`INSERT INTO entry VALUES ('x', 1)`;
        await billing`INSERT INTO once VALUES ('same'), ('same')`;
      }),
    TransactionAbortedError,
  );
  assertEquals([error.participant, error.retryable], ["billing", false]);
  await both.assertBoth();
});

Deno.test("Coordinator.transaction() does not commit what failed and was swallowed", async () => {
  await using both = await connectBoth();
  await using opened = await both.open();
  const error = await assertRejects(
    () =>
      opened.coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
        await orders`INSERT INTO entry VALUES ('x', 1)`;
        await billing`SELECT 1 / 0`.catch(() => {});
      }),
    TransactionAbortedError,
  );
  assertEquals(error.participant, "billing");
  await both.assertBoth();
});

Deno.test("Coordinator.transaction() commits in one phase where one is written", async () => {
  await using both = await connectBoth();
  await using opened = await both.open();
  const { coordinator } = opened;
  await coordinator.transaction(
    ["orders"],
    ({ orders }) => orders`INSERT INTO entry VALUES ('a', 1)`,
  );
  await coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
    await billing`INSERT INTO entry SELECT 'b', ${(await orders`SELECT 1 AS one`)[0]?.one}`;
  });
  assertEquals(opened.points, []);
  assertEquals(await both.entries("orders"), ["a"]);
  assertEquals(await both.entries("billing"), ["b"]);
});

Deno.test("Coordinator.transaction() only commits where nothing was written", async () => {
  await using both = await connectBoth();
  await using opened = await both.open();
  const read = await opened.coordinator.transaction(
    ["orders", "billing"],
    async ({ orders, billing }) => [
      ...await orders`SELECT 1 AS one`,
      ...await billing`SELECT 2 AS two`,
    ],
    { isolationLevel: "serializable" },
  );
  assertEquals(read.map((row) => ({ ...row })), [{ one: 1 }, { two: 2 }]);
  assertEquals(opened.points, []);
  await both.assertBoth();
});

Deno.test("Coordinator.begin() rolls back what is not committed by hand", async () => {
  await using both = await connectBoth();
  await using opened = await both.open();
  {
    await using transaction = await opened.coordinator.begin(["orders", "billing"]);
    await transaction.clients.orders`INSERT INTO entry VALUES ('gone', 1)`;
  }
  await using transaction = await opened.coordinator.begin(["orders", "billing"]);
  await transaction.clients.orders`INSERT INTO entry VALUES ('kept', 1)`;
  await transaction.clients.billing`INSERT INTO entry VALUES ('kept', 1)`;
  const { settled } = await transaction.commit();
  await settled;
  await both.assertBoth("kept");
});

Deno.test("Coordinator.transaction() runs many at once, and leaves both pools whole", async () => {
  await using both = await connectBoth();
  await using opened = await both.open();
  const ids = Array.from({ length: 40 }, (_, index) => `id ${String(index).padStart(2, "0")}`);
  await Promise.all(ids.map((id) => writeBoth(opened, id)));
  await both.assertBoth(...ids);
  assertEquals(await usableConnections(both.clients.orders, 4), 4);
  assertEquals(await usableConnections(both.clients.billing, 4), 4);
});

Deno.test("Coordinator.transaction() interrupts a waiting statement at its timeout", async () => {
  await using both = await connectBoth(1);
  await using opened = await both.open();
  await using locker = connectAdmin(cluster, "billing");
  await locker.unsafe("BEGIN; LOCK entry");
  const error = await assertRejects(
    () =>
      opened.coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
        await orders`INSERT INTO entry VALUES ('x', 1)`;
        await billing`INSERT INTO entry VALUES (${"x"}, 1)`;
      }, { timeout: 300 }),
    TransactionAbortedError,
  );
  assert(error.retryable);
  await until(
    "nobody waits",
    async () =>
      (await sessions(locker, "app billing")).every((wait) => wait?.startsWith("Lock/") !== true),
  );
  await locker.unsafe("ROLLBACK");
  await soon("the next transaction", writeBoth(opened, "next"));
  await both.assertBoth("next");
});

/** Statements with which an application takes the transaction out of the coordinator's hands. */
const BY_HAND = [
  "COMMIT",
  "ROLLBACK",
  "COMMIT; BEGIN; INSERT INTO entry VALUES ('by hand', 1)",
  "ROLLBACK; BEGIN",
  "RESET ALL",
];

for (const statements of BY_HAND) {
  Deno.test(`Coordinator.transaction() finds out about ${statements}`, async () => {
    await using both = await connectBoth(1);
    await using opened = await both.open();
    const error = await assertRejects(
      () =>
        opened.coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
          await billing`INSERT INTO entry VALUES ('x', 1)`;
          await orders.unsafe(statements).simple();
        }),
      HeuristicOutcomeError,
    );
    assertEquals(error.branches.map(({ participant }) => participant), ["orders"]);
    // The pool's one connection is in no transaction, neither the branch's nor the application's.
    const [row] = await both.clients.orders`SELECT pg_current_xact_id_if_assigned()::text AS xid`;
    assertEquals(row?.xid, null);
    await until("no session is in a transaction", async () => {
      const states = await both.clients.billing`
        SELECT FROM pg_stat_activity WHERE application_name = 'app orders' AND state LIKE 'idle in%'
      `;
      return states.length === 0;
    });
    await both.assertBoth();
    await writeBoth(opened, "next");
    await both.assertBoth("next");
  });
}

Deno.test("Coordinator.open() refuses another database under a known name", async () => {
  await using both = await connectBoth();
  await using first = await both.open();
  await writeBoth(first, "first");
  await first.coordinator.close();
  const swapped = {
    orders: postgres(both.clients.billing),
    billing: postgres(both.clients.orders),
  };
  const error = await assertRejects(
    () => both.open({ participants: swapped }),
    ParticipantIdentityError,
  );
  assert(error.expected !== error.found);
  // The refusal has changed nothing and holds nothing.
  await using again = await both.open();
  await writeBoth(again, "second");
  await both.assertBoth("first", "second");
});

Deno.test("Coordinator.open() refuses one database under two names", async () => {
  await using both = await connectBoth();
  const error = await assertRejects(
    () =>
      Coordinator.open({
        directory: both.directory,
        participants: {
          orders: postgres(both.clients.orders),
          copy: postgres(both.clients.orders),
        },
        onEvent: () => {},
      }),
    ParticipantConfigurationError,
  );
  assert(error.reason.includes("the same database as"), error.reason);
});
