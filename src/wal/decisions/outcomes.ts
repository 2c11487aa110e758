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

const NUMBER_BYTES = 8;
const FIRST_CAPACITY = 64;

/** The outcomes of the last transactions. Numbers lie in a buffer: reading a log adds one for each transaction. */
export class Outcomes {
  readonly #limit: number;
  /** A ring of numbers of 64 bits, little endian, once it has its whole capacity. */
  #numbers = new DataView(new ArrayBuffer(0));
  #committed = new Uint8Array(0);
  #size = 0;
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

  /** The largest number of a transaction whose outcome may have been forgotten. */
  get forgotten(): bigint {
    return numberOf(this.#forgottenHigh, this.#forgottenLow);
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /**
   * Keeps an outcome; the oldest is forgotten for it if there are too many.
   *
   * @param txn Number of the transaction.
   * @param committed Whether it committed.
   */
  add(txn: bigint, committed: boolean): void {
    if (this.#limit === 0) return this.forget(txn);
    const at = this.#place(committed);
    this.#numbers.setBigUint64(at, txn, true);
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
    const at = this.#place(committed);
    this.#numbers.setUint32(at, low, true);
    this.#numbers.setUint32(at + 4, high, true);
  }

  /** Notes that nothing is said about this transaction and all that have a smaller number. */
  forget(txn: bigint): void {
    this.#forgetHalves(Number(txn >> 32n), Number(txn & 0xffff_ffffn));
  }

  /**
   * How a transaction ended.
   *
   * @param txn Number of the transaction.
   * @returns Whether it committed; `null` if it is not among them.
   */
  get(txn: bigint): boolean | null {
    // Asked seldom, and then about late ones: from the newest back.
    for (let back = 1; back <= this.#size; back++) {
      const at = (this.#next - back + this.#size) % this.#size;
      if (this.#numbers.getBigUint64(at * NUMBER_BYTES, true) === txn) {
        return this.#committed[at] === 1;
      }
    }
    return null;
  }

  /** All of them, from the oldest to the newest. */
  toArray(): Outcome[] {
    const outcomes = new Array<Outcome>(this.#size);
    for (let index = 0; index < this.#size; index++) {
      const at = (this.#next + index) % this.#size;
      const txn = this.#numbers.getBigUint64(at * NUMBER_BYTES, true);
      outcomes[index] = { txn, committed: this.#committed[at] === 1 };
    }
    return outcomes;
  }

  /** Where the next number goes: behind the newest, or over the oldest, which is forgotten. */
  #place(committed: boolean): number {
    const at = this.#next;
    if (this.#size < this.#limit) {
      if (this.#size === this.#committed.length) this.#grow();
      this.#size++;
    } else {
      const numbers = this.#numbers;
      const oldest = at * NUMBER_BYTES;
      this.#forgetHalves(numbers.getUint32(oldest + 4, true), numbers.getUint32(oldest, true));
    }
    this.#committed[at] = committed ? 1 : 0;
    this.#next = at + 1 === this.#limit ? 0 : at + 1;
    return at * NUMBER_BYTES;
  }

  #grow(): void {
    const capacity = Math.min(this.#limit, Math.max(FIRST_CAPACITY, 2 * this.#size));
    const numbers = new Uint8Array(capacity * NUMBER_BYTES);
    numbers.set(new Uint8Array(this.#numbers.buffer));
    this.#numbers = new DataView(numbers.buffer);
    const committed = new Uint8Array(capacity);
    committed.set(this.#committed);
    this.#committed = committed;
  }

  #forgetHalves(high: number, low: number): void {
    const known = this.#forgottenHigh;
    if (high < known || (high === known && low <= this.#forgottenLow)) return;
    this.#forgottenHigh = high;
    this.#forgottenLow = low;
  }
}

/**
 * A number from its halves.
 *
 * @param high The high half, unsigned 32 bits.
 * @param low The low half.
 * @returns The number, of 64 bits.
 */
export function numberOf(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
