/**
 * Takes connections out of a postgres.js pool for branches.
 *
 * A connection of postgres.js 3.4 that was lost to an error of the server's keeps that error, and whatever
 * connects it next is rejected with it. If that is `reserve`, the connection is then given to the rejected
 * promise and is gone for ever. So unless connections are known to be whole, `reserve` must not be what
 * connects: a plain statement, the probe, goes before it, which may fail harmlessly, and `reserve` takes the
 * connection that it has freed in the same turn. That needs one taker at a time, and costs one round trip. A
 * connection that answers shows that it is whole again; when all of them are, `reserve` is used alone.
 *
 * And a `reserve` that waits while a connection closes may be what connects it then, and is forgotten. So
 * whenever one closes, all that wait ask again; what they are given twice, they give back.
 *
 * A probe that is not answered holds up the next in line for a limited time; nobody is in line for longer
 * than {@linkcode RESERVE_MS}; and there are never more unanswered probes than connections.
 *
 * @module
 */

import { type Clock, systemClock, within } from "../../platform/clock.ts";
import { NoAnswerError } from "./answer_limit.ts";
import { sqlStateOf } from "./answers.ts";
import { PostgresConnections, type PostgresSql, runWatched } from "./postgres_connections.ts";
import { silenceOwnQueries } from "./postgres_own_queries.ts";
import type { ReservedPostgresSql } from "./postgres_statements.ts";
import type { StatementResult, StatementRunner } from "./session.ts";

/** Milliseconds after which the next in line begins, whatever has become of the one before. */
export const TURN_MS = 2_000;

/** Milliseconds after which nobody is in line any more. */
export const RESERVE_MS = 30_000;

const CLOSED = Symbol("a connection was closed meanwhile");
const LATE = Symbol("late");

/** Reserves connections of one pool, and runs statements on any of them. */
export class PostgresPool<Reserved extends ReservedPostgresSql> implements StatementRunner {
  readonly #sql: PostgresSql<Reserved>;
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();
  #probes = 0;

  /** Its connections. */
  readonly connections: PostgresConnections;

  /**
   * Watches a pool for losses.
   *
   * @param sql The client.
   * @param padded Whether the message that opens a connection is made longer.
   * @param clock Limits the waiting.
   */
  constructor(sql: PostgresSql<Reserved>, padded: boolean, clock: Clock = systemClock) {
    this.#sql = sql;
    this.#clock = clock;
    silenceOwnQueries(sql);
    this.connections = new PostgresConnections(sql, padded);
  }

  run(statements: string): Promise<StatementResult[]> {
    return runWatched(this.#sql, this.connections, this.#clock, statements);
  }

  /**
   * Takes a connection. If all are taken by others, it waits until one is given back.
   *
   * @returns The connection, reserved.
   * @throws The driver's error if none can be had.
   * @throws {Error} If connections were lost, and none was had in time.
   */
  async reserve(): Promise<Reserved> {
    if (this.connections.steady !== null) await this.connections.steady;
    const reserved = this.connections.whole ? await this.#take() : CLOSED;
    return reserved === CLOSED ? await this.#reserveInTurn() : reserved;
  }

  async #reserveInTurn(): Promise<Reserved> {
    const reserving = this.#last.then(() => this.#reserveCarefully());
    const turn = reserving.then(() => {}, () => {});
    this.#last = this.#last.then(() => within(this.#clock, turn, TURN_MS, undefined));
    const reserved = await within(this.#clock, reserving, RESERVE_MS, LATE);
    if (reserved !== LATE) return reserved;
    reserving.then((late) => late.release(), () => {});
    throw new Error(
      `Cannot take a connection: connections were lost, and none was had within ${RESERVE_MS} ms`,
    );
  }

  async #reserveCarefully(): Promise<Reserved> {
    for (let left = this.connections.max;; left--) {
      try {
        await this.#probe();
        const reserved = await this.#take();
        if (reserved !== CLOSED) return reserved;
        if (left <= 0) throw new Error("Cannot take a connection: one after another is lost");
      } catch (error) {
        // Each lost connection fails once; a server that is down fails them all.
        // And who was not answered has been in line for too long.
        if (left <= 0 || sqlStateOf(error) !== null || error instanceof NoAnswerError) throw error;
      }
    }
  }

  async #probe(): Promise<void> {
    if (this.#probes >= this.connections.max) {
      throw new Error(`Cannot take a connection: ${this.#probes} were asked and do not answer`);
    }
    this.#probes++;
    try {
      // Who asks for a session tries again by himself.
      await runWatched(this.#sql, this.connections, this.#clock, "SELECT 1", 0);
    } finally {
      this.#probes--;
    }
  }

  /** Reserves, unless a connection closes first. */
  #take(): Promise<Reserved | typeof CLOSED> {
    return new Promise((resolve, reject) => {
      const askAgain = () => resolve(CLOSED);
      this.connections.whenClosed(askAgain);
      this.#sql.reserve().then((reserved) => {
        if (this.connections.forget(askAgain)) resolve(reserved);
        else reserved.release();
      }, (error) => {
        this.connections.forget(askAgain);
        reject(error);
      });
    });
  }
}
