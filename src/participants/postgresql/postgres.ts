/**
 * PostgreSQL through postgres.js (`npm:postgres`): `postgres(sql)` makes a client that the application has
 * made into a participant.
 *
 * A branch has a reserved connection of the client's pool to itself, from before BEGIN until COMMIT
 * PREPARED has been answered. If that connection is lost, the branch refuses every further statement: a
 * pool would run it on another connection, outside of any transaction.
 *
 * @module
 */

import type { Participant } from "../../coordinator/participant.ts";
import { postgresqlParticipant } from "./participant.ts";
import type { PostgresSql } from "./postgres_connections.ts";
import { PostgresPool } from "./postgres_pool.ts";
import { PostgresJsSession } from "./postgres_session.ts";
import type { ReservedPostgresSql } from "./postgres_statements.ts";

export type { PostgresSql } from "./postgres_connections.ts";
export type { PendingStatement, ReservedPostgresSql, UnsafeSql } from "./postgres_statements.ts";

/** A PostgreSQL database that takes part through postgres.js. */
export type PostgresParticipant<Reserved extends ReservedPostgresSql = ReservedPostgresSql> =
  Participant<Reserved>;

/** How a postgres.js client takes part. */
export interface PostgresOptions {
  /**
   * Whether the message that opens a connection carries a setting without meaning (`indoubt.padding`, 1 KiB).
   * Without it, postgres.js 3.4 can leave connections of the pool hanging for ever after the server was
   * restarted under load. PgBouncer refuses the setting unless it is in its `ignore_startup_parameters`.
   *
   * @default {true}
   */
  readonly startupPadding?: boolean;
}

/**
 * Makes a postgres.js client into a participant.
 *
 * The server needs `max_prepared_transactions` above 0. The client's pool should allow as many connections
 * as transactions run at once, and one more for settling. The client stays the application's: closing the
 * coordinator does not end it.
 *
 * @typeParam Reserved The driver's type for a reserved connection; inferred.
 * @param sql The client.
 * @param options Whether connections are opened with padding.
 * @returns The participant. In a transaction its client is the reserved connection's own `sql`; `release`
 * is refused on it.
 * @throws {TypeError} If that is no client of postgres.js, but its URL for instance.
 *
 * @example
 * ```ts
 * import postgresDriver from "postgres";
 * import { postgres } from "@indoubt/coordinator/postgres";
 *
 * // By default the driver waits up to 20 s before it connects again to a server that is back.
 * const sql = postgresDriver("postgres://app@localhost/orders", { max: 20, backoff: () => 0.2 });
 * const participants = { orders: postgres(sql) };
 * console.assert(participants.orders.kind === "postgresql");
 * await sql.end({ timeout: 5 });
 * ```
 */
export function postgres<Reserved extends ReservedPostgresSql>(
  sql: PostgresSql<Reserved>,
  { startupPadding = true }: PostgresOptions = {},
): PostgresParticipant<Reserved> {
  assertClient(sql);
  const pool = new PostgresPool(sql, startupPadding);
  return postgresqlParticipant({
    runner: pool,
    takeSession: async () => new PostgresJsSession(await pool.reserve(), pool.connections),
    detach() {},
  });
}

/** From JavaScript anything may come. */
function assertClient(sql: unknown): void {
  const { reserve, unsafe } = Object(sql) as Partial<PostgresSql<ReservedPostgresSql>>;
  if (typeof reserve === "function" && typeof unsafe === "function") return;
  throw new TypeError(
    "Cannot use what is no client of postgres.js: give what the driver's own postgres(url) returns",
  );
}
