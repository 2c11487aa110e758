/**
 * Lets only so many transactions run at once: the others wait for their turn, first come, first served, as
 * long as their time allows. How many may wait is bounded too.
 *
 * @module
 */

import type { Deadline } from "./deadline.ts";
import { CoordinatorClosedError } from "./errors.ts";

/** For each that may run, so many may wait. */
const WAITING_FOR_EACH = 100;

/** Too many are waiting already. */
export class OverloadError extends Error {
  /** Always `"OverloadError"`. */
  override readonly name = "OverloadError";

  /**
   * Says how many.
   *
   * @param waiting How many wait.
   */
  constructor(waiting: number) {
    super(`${waiting} transactions are waiting for their turn already`);
  }
}

/** Admits transactions. */
export class Admission {
  readonly #limit: number;
  readonly #waiting: PromiseWithResolvers<void>[] = [];
  #running = 0;
  #closed = false;

  /**
   * Begins with none running.
   *
   * @param limit How many may run at once.
   */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many run. */
  get running(): number {
    return this.#running;
  }

  /**
   * Waits for the transaction's turn; {@linkcode leave} must be called when it has ended.
   *
   * @param deadline The end of its time.
   * @returns Resolves when it may run; `null` at once if it need not wait.
   * @throws {OverloadError} If too many wait already.
   * @throws {DeadlineError} If its time is up first.
   * @throws {CoordinatorClosedError} If it is turned away.
   */
  enter(deadline: Deadline): Promise<void> | null {
    if (this.#running < this.#limit && this.#waiting.length === 0) {
      this.#running++;
      return null;
    }
    if (this.#waiting.length >= this.#limit * WAITING_FOR_EACH) {
      throw new OverloadError(this.#waiting.length);
    }
    return this.#wait(deadline);
  }

  /** One has ended: the next that waits may run. */
  leave(): void {
    const next = this.#waiting.shift();
    // The place goes from one to the other, so that nobody can come in between.
    if (next !== undefined) next.resolve();
    else this.#running--;
  }

  /** Turns away all that wait. */
  close(): void {
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(new CoordinatorClosedError());
  }

  async #wait(deadline: Deadline): Promise<void> {
    const turn = Promise.withResolvers<void>();
    this.#waiting.push(turn);
    try {
      await deadline.race(turn.promise);
    } catch (error) {
      const at = this.#waiting.indexOf(turn);
      if (at >= 0) this.#waiting.splice(at, 1);
      // Its turn came in the same moment as the end of its time.
      else if (!this.#closed) this.leave();
      throw error;
    }
    // Its turn came in the same moment as the end of all turns.
    if (this.#closed) throw new CoordinatorClosedError();
  }
}
