/**
 * A clock that stands still until the test moves it. Callbacks run in an order that depends on
 * nothing but the calls: timers by their time and then by their age, `soon` in the order of asking,
 * and neither before the test lets them.
 */

import type { Clock, Timer } from "../../src/platform/clock.ts";

interface PendingTimer {
  readonly due: number;
  readonly callback: () => void;
}

/** Time in the hands of a test. */
export class ManualClock implements Clock {
  #now: number;
  #elapsed = 0;
  #timers: PendingTimer[] = [];
  #soon: (() => void)[] = [];

  /** Starts at that wall time, in milliseconds since 1970. */
  constructor(now: number = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  /** How many callbacks of `soon` wait. */
  get waitingSoon(): number {
    return this.#soon.length;
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.length;
  }

  now(): number {
    return this.#now;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  after<Argument>(
    milliseconds: number,
    callback: (argument: Argument) => void,
    argument?: Argument,
  ): Timer {
    const due = this.#elapsed + Math.max(0, milliseconds);
    const timer = { due, callback: () => callback(argument as Argument) };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  soon(callback: () => void): void {
    this.#soon.push(callback);
  }

  /** Sets the wall clock forward or back, as an operator or a time server does. No timer cares. */
  jump(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Lets time pass and runs the timers that fall due, each at its own time. */
  advance(milliseconds: number): void {
    const end = this.#elapsed + milliseconds;
    for (;;) {
      const next = this.#earliest();
      if (next === undefined || next.due > end) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#pass(next.due);
      next.callback();
    }
    this.#pass(end);
  }

  /** Runs what waits for `soon` now; what that asks for in turn has to wait. Answers how many ran. */
  runSoon(): number {
    const ready = this.#soon;
    this.#soon = [];
    for (const callback of ready) callback();
    return ready.length;
  }

  /** Runs everything that can run without time passing, also what follows from it. */
  async settle(): Promise<void> {
    do await emptyMicrotasks(); while (this.runSoon() > 0);
  }

  /**
   * Waits for a promise and runs what is ready meanwhile.
   *
   * @throws {Error} If nothing is ready and the promise still waits: for a timer, or for ever.
   */
  async finish<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    await this.settle();
    if (!settled) throw new Error("Cannot finish: the promise waits, and nothing is ready to run");
    return await promise;
  }

  #earliest(): PendingTimer | undefined {
    // `sort` keeps the order of timers that are due together.
    return this.#timers.toSorted((one, other) => one.due - other.due)[0];
  }

  #pass(elapsed: number): void {
    this.#now += elapsed - this.#elapsed;
    this.#elapsed = elapsed;
  }
}

/** A turn of the machine's own event loop: it comes when no promise reaction is left to run. */
export function emptyMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
