/**
 * By what the code of a transaction's function finds its transaction. The store that carries it from one call
 * to the next holds on to what it was given for longer than that is needed (Deno's keeps it in a `WeakMap`,
 * whose values outlive the next collection of what is young): so it is given next to nothing, and that lets
 * go of the transaction as soon as the function has ended.
 *
 * @module
 */

import type { TransactionStore } from "./options.ts";
import type { Transaction } from "./transaction.ts";

/** What the store carries through a transaction's function. */
export class Current {
  #transaction: Transaction<unknown, unknown> | null;

  /**
   * Begins before the function.
   *
   * @param transaction The transaction.
   */
  constructor(transaction: Transaction<unknown, unknown>) {
    this.#transaction = transaction;
  }

  /**
   * The transaction in whose function the caller runs.
   *
   * @param store What carries it.
   * @returns The transaction; `null` outside of any, or if it has begun to end.
   */
  static in(store: TransactionStore): Transaction<unknown, unknown> | null {
    const current = store.getStore();
    const transaction = current instanceof Current ? current.#transaction : null;
    return transaction?.state === "active" ? transaction : null;
  }

  /** Lets go of the transaction: its function has ended, or need not be waited for. */
  leave(): void {
    this.#transaction = null;
  }
}
