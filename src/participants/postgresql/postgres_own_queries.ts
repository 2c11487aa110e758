/**
 * Hears of the queries of a client, and keeps those of the driver's own from ending the process.
 *
 * When a connection opens, postgres.js 3.4 asks for the array types (`fetch_types`, on unless told) and, if
 * told, which server this is (`target_session_attrs`). It looks at neither promise. So a connection that is
 * lost at that moment leaves a rejection that nobody can catch, for which Deno and Node end the process; and
 * servers that restart lose connections at just that moment. (porsager/postgres, issues 1192, 1205, 1223.)
 *
 * The only place where such a query can be met is the class of all queries of the driver, which a client's
 * query leads to. There its rejection is made to reach nobody; whatever waits for the connection hears of its
 * loss as before. It holds for all clients made with the same copy of the driver. Queries of the application
 * are told from the driver's own by having something to cancel them with.
 *
 * It is also the only place where it can be heard that a query is about to ask for a connection of the pool: a
 * client's queries are told from those of its reserved connections by who sends them.
 *
 * @module
 */

import type { UnsafeSql } from "./postgres_statements.ts";

interface OwnQuery extends PoolQuery {
  executed: boolean;
  active: boolean;
  canceller: unknown;
  readonly handler: object;
  reject(error: unknown): void;
}

interface QueryClass {
  /** Sends the query, once. */
  handle(this: OwnQuery): unknown;
}

/** A query for any connection of a pool. */
export interface PoolQuery {
  /** The connection's process in the server; `null` until it was given to a connection. */
  readonly state: unknown;
  /** Whether it will not be given to any. */
  readonly cancelled: unknown;
}

/** Hears of a query before a connection is looked for. */
export type OnPoolQuery = (query: PoolQuery) => void;

const silenced = new WeakSet<object>();

/** Who hears of queries, by what sends those of a client. */
const listening = new WeakMap<object, OnPoolQuery[]>();

/**
 * Sees to it that no query of the driver's own is rejected for want of a connection.
 *
 * @param sql Any client of the driver; nothing is sent.
 */
export function silenceOwnQueries(sql: UnsafeSql): void {
  const queries: Partial<QueryClass> | null = Object.getPrototypeOf(sql.unsafe(""));
  if (queries === null || silenced.has(queries)) return;
  const { handle } = queries;
  if (typeof handle !== "function") return;
  silenced.add(queries);
  queries.handle = function (this: OwnQuery): unknown {
    if (!this.executed) announce(this);
    return handle.call(this);
  };
}

function announce(query: OwnQuery): void {
  if (!query.canceller) {
    query.reject = () => {
      query.active = false;
    };
  }
  const listeners = listening.get(query.handler);
  if (listeners !== undefined) { for (const tell of listeners) tell(query); }
}

/**
 * Hears of every query of a client that is for any connection of its pool.
 *
 * @param sql The client, whose driver's queries are silenced; nothing is sent.
 * @param listener Is called before a connection is looked for.
 * @returns Whether such queries can be heard of.
 */
export function onPoolQuery(sql: UnsafeSql, listener: OnPoolQuery): boolean {
  const query = sql.unsafe("") as Partial<OwnQuery>;
  if (typeof query.handler !== "function" || !silenced.has(Object.getPrototypeOf(query))) {
    return false;
  }
  const listeners = listening.get(query.handler);
  if (listeners === undefined) listening.set(query.handler, [listener]);
  else listeners.push(listener);
  return true;
}
