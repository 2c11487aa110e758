/**
 * The databases of the torture on a PostgreSQL and a MariaDB server, which keeps proofs of outcomes.
 *
 * @module
 */

import { Coordinator, type CoordinatorEvent } from "../../../mod.ts";
import { mysql } from "../../../src/participants/mysql/mysql.ts";
import { postgres } from "../../../src/participants/postgresql/postgres.ts";
import type { PostgresCluster } from "../cluster.ts";
import { connect, preparedGids, type TestSql } from "../databases.ts";
import { brand } from "../brand.ts";
import { connectPool, firstColumn, type TestPool } from "../mariadb_databases.ts";
import { createBilling, type Mixed, OUTCOMES } from "../mariadb_mixed.ts";
import type { MariadbServer } from "../mariadb_server.ts";
import { MysqlWire } from "../proxy/mysql_wire.ts";
import { Proxy } from "../proxy/proxy.ts";
import type { Contents } from "./account.ts";
import type { Settler, TortureDatabases, TortureServer } from "./databases.ts";
import { contentsOfPostgresql, makePostgresql } from "./postgresql_databases.ts";
import { COUNTERS } from "./worker.ts";

/** Makes databases and tables on the two servers. */
export async function mixedDatabases(
  { orders, billing }: { readonly orders: PostgresCluster; readonly billing: MariadbServer },
): Promise<TortureDatabases> {
  await makePostgresql(orders, "orders");
  await makeMariadb(billing);
  const directory = await Deno.makeTempDir({ prefix: "indoubt_torture_" });
  const sql = connect(orders.url("orders"), "torture", { max: 4, backoff: () => 0.05 });
  const pool = connectPool(billing, "billing");
  const proxies = {
    orders: Proxy.start(() => orders.port),
    billing: Proxy.start(() => billing.port, () => new MysqlWire()),
  };
  return {
    directory,
    servers: { orders, billing: restartable(billing) },
    proxies,
    addresses: {
      orders: proxies.orders.through(orders.url("orders")),
      billing: { ...billing.options("billing"), port: proxies.billing.port },
    },
    open: () => openPast(directory, sql, pool),
    prepared: async () => [...await preparedGids(sql), ...await brand.preparedXids(pool)],
    contents: (name) => name === "orders" ? contentsOfPostgresql(sql) : contentsOfMariadb(pool),
    [Symbol.asyncDispose]: async () => {
      for (const proxy of Object.values(proxies)) await proxy[Symbol.asyncDispose]();
      await sql[Symbol.asyncDispose]();
      await pool[Symbol.asyncDispose]();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

async function makeMariadb(server: MariadbServer): Promise<void> {
  const counters = Array.from({ length: COUNTERS }, (_, id) => `(${id}, 0)`).join(", ");
  await createBilling(
    server,
    "CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL) ENGINE = InnoDB",
    `INSERT INTO counter VALUES ${counters}`,
    "CREATE TABLE event (id varchar(40) PRIMARY KEY) ENGINE = InnoDB",
  );
}

async function openPast(directory: string, sql: TestSql, pool: TestPool): Promise<Settler> {
  const events: CoordinatorEvent[] = [];
  const coordinator = await Coordinator.open<Mixed>({
    directory,
    participants: { orders: postgres(sql), billing: mysql(pool, { outcomeTable: OUTCOMES }) },
    onEvent: (event) => events.push(event),
    settleTimeout: 2000,
    sweepInterval: 100,
  });
  return {
    coordinator,
    events,
    [Symbol.asyncDispose]: () => coordinator[Symbol.asyncDispose](),
  };
}

async function contentsOfMariadb(pool: TestPool): Promise<Contents> {
  const rows = await firstColumn(pool, "SELECT id FROM event");
  const [counted] = await firstColumn(pool, "SELECT SUM(value) FROM counter");
  return { rows, counted: Number(counted) };
}

/** MariaDB knows two ways to end: in order, or not. */
function restartable(server: MariadbServer): TortureServer {
  return {
    kill: () => server.kill(),
    start: () => server.start(),
    async restart(mode) {
      await (mode === "immediate" ? server.kill() : server.stop());
      await server.start();
    },
  };
}
