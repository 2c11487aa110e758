/**
 * What PostgreSQL carries out at COMMIT and not before, beside the rows of its own tables: writing to foreign
 * tables, and telling listeners. A branch that has done no more than that has no transaction id, and is a
 * writer all the same: it never commits before another one that may still refuse.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { TransactionAbortedError } from "../../mod.ts";
import { sqlStateOf } from "../../src/participants/postgresql/answers.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import { PostgresCluster } from "./cluster.ts";
import { connect, connectAdmin, createDatabases, soon, until } from "./databases.ts";
import { first } from "./proxy/rules.ts";
import { Proxy } from "./proxy/proxy.ts";
import { type Opened, TwoDatabases } from "./two_databases.ts";

let cluster: PostgresCluster;

Deno.test.beforeAll(async () => {
  cluster = await PostgresCluster.start({ settings: { fsync: "off" } });
  await createDatabases(cluster, "orders", "billing", "far");
  await using orders = connectAdmin(cluster, "orders");
  await orders.unsafe(`
    CREATE EXTENSION postgres_fdw;
    CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw
      OPTIONS (host '127.0.0.1', port '${cluster.port}', dbname 'far');
    CREATE USER MAPPING FOR postgres SERVER far
      OPTIONS (user 'postgres', password_required 'false');
    CREATE FOREIGN TABLE far_entry (id text, value int) SERVER far OPTIONS (table_name 'entry');
  `);
  await using billing = connectAdmin(cluster, "billing");
  await billing.unsafe(`
    CREATE TABLE once (id int UNIQUE DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO once VALUES (1);
    CREATE FUNCTION write() RETURNS void LANGUAGE sql AS 'INSERT INTO once VALUES (2)';
    CREATE FUNCTION write_twice() RETURNS void LANGUAGE sql AS 'INSERT INTO once VALUES (1)';
  `);
});

Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

const connectBoth = () => TwoDatabases.connect({ orders: cluster, billing: cluster });

/** What the far database holds. */
async function farEntries(): Promise<unknown[]> {
  await using far = connectAdmin(cluster, "far");
  return (await far`SELECT id FROM entry`).map(({ id }) => id);
}

/** What "orders" does in its branch that is carried out at COMMIT only. */
const WRITES = {
  "a write to a foreign table": "INSERT INTO far_entry VALUES ('x', 1)",
  NOTIFY: "NOTIFY orders, 'x'",
};

/** Runs a transaction of which "orders" does this and "billing" writes where no command tag shows it. */
function transact({ coordinator }: Opened, statement: string, write: string): Promise<unknown> {
  return coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
    await orders.unsafe(statement);
    await billing.unsafe(`SELECT ${write}()`);
  });
}

for (const [name, statement] of Object.entries(WRITES)) {
  for (const write of ["write_twice", "write"]) {
    Deno.test(`${name} does not come before another writer, ${write}()`, async () => {
      await using both = await connectBoth();
      await using opened = await both.open();
      await using listening = connect(cluster.url("orders"), "listening", { max: 1 });
      const heard: string[] = [];
      const { unlisten } = await listening.listen("orders", (text) => heard.push(text));
      const error = await assertRejects(
        () => transact(opened, statement, write),
        TransactionAbortedError,
      );
      const states = ["0A000", ...write === "write_twice" ? ["23505"] : []];
      assert(states.includes(sqlStateOf(error.cause) ?? ""), String(error.cause));
      assertEquals(opened.coordinator.unsettled, 0);
      assertEquals(await farEntries(), []);
      // What was told before comes before what is told now.
      await both.clients.orders`SELECT pg_notify('orders', 'the end')`;
      await until("the end is heard", () => heard.includes("the end"));
      assertEquals(heard, ["the end"]);
      await unlisten();
      await both.assertBoth();
    });
  }

  Deno.test(`${name} alone commits, and can be asked about when the answer is lost`, async () => {
    await using far = connectAdmin(cluster, "far");
    await far`TRUNCATE entry`;
    await using both = await connectBoth();
    await using proxy = Proxy.start(() => cluster.port);
    const url = proxy.through(cluster.url("orders"));
    await using sql = connect(url, "proxied", { max: 2, backoff: () => 0.02 });
    const participants = { orders: postgres(sql), billing: postgres(both.clients.billing) };
    await using opened = await both.open({ participants });
    const write = () =>
      opened.coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
        await billing`SELECT id FROM entry`;
        await orders.unsafe(statement);
      });
    await write();
    proxy.rule = first(/^COMMIT$/, "cut after");
    await soon("the database is asked", write());
    assertEquals(opened.coordinator.unsettled, 0);
    assertEquals(await farEntries(), name === "NOTIFY" ? [] : ["x", "x"]);
    await far`TRUNCATE entry`;
  });
}

Deno.test("a branch that has only read foreign tables is a reader", async () => {
  await using both = await connectBoth();
  await using opened = await both.open();
  await opened.coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
    assertEquals((await orders`SELECT id FROM far_entry`).length, 0);
    await billing`INSERT INTO entry VALUES ('y', 1)`;
  });
  assertEquals(await both.entries("billing"), ["y"]);
});
