/**
 * A connection of a postgres.js pool that is reserved, for one branch after the other.
 *
 * After a loss of the connection the pool gives the same object a new one, on which a later statement
 * would run outside of the transaction. postgres.js's own `begin` hears of a loss through the query option
 * `onexecute`, which hands out the connection, and the connection's `onclose`; so does this, with the first
 * statement. What is known of a connection ends with it: one that was lost is never used again.
 *
 * @module
 */

import type { PoolConnection, PostgresConnections } from "./postgres_connections.ts";
import type { ReservedPostgresSql } from "./postgres_statements.ts";

/** What the driver is told with every statement but the first. */
const NOTHING = {};

/** A reserved connection. */
export class HeldConnection<Reserved extends ReservedPostgresSql> {
  readonly #connections: PostgresConnections;
  #connection: PoolConnection | null = null;
  #lost = false;
  #terminated = false;
  #listener: (() => void) | null = null;

  /** The driver's client of it. */
  readonly sql: Reserved;
  /** How many branches it has served. */
  branches = 0;

  /**
   * Takes over a connection.
   *
   * @param sql What the driver has reserved.
   * @param connections Hear of its use.
   */
  constructor(sql: Reserved, connections: PostgresConnections) {
    this.sql = sql;
    this.#connections = connections;
  }

  /** Whether its loss would be noticed: from its first statement on. */
  get isWatched(): boolean {
    return this.#connection !== null;
  }

  /** Whether the connection is lost. */
  get isLost(): boolean {
    return this.#lost;
  }

  /** The driver's options for the next statement. */
  get options(): object {
    return this.#connection === null ? { onexecute: this.#hold } : NOTHING;
  }

  /** Calls back when the connection is lost; `null` for nobody. */
  set onLost(listener: (() => void) | null) {
    this.#listener = listener;
  }

  /** Hears that it has answered. */
  answer(): void {
    if (this.#connection === null) {
      throw new TypeError(
        "Cannot watch the connection: this postgres.js does not call onexecute, use postgres@3",
      );
    }
    this.#connections.answer(this.#connection);
  }

  /** Gives it back to the pool. */
  release(): void {
    // A lost connection is the pool's again already; giving it back would hand it out while it is closed.
    // So is one that is being ended, as soon as it has closed: until then it would refuse what it is given.
    if (this.#lost || this.#terminated) return;
    if (this.#connection !== null) this.#connection.onclose = null;
    this.sql.release();
  }

  /** Ends it. The pool has it again when it has closed. */
  terminate(): void {
    this.#terminated = true;
    this.#connection?.terminate();
  }

  readonly #hold = (connection: PoolConnection): boolean => {
    this.#connection = connection;
    this.#connections.use(connection);
    connection.onclose = () => {
      this.#lost = true;
      this.#listener?.();
    };
    return true;
  };
}
