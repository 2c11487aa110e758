/**
 * PostgreSQL through node-postgres (`npm:pg`): `nodePostgres(pool)` makes a pool that the application has
 * made into a participant.
 *
 * A branch has a client of the pool to itself, from before BEGIN until COMMIT PREPARED has been answered.
 * A client goes back to the pool only if it is known to be in no transaction, and is ended otherwise.
 *
 * @module
 */

import type { Participant } from "../../coordinator/participant.ts";
import { type NodePostgresPool, WatchedPool } from "./node_postgres_pool.ts";
import type { NodePostgresClient } from "./node_postgres_session.ts";
import { postgresqlParticipant } from "./participant.ts";

export type { NodePostgresPool } from "./node_postgres_pool.ts";
export type { NodePostgresClient } from "./node_postgres_session.ts";

/** The client type of a pool, whose `connect` is overloaded. */
export type ClientOfPool<Pool extends NodePostgresPool> = Pool extends {
  connect(): Promise<infer Client>;
  // deno-lint-ignore no-explicit-any -- only the other overload counts
  connect(callback: any): void;
} ? Client
  : Awaited<ReturnType<Pool["connect"]>>;

/** A PostgreSQL database that takes part through node-postgres. */
export type NodePostgresParticipant<Client = NodePostgresClient> = Participant<Client>;

/**
 * Makes a pool of node-postgres into a participant.
 *
 * The server needs `max_prepared_transactions` above 0. The pool should allow as many clients as
 * transactions run at once, and one more for settling. The pool stays the application's: closing the
 * coordinator does not end it. While a coordinator is open, errors of idle clients, which the pool
 * replaces by itself, do not end the process for want of a listener.
 *
 * @typeParam Pool The driver's type for the pool; inferred.
 * @param pool The pool.
 * @returns The participant. In a transaction its client is the pool's own; `release`, `end` and `connect`
 * are refused on it.
 * @throws {TypeError} If that is no pool of node-postgres, but a single client for instance.
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { nodePostgres } from "@indoubt/coordinator/node-postgres";
 *
 * const pool = new pg.Pool({ connectionString: "postgres://app@localhost/orders", max: 20 });
 * const participants = { orders: nodePostgres(pool) };
 * console.assert(participants.orders.kind === "postgresql");
 * await pool.end();
 * ```
 */
export function nodePostgres<Pool extends NodePostgresPool>(
  pool: Pool,
): NodePostgresParticipant<ClientOfPool<Pool>> {
  assertPool(pool);
  const watched = new WatchedPool<ClientOfPool<Pool>>(pool);
  return postgresqlParticipant({
    runner: watched,
    takeSession: () => watched.take(),
    attach: (gidPrefix) => watched.attach(gidPrefix),
    detach: () => watched.detach(),
  });
}

/** From JavaScript anything may come; and a single client has all methods that are used of a pool. */
function assertPool(pool: unknown): void {
  const { connect, on, removeListener, escapeIdentifier } = Object(pool) as
    & Partial<NodePostgresPool>
    & { readonly escapeIdentifier?: unknown };
  if (escapeIdentifier !== undefined) {
    throw new TypeError(
      "Cannot use a single client of node-postgres: each transaction needs its own, give a pg.Pool",
    );
  }
  const methods = [connect, on, removeListener];
  if (methods.every((method) => typeof method === "function")) return;
  throw new TypeError("Cannot use what is no pool of node-postgres: give a pg.Pool");
}
