/**
 * When a batch is taken: how long those who wait already wait for company, which then shares their sync.
 *
 * One turn of the event loop, as a rule: callers that were woken together by the last sync come again in it, and
 * a batch that is taken at once would get only the first of them. Where as many waited each time of late, a caller
 * alone or a few, the wait ends as soon as as many wait again, and only what is appended without any wait in
 * between comes besides. Nobody ever waits for a timer.
 *
 * A record for which nobody waits goes with the next for which somebody does: a write of its own would cost as much
 * processor time as that one, and just when the next transaction begins. If none comes it goes alone, a little later.
 *
 * @module
 */

import type { Clock, Timer } from "../platform/clock.ts";

/** After so many batches for which as many waited the next is taken as soon as as many wait again. */
const STEADY_BATCHES = 8;

/** More than that are worth a turn: it is next to nothing beside what they do in between. */
const SMALL_COMPANY = 32;

/** After so many batches without a turn there is one: others must have theirs, and company is noticed. */
const BATCHES_WITHOUT_TURN = 16;

/**
 * Milliseconds after which a record goes for which nobody waits; at most twice that. A lone caller whose databases
 * take no time notices a timer that wakes the thread every 10 ms by 3 %.
 */
const RIDE_MS = 50;

/** Waited for in place of a turn: only what is appended without a wait comes before it. */
const NO_TURN = Promise.resolve();

/** Those who wait for the next sync. */
export class Company {
  readonly #clock: Clock;
  /** Ends the wait, if there is one. */
  #end: (() => void) | null = null;
  /** Whether a turn of the event loop was asked for that has not come. */
  #turnAsked = false;
  /** Ends a wait in which nobody has come for whom there would be a turn. */
  #ride: Timer | null = null;
  #closed = false;
  /** How many waited for the last batch for which somebody did. */
  #usual = 0;
  /** How many batches in a row it was as many. */
  #steady = 0;
  /** How many batches in a row were taken without a turn of the event loop before. */
  #hurried = 0;

  /**
   * Begins with nobody.
   *
   * @param clock Gives turns.
   */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether it is waited for. */
  get isAwaited(): boolean {
    return this.#end !== null;
  }

  /**
   * Waits for it.
   *
   * @param waiting How many wait for a sync already. If nobody does, it is not urgent.
   * @returns Resolves when the batch is to be taken.
   */
  wait(waiting: number): Promise<void> {
    if (this.#closed) return NO_TURN;
    if (this.#isComplete(waiting)) {
      this.#hurried++;
      return NO_TURN;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#end = resolve;
    // Before anybody has waited, nobody is known to come: an opening has its Ends written soon.
    if (waiting > 0 || this.#usual === 0) this.#askTurn();
    else if (this.#ride === null) this.#limitRide(resolve);
    return promise;
  }

  /**
   * Hears that one more waits, which ends the wait if no more are to be expected.
   *
   * @param waiting How many wait for a sync now.
   * @returns Whether it did.
   */
  join(waiting: number): boolean {
    if (!this.#isComplete(waiting)) {
      this.#askTurn();
      return false;
    }
    this.#hurried++;
    this.end();
    return true;
  }

  /** Ends the wait, if there is one. */
  end(): void {
    this.#end?.();
    this.#end = null;
  }

  /**
   * Takes note of a batch.
   *
   * @param waiting How many waited for it.
   */
  note(waiting: number): void {
    if (waiting === 0) return;
    this.#steady = waiting === this.#usual ? this.#steady + 1 : 1;
    this.#usual = waiting;
  }

  /** No more come: ends the wait, if there is one, and all that are begun from now on. */
  close(): void {
    this.#closed = true;
    this.#ride?.cancel();
    this.#ride = null;
    this.end();
  }

  #askTurn(): void {
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    this.#clock.soon(() => {
      this.#turnAsked = false;
      this.#hurried = 0;
      this.end();
    });
  }

  /** Sets the timer for a wait. If that has ended long since, it is set again for the present one, if there is one. */
  #limitRide(end: () => void): void {
    this.#ride = this.#clock.after(RIDE_MS, () => {
      this.#ride = null;
      if (this.#end === end) this.end();
      else if (this.#end !== null) this.#limitRide(this.#end);
    });
  }

  #isComplete(waiting: number): boolean {
    return this.#steady >= STEADY_BATCHES && this.#hurried < BATCHES_WITHOUT_TURN &&
      this.#usual <= SMALL_COMPANY && waiting >= this.#usual;
  }
}
