/**
 * The coordinator's own statements through mysql2: what it checks, lists, settles and asks. Those that belong
 * together have a connection of the pool to themselves, which goes back only if every statement was
 * answered. One that does not answer in time is ended: a limit that only stops waiting would leave a connection
 * that has gone silent in its place, until the pool has no other.
 *
 * @module
 */

import { type Clock, systemClock, within } from "../../platform/clock.ts";
import { errorNumberOf } from "./answers.ts";
import type { MysqlConnection, MysqlPool } from "./mysql2_session.ts";
import { runOn } from "./mysql2_statements.ts";
import type { MysqlResult, StatementRunner } from "./session.ts";

/** Milliseconds for each statement, and for a connection. More than the coordinator waits by default, 30 s. */
export const ANSWER_MS = 60_000;

const LATE = Symbol("late");

/** Runs statements of the coordinator's own on connections of a pool. */
export class OwnStatements {
  readonly #pool: MysqlPool<MysqlConnection>;
  readonly #clock: Clock;

  /**
   * Takes connections from a pool.
   *
   * @param pool The pool.
   * @param clock Limits the waiting.
   */
  constructor(pool: MysqlPool<MysqlConnection>, clock: Clock = systemClock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  /**
   * Runs statements that belong together, on one connection.
   *
   * @param work Runs them.
   * @returns What it gives. If it throws, the connection is ended.
   * @throws {Error} If no connection was had in time.
   * @throws What the pool and the work throw.
   */
  async use<Result>(work: (runner: StatementRunner) => Promise<Result>): Promise<Result> {
    const connection = await this.#connect();
    const session = new OwnSession(connection, this.#clock);
    let sound = false;
    try {
      const result = await work(session);
      sound = session.sound;
      return result;
    } finally {
      if (sound) connection.release();
      else connection.destroy();
    }
  }

  async #connect(): Promise<MysqlConnection> {
    const connecting = this.#pool.getConnection();
    const connection = await within(this.#clock, connecting, ANSWER_MS, LATE);
    if (connection !== LATE) return connection;
    connecting.then((late) => late.release(), () => {});
    throw new Error(
      `Cannot take a connection: the pool gave none within ${ANSWER_MS} ms, allow it more`,
    );
  }
}

/** One connection, in one use. */
class OwnSession implements StatementRunner {
  readonly #connection: MysqlConnection;
  readonly #clock: Clock;

  /**
   * False once a statement has failed without an answer of the server's own, was not answered in time, or has shown
   * that the session has no autocommit: what it leaves would not be committed.
   */
  sound = true;

  constructor(connection: MysqlConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  async run(text: string): Promise<MysqlResult> {
    try {
      const answer = runOn(this.#connection, text);
      const result = await within(this.#clock, answer, ANSWER_MS, LATE);
      if (result !== LATE) {
        if (result.autocommit === false) this.sound = false;
        return result;
      }
    } catch (error) {
      if (errorNumberOf(error) === null) this.sound = false;
      throw error;
    }
    this.sound = false;
    throw new Error(`Cannot run a statement: the server did not answer within ${ANSWER_MS} ms`);
  }
}
