/**
 * What is known of transactions that come and go thousands of times a second, by their numbers. A `Map`
 * would serve as well, but under such use it makes its table anew all the time, and V8 chains each old
 * table to the one that follows it: once one of them has outlived a collection or two, all that was ever
 * in the later ones stays until the next full collection. Here a place that was left is taken again, and
 * nothing is made but when there are more transactions than ever before.
 *
 * @module
 */

import { halvesOf } from "../halves.ts";

const FIRST_CAPACITY = 64;
const NONE = -1;

/**
 * Transactions by number, in the order in which they came. Collisions are chained: every table of whole
 * numbers below has one for each place, or for each list.
 */
export class TransactionTable<Value extends object> {
  #capacity = 0;
  #size = 0;
  /** The first place of each list; there are as many lists as places. */
  #heads = new Int32Array(0);
  /** The next place of the same list, or of the free ones. */
  #nexts = new Int32Array(0);
  /** The neighbours in the order in which they came. */
  #befores = new Int32Array(0);
  #afters = new Int32Array(0);
  #numbers = new Uint32Array(0);
  readonly #values: (Value | null)[] = [];
  #free = NONE;
  #first = NONE;
  #last = NONE;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /**
   * What is known of a transaction.
   *
   * @param txn Number of the transaction.
   * @returns It; `undefined` if there is no such transaction.
   */
  get(txn: bigint): Value | undefined {
    const place = this.#size === 0 ? NONE : this.#placeOf(halvesOf(txn));
    return place === NONE ? undefined : this.#values[place]!;
  }

  /** Whether a transaction is there. */
  has(txn: bigint): boolean {
    return this.get(txn) !== undefined;
  }

  /**
   * Puts a transaction in, or something else in its place.
   *
   * @param txn Number of the transaction, of 64 bits.
   * @param value What is known of it.
   */
  set(txn: bigint, value: Value): void {
    if (this.#size === this.#capacity) this.#grow();
    const halves = halvesOf(txn);
    const known = this.#placeOf(halves);
    if (known !== NONE) {
      this.#values[known] = value;
      return;
    }
    const place = this.#free;
    this.#free = this.#nexts[place]!;
    this.#values[place] = value;
    this.#numbers[2 * place] = halves[0]!;
    this.#numbers[2 * place + 1] = halves[1]!;
    this.#chain(place);
    this.#befores[place] = this.#last;
    this.#afters[place] = NONE;
    if (this.#last === NONE) this.#first = place;
    else this.#afters[this.#last] = place;
    this.#last = place;
    this.#size++;
  }

  /**
   * Takes a transaction out.
   *
   * @param txn Number of the transaction.
   * @returns Whether it was there.
   */
  delete(txn: bigint): boolean {
    const place = this.#size === 0 ? NONE : this.#placeOf(halvesOf(txn));
    if (place === NONE) return false;
    this.#unchain(place);
    const before = this.#befores[place]!;
    const after = this.#afters[place]!;
    if (before === NONE) this.#first = after;
    else this.#afters[before] = after;
    if (after === NONE) this.#last = before;
    else this.#befores[after] = before;
    this.#values[place] = null;
    this.#nexts[place] = this.#free;
    this.#free = place;
    this.#size--;
    return true;
  }

  /** Takes all out. */
  clear(): void {
    this.#capacity = 0;
    this.#size = 0;
    this.#values.length = 0;
    this.#free = this.#first = this.#last = NONE;
  }

  /** What is known of each, in the order in which they came. */
  values(): Value[] {
    const values: Value[] = [];
    for (let place = this.#first; place !== NONE; place = this.#afters[place]!) {
      values.push(this.#values[place]!);
    }
    return values;
  }

  /** Numbers count up, so that their low bits spread them. */
  #placeOf(halves: Uint32Array): number {
    const low = halves[0]!;
    const high = halves[1]!;
    let place = this.#heads[low & (this.#capacity - 1)]!;
    while (
      place !== NONE &&
      (this.#numbers[2 * place] !== low || this.#numbers[2 * place + 1] !== high)
    ) place = this.#nexts[place]!;
    return place;
  }

  #chain(place: number): void {
    const list = this.#numbers[2 * place]! & (this.#capacity - 1);
    this.#nexts[place] = this.#heads[list]!;
    this.#heads[list] = place;
  }

  #unchain(place: number): void {
    const list = this.#numbers[2 * place]! & (this.#capacity - 1);
    const next = this.#nexts[place]!;
    if (this.#heads[list] === place) {
      this.#heads[list] = next;
      return;
    }
    let before = this.#heads[list]!;
    while (this.#nexts[before] !== place) before = this.#nexts[before]!;
    this.#nexts[before] = next;
  }

  /** Makes room for twice as many. Every place is taken. */
  #grow(): void {
    const taken = this.#capacity;
    const capacity = Math.max(FIRST_CAPACITY, 2 * taken);
    const longer = (old: Int32Array) => {
      const table = new Int32Array(capacity);
      table.set(old.subarray(0, taken));
      return table;
    };
    this.#befores = longer(this.#befores);
    this.#afters = longer(this.#afters);
    const numbers = new Uint32Array(2 * capacity);
    numbers.set(this.#numbers.subarray(0, 2 * taken));
    this.#numbers = numbers;
    this.#nexts = new Int32Array(capacity);
    this.#heads = new Int32Array(capacity).fill(NONE);
    this.#capacity = capacity;
    for (let place = 0; place < taken; place++) this.#chain(place);
    for (let place = capacity - 1; place >= taken; place--) {
      this.#values[place] = null;
      this.#nexts[place] = this.#free;
      this.#free = place;
    }
  }
}
