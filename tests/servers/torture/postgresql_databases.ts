/**
 * The databases of the torture on two PostgreSQL servers.
 *
 * @module
 */

import type { PostgresCluster } from "../cluster.ts";
import { connectAdmin, createDatabases, type TestSql } from "../databases.ts";
import { ProxiedDatabases } from "../proxied_databases.ts";
import type { Name } from "../two_databases.ts";
import type { Contents } from "./account.ts";
import type { TortureDatabases } from "./databases.ts";
import { COUNTERS } from "./worker.ts";

/** Makes databases and tables on two servers. */
export async function postgresqlDatabases(
  clusters: Readonly<Record<Name, PostgresCluster>>,
): Promise<TortureDatabases> {
  for (const name of ["orders", "billing"] as const) await makePostgresql(clusters[name], name);
  const proxied = await ProxiedDatabases.connect(clusters);
  const { both, proxies } = proxied;
  return {
    directory: both.directory,
    servers: clusters,
    proxies,
    addresses: { orders: proxied.url("orders"), billing: proxied.url("billing") },
    open: () => both.open({ sweepInterval: 100 }),
    prepared: () => both.branches(),
    contents: (name) => contentsOfPostgresql(both.clients[name]),
    [Symbol.asyncDispose]: () => proxied[Symbol.asyncDispose](),
  };
}

/** Makes a database with the tables on a server. */
export async function makePostgresql(cluster: PostgresCluster, name: Name): Promise<void> {
  await createDatabases(cluster, name);
  await using admin = connectAdmin(cluster, name);
  await admin.unsafe(`
    CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL);
    INSERT INTO counter SELECT id, 0 FROM generate_series(0, ${COUNTERS - 1}) AS id;
    CREATE TABLE event (id text PRIMARY KEY);
  `);
}

/** What a database holds. */
export async function contentsOfPostgresql(sql: TestSql): Promise<Contents> {
  const rows = await sql`SELECT id FROM event`;
  const [sum] = await sql`SELECT sum(value)::int AS counted FROM counter`;
  return { rows: rows.map(({ id }) => id as string), counted: sum?.counted as number };
}
