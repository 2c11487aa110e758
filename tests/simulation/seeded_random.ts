/**
 * Random numbers that a seed repeats (mulberry32). The same seed gives the same numbers on every
 * machine, so a run that draws from nothing else can be run again.
 */

import type { Randomness } from "../../src/platform/randomness.ts";

/** A stream of random numbers. */
export class SeededRandom implements Randomness {
  #state: number;

  /** Starts the stream of that seed. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Fills `bytes` with random bytes. */
  fill(bytes: Uint8Array<ArrayBuffer>): void {
    for (let index = 0; index < bytes.length; index++) bytes[index] = this.below(256);
  }

  /** A number from 0 (included) to 1 (excluded). */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  /** An integer from 0 (included) to `limit` (excluded). */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of the choices, of which there is at least one. */
  pick<T>(choices: readonly T[]): T {
    const index = this.below(choices.length);
    if (index >= choices.length) throw new RangeError("Cannot pick: there is no choice");
    return choices[index] as T;
  }

  /** The same things in another order, each order as likely as the others. */
  shuffle<T>(things: readonly T[]): T[] {
    const shuffled: T[] = [];
    for (const thing of things) {
      shuffled.splice(this.below(shuffled.length + 1), 0, thing);
    }
    return shuffled;
  }

  /** A stream of its own, so that how much one part draws does not change what another one gets. */
  fork(): SeededRandom {
    return new SeededRandom(this.#next());
  }

  #next(): number {
    this.#state = this.#state + 0x6d2b79f5 | 0;
    let value = Math.imul(this.#state ^ this.#state >>> 15, 1 | this.#state);
    value = value + Math.imul(value ^ value >>> 7, 61 | value) ^ value;
    return (value ^ value >>> 14) >>> 0;
  }
}
