/**
 * A clock that a test moves, and that lets everything run that is ready before time goes on. With
 * it a test waits for what a coordinator does, however many timers and turns of the event loop that
 * takes, and nothing depends on how fast the machine is.
 *
 * @module
 */

import type { Timer } from "../../../src/platform/clock.ts";
import { ManualClock } from "../../simulation/manual_clock.ts";

const MAX_STEPS = 100_000;

/** A manual clock that finds its own next step. */
export class SteppedClock extends ManualClock {
  readonly #due = new Set<{ readonly at: number }>();

  override after<Argument>(
    milliseconds: number,
    callback: (argument: Argument) => void,
    argument?: Argument,
  ): Timer {
    const due = { at: this.elapsed() + Math.max(0, milliseconds) };
    this.#due.add(due);
    const timer = super.after(milliseconds, () => {
      this.#due.delete(due);
      callback(argument as Argument);
    });
    return {
      cancel: () => {
        this.#due.delete(due);
        timer.cancel();
      },
    };
  }

  /** Lets time pass, and everything run that becomes ready on the way. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.elapsed() + milliseconds;
    await this.settle();
    for (let next = this.#next(); next <= end; next = this.#next()) await this.#moveTo(next);
    await this.#moveTo(end);
  }

  /** Lets time pass, from timer to timer, until a promise has settled; gives what it gave. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = () => void (settled = true);
    promise.then(mark, mark);
    await this.settle();
    for (let step = 0; !settled; step++) {
      const next = this.#next();
      if (next === Infinity || step === MAX_STEPS) {
        throw new Error(
          `Cannot wait any longer at ${this.elapsed()} ms: nothing settles this promise`,
        );
      }
      await this.#moveTo(next);
    }
    return await promise;
  }

  #next(): number {
    let first = Infinity;
    for (const { at } of this.#due) first = Math.min(first, at);
    return first;
  }

  async #moveTo(time: number): Promise<void> {
    this.advance(time - this.elapsed());
    await this.settle();
  }
}
