/**
 * The settling of one transaction whose end is decided: which of its branches have truly answered. It is
 * over when none is outstanding; only then may the log forget the transaction, and not at all if a branch
 * ended otherwise than decided.
 *
 * @module
 */

import type { HeuristicBranch } from "./errors.ts";

/** What a transaction's branches are driven to. */
export type Verdict = "commit" | "rollback";

/** A branch to settle. */
export interface UnsettledBranch {
  /** Name of the participant. */
  readonly participant: string;
  /** The branch's gid. */
  readonly gid: string;
  /** What the participant can be asked for the branch's outcome by. */
  readonly token: string | null;
}

/** The settling of one transaction. */
export class Settlement {
  readonly #outstanding: Map<string, UnsettledBranch>;
  readonly #heuristics: HeuristicBranch[] = [];
  readonly #done = Promise.withResolvers<void>();
  readonly #onDone: (settlement: Settlement) => void;

  /** Number of the transaction. */
  readonly txn: bigint;
  /** What its branches are driven to. */
  readonly verdict: Verdict;

  /**
   * Begins with every branch outstanding.
   *
   * @param txn Number of the transaction.
   * @param verdict What its branches are driven to.
   * @param branches Its branches.
   * @param onDone Is called once, when none is outstanding any more.
   */
  constructor(
    txn: bigint,
    verdict: Verdict,
    branches: readonly UnsettledBranch[],
    onDone: (settlement: Settlement) => void,
  ) {
    this.txn = txn;
    this.verdict = verdict;
    this.#outstanding = new Map(branches.map((branch) => [branch.gid, branch]));
    this.#onDone = onDone;
    this.#finishIfDone();
  }

  /** Branches that have not answered yet. */
  get outstanding(): readonly UnsettledBranch[] {
    return [...this.#outstanding.values()];
  }

  /** Branches that ended otherwise. */
  get heuristics(): readonly HeuristicBranch[] {
    return this.#heuristics;
  }

  /** Resolves when every branch has answered, the heuristic ones included. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /**
   * Notes that a branch has ended.
   *
   * @param gid The branch.
   * @param heuristic Present if it ended otherwise than decided.
   * @returns False if it was not outstanding.
   */
  settle(gid: string, heuristic?: HeuristicBranch): boolean {
    if (!this.#outstanding.delete(gid)) return false;
    if (heuristic !== undefined) this.#heuristics.push(heuristic);
    this.#finishIfDone();
    return true;
  }

  #finishIfDone(): void {
    if (this.#outstanding.size > 0) return;
    this.#onDone(this);
    this.#done.resolve();
  }
}
