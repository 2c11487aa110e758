/**
 * Lets only so many transactions run at once: the others wait for their turn, first come, first served, as
 * long as their time allows. How many may wait is bounded too.
 *
 * @module
 */

import type { Deadline, DeadlineError, DeadlineWaiter } from "./deadline.ts";
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

/**
 * A place in the row of those that wait, in a list from which it can be taken wherever it stands: where more
 * callers come than may run, every transaction waits once.
 */
class Turn implements DeadlineWaiter {
  readonly #admission: Admission;
  /** Its own promise, so that what is done in a turn is done in the async context of who waited for it. */
  readonly coming: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  readonly deadline: Deadline;
  before: Turn | null;
  behind: Turn | null = null;

  constructor(admission: Admission, deadline: Deadline, before: Turn | null) {
    this.#admission = admission;
    this.deadline = deadline;
    this.before = before;
  }

  timeUp(error: DeadlineError): void {
    this.#admission.giveUp(this, error.waitingFor(`its turn, ${this.#admission.limit} at a time`));
  }
}

/** Admits transactions. */
export class Admission {
  /** How many may run at once. */
  readonly limit: number;
  #first: Turn | null = null;
  #last: Turn | null = null;
  #waiting = 0;
  #running = 0;
  #closed = false;

  /**
   * Begins with none running.
   *
   * @param limit How many may run at once.
   */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** How many run. */
  get running(): number {
    return this.#running;
  }

  /**
   * Waits for the transaction's turn; {@linkcode leave} must be called when it has ended.
   *
   * @param deadline The end of its time.
   * @returns Resolves when it may run; `null` at once if it need not wait. Rejects with a {@linkcode DeadlineError}
   * if its time is up first, with a {@linkcode CoordinatorClosedError} if it is turned away. Whose turn has come asks
   * {@linkcode assertOpen} before anything is begun.
   * @throws {OverloadError} If too many wait already.
   */
  enter(deadline: Deadline): Promise<void> | null {
    if (this.#running < this.limit && this.#first === null) {
      this.#running++;
      return null;
    }
    if (this.#waiting >= this.limit * WAITING_FOR_EACH) throw new OverloadError(this.#waiting);
    const turn = new Turn(this, deadline, this.#last);
    if (this.#last === null) this.#first = turn;
    else this.#last.behind = turn;
    this.#last = turn;
    this.#waiting++;
    deadline.whenExpired(turn);
    return turn.coming.promise;
  }

  /** One has ended: the next that waits may run. */
  leave(): void {
    const next = this.#first;
    // The place goes from one to the other, so that nobody can come in between.
    if (next === null) this.#running--;
    else this.#take(next).resolve();
  }

  /** One does not wait any more. */
  giveUp(turn: Turn, error: unknown): void {
    this.#take(turn).reject(error);
  }

  /**
   * Says whether a turn that has come is one: all turns may have ended since.
   *
   * @throws {CoordinatorClosedError} If they have.
   */
  assertOpen(): void {
    if (this.#closed) throw new CoordinatorClosedError();
  }

  /** Turns away all that wait. */
  close(): void {
    this.#closed = true;
    while (this.#first !== null) this.giveUp(this.#first, new CoordinatorClosedError());
  }

  /** Takes one out of the row. */
  #take(turn: Turn): PromiseWithResolvers<void> {
    const { before, behind, coming, deadline } = turn;
    if (before === null) this.#first = behind;
    else before.behind = behind;
    if (behind === null) this.#last = before;
    else behind.before = before;
    // One that has grown old before it left would otherwise keep all that stood behind it, garbage or not.
    turn.before = null;
    turn.behind = null;
    this.#waiting--;
    deadline.forget(turn);
    return coming;
  }
}
