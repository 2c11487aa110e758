/**
 * A set for what comes and goes thousands of times a second: each has its slot, and a slot that was left is
 * taken again. Under such use a `Map` makes its table anew all the time, and V8 keeps alive whatever an old
 * table refers to until its next full collection.
 *
 * @module
 */

/** What is there, in slots. */
export class Slots<One extends object> {
  readonly #slots: (One | null)[] = [];
  /** Those that are empty. */
  readonly #free: number[] = [];

  /**
   * Takes a slot.
   *
   * @param one What takes it.
   * @returns The slot.
   */
  add(one: One): number {
    const slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[slot] = one;
    return slot;
  }

  /**
   * Leaves a slot.
   *
   * @param slot The slot; must be taken.
   */
  remove(slot: number): void {
    this.#slots[slot] = null;
    this.#free.push(slot);
  }

  /** All that are there, in no particular order. */
  *[Symbol.iterator](): Generator<One> {
    for (const one of this.#slots) {
      if (one !== null) yield one;
    }
  }
}
