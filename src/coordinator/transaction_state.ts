/**
 * The states of a transaction and the only ways from one to another. A step that is not among them is
 * refused: a mistake of this code, since what its caller asks of a transaction after its end is refused
 * before, in the caller's words.
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

const STATES: readonly TransactionState[] = [
  "active",
  "committing",
  "deciding",
  "settling",
  "committed",
  "aborting",
  "aborted",
  "unknown",
];

/** Whether there is a step from one state to another. Written out, as every commit takes four of them. */
function isStep(from: TransactionState, to: TransactionState): boolean {
  switch (from) {
    case "active":
      return to === "committing" || to === "aborting";
    case "committing":
      return to === "deciding" || to === "committed" || to === "aborting" || to === "unknown";
    case "deciding":
      return to === "settling" || to === "aborting" || to === "unknown";
    case "settling":
      return to === "committed";
    case "aborting":
      return to === "aborted";
    case "unknown":
      return to === "committed" || to === "aborted";
    case "committed":
    case "aborted":
      return false;
  }
}

/** What a caller is told who asks of a transaction what only an active one can do. */
const NO_LONGER_ACTIVE: Record<Exclude<TransactionState, "active">, string> = {
  committing: "it is being committed, await that",
  deciding: "it is being committed, await that",
  settling: "it is being committed, await that",
  committed: "it is committed already, begin another for anything else",
  aborting: "it is being rolled back, begin another",
  aborted: "it was rolled back, begin another",
  unknown: "whether it commits is not known yet, ask for its status before anything else",
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
   * Sees that its caller may still go on with it.
   *
   * @param action What the caller asks for, to be followed by "transaction" in the message.
   * @throws {TypeError} If it is not active.
   */
  assertActive(action: string): void {
    if (this.#current === "active") return;
    throw new TypeError(
      `Cannot ${action} transaction ${this.#id}: ${NO_LONGER_ACTIVE[this.#current]}`,
    );
  }

  /**
   * Takes a step.
   *
   * @param next The new state.
   * @throws {TypeError} If there is no way from the present state to it.
   */
  moveTo(next: TransactionState): void {
    if (!isStep(this.#current, next)) throw this.#noStep(next);
    this.#current = next;
  }

  #noStep(next: TransactionState): TypeError {
    const steps = STATES.filter((state) => isStep(this.#current, state));
    return new TypeError(
      `Cannot bring transaction ${this.#id} to "${next}": it is "${this.#current}", ` +
        `from which it may go to ${JSON.stringify(steps)} only`,
    );
  }
}
