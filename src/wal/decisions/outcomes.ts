/**
 * How the last transactions ended, as many of them as were asked for. What has fallen out is forgotten,
 * and with it everything older: below that mark nothing is said about any transaction, rather than
 * something wrong.
 *
 * @module
 */

/** How one transaction ended. */
export interface Outcome {
  /** Number of the transaction. */
  readonly txn: bigint;
  /** Whether it committed. */
  readonly committed: boolean;
}

/** The outcomes of the last transactions. */
export class Outcomes {
  readonly #limit: number;
  /** A ring. */
  readonly #txns: bigint[] = [];
  readonly #committed: boolean[] = [];
  #next = 0;
  #forgotten = 0n;

  /**
   * Begins with nothing.
   *
   * @param limit How many outcomes are kept.
   */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The largest number of a transaction whose outcome may have been forgotten. */
  get forgotten(): bigint {
    return this.#forgotten;
  }

  /** How many there are. */
  get size(): number {
    return this.#txns.length;
  }

  /**
   * Keeps an outcome; the oldest is forgotten for it if there are too many.
   *
   * @param txn Number of the transaction.
   * @param committed Whether it committed.
   */
  add(txn: bigint, committed: boolean): void {
    if (this.#txns.length < this.#limit) {
      this.#txns.push(txn);
      this.#committed.push(committed);
      return;
    }
    this.forget(this.#txns[this.#next] ?? txn);
    if (this.#limit === 0) return;
    this.#txns[this.#next] = txn;
    this.#committed[this.#next] = committed;
    this.#next = (this.#next + 1) % this.#limit;
  }

  /** Notes that nothing is said about this transaction and all that have a smaller number. */
  forget(txn: bigint): void {
    if (txn > this.#forgotten) this.#forgotten = txn;
  }

  /**
   * How a transaction ended.
   *
   * @param txn Number of the transaction.
   * @returns Whether it committed; `null` if it is not among them.
   */
  get(txn: bigint): boolean | null {
    // Asked seldom, and then about late ones: from the newest back.
    const { length } = this.#txns;
    for (let back = 1; back <= length; back++) {
      const at = (this.#next - back + length) % length;
      if (this.#txns[at] === txn) return this.#committed[at] ?? null;
    }
    return null;
  }

  /** From the oldest to the newest. */
  *[Symbol.iterator](): Generator<Outcome> {
    const { length } = this.#txns;
    for (let index = 0; index < length; index++) {
      const at = (this.#next + index) % length;
      yield { txn: this.#txns[at]!, committed: this.#committed[at]! };
    }
  }
}

/** Numbers further apart than this begin a run of their own, so that a distance is a small integer. */
const MAX_DISTANCE = 2n ** 40n;

/**
 * Packs outcomes: transactions that end one after another have numbers close together. A run is a
 * number, then for each outcome twice the distance from the one before, and one more if it committed.
 *
 * @param outcomes The outcomes, in their order.
 * @returns The runs.
 */
export function packOutcomes(outcomes: Iterable<Outcome>): (bigint | number)[][] {
  const runs: (bigint | number)[][] = [];
  let last = 0n;
  for (const { txn, committed } of outcomes) {
    let distance = txn - last;
    if (runs.length === 0 || distance > MAX_DISTANCE || distance < -MAX_DISTANCE) {
      runs.push([txn]);
      distance = 0n;
    }
    runs.at(-1)!.push(Number(distance) * 2 + (committed ? 1 : 0));
    last = txn;
  }
  return runs;
}

/**
 * Unpacks outcomes.
 *
 * @param runs What {@linkcode packOutcomes} gave; the first place of each run is a number of 64 bits, the
 * others are safe integers.
 * @returns The outcomes, in their order.
 */
export function unpackOutcomes(runs: readonly (readonly (bigint | number)[])[]): Outcome[] {
  const outcomes: Outcome[] = [];
  for (const [first, ...steps] of runs) {
    let txn = BigInt(first ?? 0);
    for (const step of steps) {
      const value = BigInt(step);
      txn += value >> 1n;
      outcomes.push({ txn, committed: (value & 1n) === 1n });
    }
  }
  return outcomes;
}
