/**
 * A set for what comes and goes thousands of times a second: each has its slot, and a slot that was left is
 * taken again. Unlike a `Map`, whose table is thrown away and made anew all the time under such use, it leaves
 * nothing behind that still refers to what has gone: V8 keeps alive whatever an old object refers to, though
 * that is garbage itself, until its next full collection, and a table that was thrown away refers to all that
 * was in it.
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
