/**
 * Locks on rows, as a database holds them: one transaction at a time, the others wait in the order
 * of their coming, and a prepared transaction keeps its locks without any session.
 */

interface Waiter {
  readonly owner: object;
  readonly granted: () => void;
}

/** The row locks of one database. */
export class RowLocks {
  readonly #owners = new Map<number, object>();
  #waiters: (Waiter & { readonly row: number })[] = [];

  /**
   * Waits for a row.
   *
   * @param row The row.
   * @param owner The transaction.
   * @param onWait Is given a way to give up, if the row cannot be had at once.
   */
  take(
    row: number,
    owner: object,
    onWait: (cancel: (why: unknown) => void) => void,
  ): Promise<void> {
    const holder = this.#owners.get(row);
    if (holder === owner) return Promise.resolve();
    if (holder === undefined) {
      this.#owners.set(row, owner);
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const waiter = { row, owner, granted: resolve };
      this.#waiters.push(waiter);
      onWait((why) => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(why);
      });
    });
  }

  /** Gives back everything that a transaction holds, to those who wait first. */
  release(owner: object): void {
    for (const [row, holder] of this.#owners) {
      if (holder !== owner) continue;
      this.#owners.delete(row);
      const next = this.#waiters.find((waiter) => waiter.row === row);
      if (next === undefined) continue;
      this.#waiters = this.#waiters.filter((other) => other !== next);
      this.#owners.set(row, next.owner);
      next.granted();
    }
  }

  /** Begins anew with the rows that some transactions have written; nobody waits any more. */
  reset(held: readonly (readonly [row: number, owner: object])[]): void {
    this.#owners.clear();
    this.#waiters = [];
    for (const [row, owner] of held) this.#owners.set(row, owner);
  }
}
