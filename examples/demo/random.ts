/**
 * Random choices that a seed repeats: the same seeds give the same numbers on every machine.
 *
 * @module
 */

/** A stream of numbers (mulberry32); streams of different seeds have nothing to do with each other. */
export class SeededRandom {
  #state = 0x9e3779b9;

  /** Begins the stream that belongs to these numbers, such as a run's seed and a round. */
  constructor(...seeds: readonly number[]) {
    for (const seed of seeds) {
      this.#state = (this.#state ^ Math.imul(seed + 1, 0x85ebca6b)) + this.#next();
    }
  }

  /** A whole number from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor((this.#next() / 2 ** 32) * (high - low + 1));
  }

  /** True in `percent` of 100 cases. */
  chance(percent: number): boolean {
    return this.integer(1, 100) <= percent;
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    const [item] = items.slice(this.integer(0, items.length - 1));
    if (item === undefined) {
      throw new RangeError("Cannot pick an item: there is none, give at least one");
    }
    return item;
  }

  /** The same items in another order. */
  shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, place: this.#next() }))
      .sort((a, b) => a.place - b.place)
      .map(({ item }) => item);
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
}
