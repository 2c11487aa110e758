/**
 * How the last transactions ended, as many of them as were asked for. What has fallen out is forgotten,
 * and with it everything older: below that mark nothing is said about any transaction, rather than
 * something wrong.
 *
 * @module
 */

import { halvesOf, numberOf } from "../halves.ts";

/** How one transaction ended. */
export interface Outcome {
  /** Number of the transaction. */
  readonly txn: bigint;
  /** Whether it committed. */
  readonly committed: boolean;
}

const FIRST_CAPACITY = 64;

/** The most outcomes that a coordinator keeps, and so as many as are restated for one whose settings are not known. */
export const MOST_OUTCOMES = 1_000_000;

/** Outcomes in a row, without an object for each: halves of numbers, and 1 for what committed. */
export interface OutcomeRow {
  /** High halves of the transactions' numbers. */
  readonly highs: Uint32Array;
  /** Low halves. */
  readonly lows: Uint32Array;
  /** 1 where the transaction committed, else 0. */
  readonly committed: Uint8Array;
}

/** The outcomes of the last transactions: in arrays, since reading a log adds one for each transaction. */
export class Outcomes {
  readonly #limit: number;
  /** Rings, once they have their whole capacity. */
  #highs = new Uint32Array(0);
  #lows = new Uint32Array(0);
  #committed = new Uint8Array(0);
  #length = 0;
  #next = 0;
  #forgottenHigh = 0;
  #forgottenLow = 0;

  /**
   * Begins with nothing.
   *
   * @param limit How many outcomes are kept.
   */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Makes them of a row.
   *
   * @param row The outcomes, from the oldest to the newest.
   * @returns All of them.
   */
  static of(row: OutcomeRow): Outcomes {
    const outcomes = new Outcomes(row.lows.length);
    outcomes.addRow(row);
    return outcomes;
  }

  /** The largest number of a transaction whose outcome may have been forgotten. */
  get forgotten(): bigint {
    return numberOf(this.#forgottenHigh, this.#forgottenLow);
  }

  /** How many there are. */
  get length(): number {
    return this.#length;
  }

  /**
   * Keeps an outcome; the oldest is forgotten for it if there are too many.
   *
   * @param txn Number of the transaction.
   * @param committed Whether it committed.
   */
  add(txn: bigint, committed: boolean): void {
    const halves = halvesOf(txn);
    this.addHalves(halves[1]!, halves[0]!, committed);
  }

  /**
   * Keeps an outcome, as {@linkcode add} does.
   *
   * @param high High half of the transaction's number.
   * @param low Its low half.
   * @param committed Whether it committed.
   */
  addHalves(high: number, low: number, committed: boolean): void {
    if (this.#limit === 0) return this.#forgetHalves(high, low);
    const at = this.#next;
    if (this.#length < this.#limit) {
      if (this.#length === this.#lows.length) this.#grow(this.#length + 1);
      this.#length++;
    } else this.#forgetHalves(this.#highs[at]!, this.#lows[at]!);
    this.#highs[at] = high;
    this.#lows[at] = low;
    this.#committed[at] = committed ? 1 : 0;
    this.#next = at + 1 === this.#limit ? 0 : at + 1;
  }

  /**
   * Keeps outcomes, as {@linkcode add} does.
   *
   * @param row The outcomes, from the oldest to the newest.
   */
  addRow({ highs, lows, committed }: OutcomeRow): void {
    const count = lows.length;
    if (this.#length + count > this.#limit) {
      for (let index = 0; index < count; index++) {
        this.addHalves(highs[index]!, lows[index]!, committed[index] === 1);
      }
      return;
    }
    // There is room for all, as where a log's newest segment begins.
    if (this.#length + count > this.#lows.length) this.#grow(this.#length + count);
    this.#highs.set(highs, this.#length);
    this.#lows.set(lows, this.#length);
    this.#committed.set(committed, this.#length);
    this.#length += count;
    this.#next = this.#length === this.#limit ? 0 : this.#length;
  }

  /** Notes that nothing is said about this transaction and all that have a smaller number. */
  forget(txn: bigint): void {
    const halves = halvesOf(txn);
    this.#forgetHalves(halves[1]!, halves[0]!);
  }

  /**
   * How a transaction ended.
   *
   * @param txn Number of the transaction.
   * @returns Whether it committed; `null` if it is not among them.
   */
  get(txn: bigint): boolean | null {
    const [low, high] = halvesOf(txn);
    // Asked seldom, and then about late ones: from the newest back.
    for (let back = 1; back <= this.#length; back++) {
      const at = (this.#next - back + this.#length) % this.#length;
      if (this.#lows[at] === low && this.#highs[at] === high) return this.#committed[at] === 1;
    }
    return null;
  }

  /** All of them, from the oldest to the newest, in arrays of their own. */
  row(): OutcomeRow {
    // As long as there is room for more, the oldest lies at the beginning.
    const oldest = this.#length < this.#limit ? 0 : this.#next;
    const length = this.#length;
    const inOrder = <T extends Uint32Array | Uint8Array>(ring: T, ordered: T): T => {
      ordered.set(ring.subarray(oldest, length));
      ordered.set(ring.subarray(0, oldest), length - oldest);
      return ordered;
    };
    return {
      highs: inOrder(this.#highs, new Uint32Array(length)),
      lows: inOrder(this.#lows, new Uint32Array(length)),
      committed: inOrder(this.#committed, new Uint8Array(length)),
    };
  }

  /** All of them, from the oldest to the newest. */
  *[Symbol.iterator](): Generator<Outcome> {
    const { highs, lows, committed } = this.row();
    for (let index = 0; index < lows.length; index++) {
      const txn = numberOf(highs[index]!, lows[index]!);
      yield { txn, committed: committed[index] === 1 };
    }
  }

  #grow(needed: number): void {
    const wanted = Math.max(FIRST_CAPACITY, needed, 2 * this.#length);
    const capacity = Math.min(this.#limit, wanted);
    const grown = <T extends Uint32Array | Uint8Array>(ring: T, larger: T): T => {
      larger.set(ring);
      return larger;
    };
    this.#highs = grown(this.#highs, new Uint32Array(capacity));
    this.#lows = grown(this.#lows, new Uint32Array(capacity));
    this.#committed = grown(this.#committed, new Uint8Array(capacity));
  }

  #forgetHalves(high: number, low: number): void {
    const known = this.#forgottenHigh;
    if (high < known || (high === known && low <= this.#forgottenLow)) return;
    this.#forgottenHigh = high;
    this.#forgottenLow = low;
  }
}
