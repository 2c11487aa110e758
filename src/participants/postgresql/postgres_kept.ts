/**
 * Keeps connections for the next branches for a moment, instead of giving each back to the pool and reserving
 * another.
 *
 * The driver makes a whole client for each reservation, and hands out the connection that was idle for longest,
 * whose process in the server is cold. Both cost more than all else that the adapter does in a transaction.
 *
 * What is kept is used by nobody else, so it is given back as soon as anybody asks for it who can be noticed;
 * and, whoever asks, after {@linkcode KEEP_MS} to twice that without use and after {@linkcode MOST_BRANCHES}
 * branches.
 *
 * @module
 */

import type { Clock, Timer } from "../../platform/clock.ts";
import type { HeldConnection } from "./postgres_held.ts";
import type { ReservedPostgresSql } from "./postgres_statements.ts";

/** Milliseconds after which what was not used is given back. */
export const KEEP_MS = 100;

/** How many branches a connection serves before it is given back at the latest. */
export const MOST_BRANCHES = 32;

/** Connections that are reserved and used by no branch. */
export class KeptConnections<Reserved extends ReservedPostgresSql> {
  readonly #clock: Clock;
  /** What was kept last is used first. */
  readonly #kept: HeldConnection<Reserved>[] = [];
  /** How many of them, from the bottom, were not used since the timer was set. */
  #unused = 0;
  #timer: Timer | null = null;
  #stopped = false;

  /**
   * Keeps none.
   *
   * @param clock Limits the keeping.
   */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Takes the one that was kept last.
   *
   * @returns The connection, or `null` if there is none.
   */
  take(): HeldConnection<Reserved> | null {
    this.#stopped = false;
    for (;;) {
      const held = this.#kept.pop();
      if (held === undefined) return null;
      this.#unused = Math.min(this.#unused, this.#kept.length);
      if (!held.isLost) return held;
    }
  }

  /**
   * Keeps a connection.
   *
   * @param held The connection, in no transaction.
   * @returns Whether it is kept; otherwise it must be given back.
   */
  keep(held: HeldConnection<Reserved>): boolean {
    if (this.#stopped || !held.isWatched || ++held.branches >= MOST_BRANCHES) return false;
    this.#kept.push(held);
    if (this.#timer === null) this.#begin();
    return true;
  }

  /** Gives all of them back. */
  release(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#unused = 0;
    for (const held of this.#kept.splice(0)) held.release();
  }

  /** Gives all of them back, and keeps none until one is asked for again. */
  stop(): void {
    this.#stopped = true;
    this.release();
  }

  #begin(): void {
    this.#unused = this.#kept.length;
    this.#timer = this.#clock.after(KEEP_MS, () => this.#releaseUnused());
    this.#timer.keepAlive?.(false);
  }

  #releaseUnused(): void {
    this.#timer = null;
    for (const held of this.#kept.splice(0, this.#unused)) held.release();
    if (this.#kept.length > 0) this.#begin();
  }
}
