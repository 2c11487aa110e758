/**
 * The states of a transaction and the only ways from one to another. A step that is not in the table is
 * a mistake of the caller (using a transaction after its end) or of this code; both are refused.
 *
 * ```
 * active ─ committing ─ deciding ─ settling ─ committed
 *   │          │ ╰──────────│──────────────────╯ (one phase)
 *   │          ├─ unknown ──┤        unknown ─ committed, aborted (when it is known)
 *   ╰───── aborting ────────╯ ─ aborted
 * ```
 *
 * @module
 */

/** Where a transaction stands. */
export type TransactionState =
  /** The application's statements run. */
  | "active"
  /** Branches are asked, prepared, or committed in one phase; nothing is decided. */
  | "committing"
  /** The decision is being written: until it is known, no branch may be ended either way. */
  | "deciding"
  /** The decision is durable; every branch is driven to commit. */
  | "settling"
  /** It commits; branches that have not answered are the resolver's. */
  | "committed"
  /** Every branch is driven to roll back. */
  | "aborting"
  /** It is rolled back; branches that have not answered are the resolver's. */
  | "aborted"
  /** Whether it commits, only the log or a database knows; it is asked until it says. */
  | "unknown";

const NEXT: Record<TransactionState, readonly TransactionState[]> = {
  active: ["committing", "aborting"],
  committing: ["deciding", "committed", "aborting", "unknown"],
  deciding: ["settling", "aborting", "unknown"],
  settling: ["committed"],
  aborting: ["aborted"],
  committed: [],
  aborted: [],
  unknown: ["committed", "aborted"],
};

/** Holds the state of one transaction. */
export class TransactionStates {
  readonly #id: string;
  #current: TransactionState = "active";

  /**
   * Begins as active.
   *
   * @param id Id of the transaction, for messages.
   */
  constructor(id: string) {
    this.#id = id;
  }

  /** The present state. */
  get current(): TransactionState {
    return this.#current;
  }

  /**
   * Takes a step.
   *
   * @param next The new state.
   * @throws {TypeError} If there is no way from the present state to it.
   */
  moveTo(next: TransactionState): void {
    if (!NEXT[this.#current].includes(next)) {
      throw new TypeError(
        `Cannot bring transaction ${this.#id} to "${next}": it is "${this.#current}", ` +
          `from which it may go to ${JSON.stringify(NEXT[this.#current])} only`,
      );
    }
    this.#current = next;
  }
}
