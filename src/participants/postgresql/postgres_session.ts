/**
 * A reserved connection of postgres.js as a session.
 *
 * After a loss of the connection the pool gives the same object a new one, on which a later statement
 * would run outside of the transaction. postgres.js's own `begin` hears of a loss through the query option
 * `onexecute`, which hands out the connection, and the connection's `onclose`; so does this. A driver
 * that does not call `onexecute` is refused when a branch begins.
 *
 * @module
 */

import { BranchLostError } from "../../coordinator/errors.ts";
import { type Clock, systemClock, type Timer } from "../../platform/clock.ts";
import { ANSWER_MS } from "./answer_limit.ts";
import { sqlStateOf } from "./answers.ts";
import type { PoolConnection, PostgresConnections } from "./postgres_connections.ts";
import { QueryGuard } from "./postgres_guard.ts";
import { asResults, type ReservedPostgresSql, toStatementResult } from "./postgres_statements.ts";
import type { PostgresqlSession, StatementResult } from "./session.ts";

/** A reserved connection, for one branch. */
export class PostgresJsSession<Reserved extends ReservedPostgresSql>
  implements PostgresqlSession<Reserved> {
  readonly #reserved: Reserved;
  readonly #guard: QueryGuard<Reserved>;
  readonly #connections: PostgresConnections;
  readonly #clock: Clock;
  #connection: PoolConnection | null = null;
  #lost = false;
  #terminated = false;
  /** False once a statement has failed without an answer of PostgreSQL's own. */
  #sound = true;
  #underWay = 0;
  #cancelling = false;
  #released = false;
  /** Whether the connection may be given back, once it was released. */
  #usable = true;
  /** Ends the waiting for what is under way after the release. */
  #limit: Timer | null = null;

  /** BEGIN is the branch's to send. */
  readonly begun = false;

  /**
   * Takes over a connection.
   *
   * @param reserved The connection.
   * @param connections Hear of its use.
   * @param clock Limits the waiting once it is released.
   */
  constructor(
    reserved: Reserved,
    connections: PostgresConnections,
    clock: Clock = systemClock,
  ) {
    this.#reserved = reserved;
    this.#connections = connections;
    this.#clock = clock;
    this.#guard = new QueryGuard(reserved, connections);
  }

  get client(): Reserved {
    return this.#guard.client;
  }

  get wrote(): boolean {
    return this.#guard.wrote;
  }

  async run(statements: string): Promise<StatementResult[]> {
    // Once released it may be somebody else's.
    if (this.#lost || this.#released) throw new BranchLostError();
    this.#underWay++;
    try {
      // The first goes at once: until then nobody would notice that the connection is lost.
      if (this.#connection !== null && this.#connections.steady !== null) {
        await this.#connections.steady;
        if (this.#lost) throw new BranchLostError();
      }
      const options = this.#connection === null ? { onexecute: this.#hold } : {};
      const results = asResults(await this.#reserved.unsafe(statements, [], options).raw());
      if (this.#connection === null) {
        throw new TypeError(
          "Cannot watch the connection: this postgres.js does not call onexecute, use postgres@3",
        );
      }
      this.#connections.answer(this.#connection);
      return results.map(toStatementResult);
    } catch (error) {
      if (sqlStateOf(error) === null) this.#sound = false;
      this.#connections.fail(error);
      throw error;
    } finally {
      this.#underWay--;
      if (this.#released && this.#underWay === 0) {
        this.#limit?.cancel();
        this.#giveBack();
      }
    }
  }

  closeClient(): void {
    this.#guard.close();
  }

  async cancel(): Promise<void> {
    this.#cancelling = true;
    await this.#guard.cancel();
    this.#cancelling = false;
  }

  release(clean: boolean): void {
    if (this.#released) return;
    this.#released = true;
    // A request to cancel that has not arrived would stop whatever the session does then.
    this.#usable = clean && this.#sound && !this.#cancelling;
    // What is under way on a connection that is to be ended fails because of that; the first statement may
    // not have reached one yet.
    if (this.#underWay === 0 || !this.#usable) return this.#giveBack();
    this.#limit = this.#clock.after(ANSWER_MS, () => {
      this.#usable = false;
      this.#giveBack();
    });
  }

  readonly #hold = (connection: PoolConnection): boolean => {
    this.#connection = connection;
    this.#connections.use(connection);
    connection.onclose = () => {
      this.#lost = true;
      this.#guard.lose(new BranchLostError());
    };
    return true;
  };

  #giveBack(): void {
    // A lost connection is the pool's again already; giving it back would hand it out while it is closed.
    // So is one that is being ended, as soon as it has closed: until then it refuses what it is given.
    if (this.#lost || this.#terminated) return;
    if (!this.#usable && this.#connection !== null) {
      this.#terminated = true;
      return this.#connection.terminate();
    }
    if (this.#underWay > 0) return;
    if (this.#connection !== null) this.#connection.onclose = null;
    this.#reserved.release();
  }
}
