/**
 * Keeps the driver's own queries from ending the process.
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
 * @module
 */

import type { UnsafeSql } from "./postgres_statements.ts";

interface OwnQuery {
  executed: boolean;
  active: boolean;
  canceller: unknown;
  reject(error: unknown): void;
}

interface QueryClass {
  /** Sends the query, once. */
  handle(this: OwnQuery): unknown;
}

const silenced = new WeakSet<object>();

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
    if (!this.executed && !this.canceller) {
      this.reject = () => {
        this.active = false;
      };
    }
    return handle.call(this);
  };
}
