/**
 * Enumerates instead of drawing: walks through every sequence of choices that a program can make,
 * depth first, by running it again and again. (TigerBeetle's `exhaustigen` has the same idea.)
 */

/** All sequences of choices. */
export class Choices {
  readonly #path: { choice: number; readonly limit: number }[] = [];
  #position = 0;
  #isBegun = false;

  /** Begins the next sequence; false if there is none. */
  next(): boolean {
    this.#position = 0;
    if (!this.#isBegun) {
      this.#isBegun = true;
      return true;
    }
    for (let last = this.#path.at(-1); last !== undefined; last = this.#path.at(-1)) {
      if (last.choice + 1 < last.limit) {
        last.choice++;
        return true;
      }
      this.#path.pop();
    }
    return false;
  }

  /** A number from 0 to `limit`, excluded; each in turn. */
  below(limit: number): number {
    const known = this.#path[this.#position++];
    if (known === undefined) {
      this.#path.push({ choice: 0, limit });
      return 0;
    }
    if (known.limit !== limit) {
      throw new Error(
        `Cannot choose: there were ${known.limit} choices here and now there are ${limit}, ` +
          "the program depends on something else than its choices",
      );
    }
    return known.choice;
  }

  /** One of some things; each in turn. */
  pick<T>(things: readonly T[]): T {
    return things[this.below(things.length)] as T;
  }

  /** The choices made so far, to run the same sequence again. */
  get path(): string {
    return this.#path.slice(0, this.#position).map(({ choice }) => choice).join(".");
  }
}
