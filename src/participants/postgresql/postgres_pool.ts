/**
 * Takes connections out of a postgres.js pool for branches.
 *
 * A connection of postgres.js 3.4 that was lost to an error of the server's keeps that error, and whatever
 * connects it next is rejected with it. If that is `reserve`, the connection is then given to the rejected
 * promise and is gone for ever. So while a connection is lost, `reserve` must never be what connects: a plain
 * statement goes before it, which may fail harmlessly, and `reserve` takes the connection that it has freed
 * in the same turn. That needs one taker at a time, and costs one round trip. A connection that answers shows
 * that it is whole again; when all of them are, `reserve` is used alone.
 *
 * And a connection that dies in the turn in which a statement was given to it never sends anything shorter
 * than 1 KiB again, not even the message with which it would reconnect: the pool's slot hangs for ever. So
 * that message is made longer, by a setting that has no meaning. (Both are open issues of the driver.)
 *
 * @module
 */

import { sqlStateOf } from "./answers.ts";
import { type ReservedPostgresSql, runOn, type UnsafeSql } from "./postgres_statements.ts";

/** What is used of a postgres.js client: the result of calling its default export. */
export interface PostgresSql<Reserved extends ReservedPostgresSql> extends UnsafeSql {
  /** Takes a connection out of the pool. */
  reserve(): Promise<Reserved>;
}

interface PoolOptions {
  max?: unknown;
  fetch_types?: unknown;
  connection?: Record<string, unknown>;
  onclose?: (id: number) => void;
}

/** The driver writes a message of this length at once, whatever state it believes to be in. */
const PADDING = "x".repeat(1024);

/** More connections than this are not tried in a row. */
const MAX_TRIES = 100;

/** Reserves connections of one pool. */
export class PostgresPool<Reserved extends ReservedPostgresSql> {
  readonly #sql: PostgresSql<Reserved>;
  /** Connections that were closed and have not answered since. */
  readonly #closed = new Set<number>();
  #careful = true;
  #last: Promise<unknown> = Promise.resolve();
  #tries = 10;

  /**
   * Watches a pool for losses.
   *
   * @param sql The client.
   * @param padded Whether the message that opens a connection is made longer.
   */
  constructor(sql: PostgresSql<Reserved>, padded: boolean) {
    this.#sql = sql;
    const options = (sql as { options?: PoolOptions }).options;
    // A client that cannot be watched is always treated as one that has lost a connection.
    if (typeof options !== "object") return;
    // Without fetching types, a `reserve` that connects is never answered at all.
    this.#careful = options.fetch_types === false;
    if (typeof options.max === "number") this.#tries = Math.min(options.max, MAX_TRIES);
    if (padded) options.connection = { ...options.connection, "indoubt.padding": PADDING };
    const { onclose } = options;
    options.onclose = (id) => {
      this.#closed.add(id);
      onclose?.(id);
    };
  }

  /**
   * Takes a connection.
   *
   * @returns The connection, reserved.
   * @throws The driver's error if none can be had.
   */
  reserve(): Promise<Reserved> {
    if (!this.#careful && this.#closed.size === 0) return this.#sql.reserve();
    const reserving = this.#last.then(() => this.#reserveCarefully());
    this.#last = reserving.catch(() => {});
    return reserving;
  }

  /** Hears that a connection has answered: whatever there was before, it is whole. */
  readonly answered = (connection: number): void => {
    this.#closed.delete(connection);
  };

  async #reserveCarefully(): Promise<Reserved> {
    for (let left = this.#tries;; left--) {
      let answering: number | undefined;
      const onexecute = ({ id }: { id: number }) => {
        answering = id;
        return true;
      };
      try {
        await runOn(this.#sql, "SELECT 1", { onexecute });
        if (answering !== undefined) this.answered(answering);
        return await this.#sql.reserve();
      } catch (error) {
        // Between its error and its end a dying connection takes statements and never answers them.
        await new Promise((resolve) => setTimeout(resolve, 0));
        // Each lost connection fails once; a server that is down fails them all.
        if (left <= 0 || sqlStateOf(error) !== null) throw error;
      }
    }
  }
}
