/**
 * The clock as one process has it: when the process ends, none of its timers runs any more.
 *
 * @module
 */

import type { Clock, Timer } from "../../../src/platform/clock.ts";

/** A view of a clock that can end. */
export class ProcessClock implements Clock {
  readonly #clock: Clock;
  readonly #timers = new Set<Timer>();
  #ended = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many timers of this process are set. */
  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#clock.now();
  }

  elapsed(): number {
    return this.#clock.elapsed();
  }

  after<Argument>(
    milliseconds: number,
    callback: (argument: Argument) => void,
    argument?: Argument,
  ): Timer {
    if (this.#ended) return { cancel: () => {} };
    const timer = this.#clock.after(milliseconds, () => {
      this.#timers.delete(timer);
      callback(argument as Argument);
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }

  soon(callback: () => void): void {
    this.#clock.soon(() => {
      if (!this.#ended) callback();
    });
  }

  /** Ends: no callback of this process runs from now on. */
  end(): void {
    this.#ended = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}
