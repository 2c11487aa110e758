/**
 * Drizzle in a branch: every query goes to the branch's own client, of node-postgres or of postgres.js, so
 * it is part of the transaction that the coordinator commits.
 *
 * @module
 */

import { drizzle as drizzleNodePostgres, type NodePgDatabase } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePostgresJs, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
// @ts-types="@types/pg"
import type pg from "pg";
import type postgres from "postgres";

/** Begins and ends nothing: that is the coordinator's. */
function refuseTransaction(): never {
  throw new TypeError("Cannot begin a transaction: the branch is one, use its queries as they are");
}

/**
 * Makes a Drizzle instance for one branch of node-postgres.
 *
 * @typeParam Schema The tables, as for any Drizzle instance.
 * @param client The branch's client.
 * @param schema The tables, for relational queries.
 * @returns The instance; it ends with the branch.
 */
export function drizzleOn<Schema extends Record<string, unknown>>(
  client: pg.PoolClient,
  schema?: Schema,
): NodePgDatabase<Schema> {
  const db = drizzleNodePostgres({ client, ...(schema === undefined ? {} : { schema }) });
  return Object.assign(db as NodePgDatabase<Schema>, { transaction: refuseTransaction });
}

/**
 * Makes a Drizzle instance for one branch of postgres.js.
 *
 * @typeParam Schema The tables, as for any Drizzle instance.
 * @param sql The client that the participant was made of. Drizzle sets its own parsers of dates in it, as it
 * does in every client.
 * @param reserved The branch's client.
 * @param schema The tables, for relational queries.
 * @returns The instance; it ends with the branch.
 */
export function drizzleOnPostgresJs<Schema extends Record<string, unknown>>(
  sql: postgres.Sql,
  reserved: postgres.ReservedSql,
  schema?: Schema,
): PostgresJsDatabase<Schema> {
  // A reserved connection has no options of its own, and Drizzle asks for them.
  const client = new Proxy(reserved, {
    get: (target, property) => property === "options" ? sql.options : Reflect.get(target, property),
  });
  const db = drizzlePostgresJs({
    client: client as unknown as postgres.Sql,
    ...(schema === undefined ? {} : { schema }),
  });
  return Object.assign(db as PostgresJsDatabase<Schema>, { transaction: refuseTransaction });
}
