/**
 * A reserved connection of postgres.js as a session, for one branch. A driver that does not say which connection
 * it is cannot be watched, and is refused when the branch begins.
 *
 * @module
 */

import { BranchLostError } from "../../coordinator/errors.ts";
import { sqlStateOf } from "./answers.ts";
import { QueryGuard } from "./postgres_guard.ts";
import type { HeldConnection } from "./postgres_held.ts";
import type { PostgresPool } from "./postgres_pool.ts";
import { asResults, type ReservedPostgresSql, toStatementResult } from "./postgres_statements.ts";
import type { PostgresqlSession, StatementResult } from "./session.ts";

/** A reserved connection, for one branch. */
export class PostgresJsSession<Reserved extends ReservedPostgresSql>
  implements PostgresqlSession<Reserved> {
  readonly #held: HeldConnection<Reserved>;
  readonly #pool: PostgresPool<Reserved>;
  readonly #guard: QueryGuard<Reserved>;
  /** False once a statement has failed without an answer of PostgreSQL's own. */
  #sound = true;
  #underWay = 0;
  #released = false;
  /** Whether another branch may have the connection when it is given back. */
  #usable = false;

  /** BEGIN is the branch's to send. */
  readonly begun = false;

  /**
   * Takes over a connection.
   *
   * @param held The connection.
   * @param pool Takes it back.
   */
  constructor(held: HeldConnection<Reserved>, pool: PostgresPool<Reserved>) {
    this.#held = held;
    this.#pool = pool;
    const guard = new QueryGuard(held.sql, pool.connections);
    this.#guard = guard;
    held.onLost = () => guard.lose(new BranchLostError());
  }

  get client(): Reserved {
    return this.#guard.client;
  }

  get wrote(): boolean {
    return this.#guard.wrote;
  }

  async run(statements: string): Promise<StatementResult[]> {
    const held = this.#held;
    const { connections } = this.#pool;
    // What was given back may be another branch's by now.
    if (held.isLost || this.#released) throw new BranchLostError();
    this.#underWay++;
    try {
      // The first goes at once: until then nobody would notice that the connection is lost.
      if (held.isWatched && connections.steady !== null) {
        await connections.steady;
        if (held.isLost) throw new BranchLostError();
      }
      const results = asResults(await held.sql.unsafe(statements, [], held.options).raw());
      held.answer();
      return results.map(toStatementResult);
    } catch (error) {
      if (sqlStateOf(error) === null) this.#sound = false;
      connections.fail(error);
      throw error;
    } finally {
      this.#underWay--;
      if (this.#released && this.#underWay === 0) this.#giveBack();
    }
  }

  closeClient(): void {
    this.#guard.close();
  }

  cancel(): Promise<void> {
    this.#guard.cancel();
    return Promise.resolve();
  }

  release(clean: boolean): void {
    if (this.#released) return;
    this.#released = true;
    this.#usable = clean && this.#sound;
    if (!this.#usable && this.#held.isWatched && !this.#held.isLost) this.#held.terminate();
    else if (this.#underWay === 0) this.#giveBack();
  }

  #giveBack(): void {
    this.#held.onLost = null;
    if (this.#usable && this.#sound) this.#pool.giveBack(this.#held);
    else this.#held.release();
  }
}
