/**
 * The settling of one transaction that its caller no longer waits for, or whose end is decided: which of
 * its branches have truly answered. It is over when none is outstanding; only then may the log forget the
 * transaction, and not at all if a branch ended otherwise than decided.
 *
 * @module
 */

import type { HeuristicBranch } from "./errors.ts";

/** Who says how a transaction's branches end. */
export type Verdict =
  /** It is decided: every branch is driven to commit. */
  | "commit"
  /** No decision was made: every branch is driven to roll back. */
  | "rollback"
  /** It was sent a one-phase COMMIT: its database knows, and is asked. */
  | "ask"
  /** The decision may be on disk: the log will say. */
  | "log"
  /** Whoever knew has lost it: an operator has to say. */
  | "operator";

/** A branch to settle. */
export interface UnsettledBranch {
  /** Name of the participant. */
  readonly participant: string;
  /** The branch's gid. */
  readonly gid: string;
  /** What the participant can be asked for the branch's outcome by. */
  readonly token: string | null;
}

/** How a branch ended. */
export type BranchOutcome = "committed" | "rolled back";

/** What a settling begins with. */
export interface SettlementOptions {
  /** Id of the transaction. */
  readonly id: string;
  /** Its number; `null` if it is another coordinator's. */
  readonly txn: bigint | null;
  /** Who says how its branches end. */
  readonly verdict: Verdict;
  /** Its branches. */
  readonly branches: readonly UnsettledBranch[];
  /** Milliseconds since 1970, for people. */
  readonly since: number;
  /** Whether the log holds a record of it, which its End must then take away. */
  readonly logged?: boolean;
  /** Whether the log knows already how it ends. */
  readonly concluded?: boolean;
  /** What the application calls it. */
  readonly label?: string | undefined;
}

const NONE: readonly HeuristicBranch[] = [];

/** The settling of one transaction. */
export class Settlement {
  /** A few at most: every commit makes such a list, which must cost little. */
  readonly #outstanding: UnsettledBranch[];
  #heuristics: readonly HeuristicBranch[] = NONE;
  #committed = false;
  #rolledBack = false;
  #done: PromiseWithResolvers<void> | null = null;
  readonly #onDone: (settlement: Settlement) => void;

  /** Id of the transaction. */
  readonly id: string;
  /** Its number; `null` if it is another coordinator's. */
  readonly txn: bigint | null;
  /** Who says how its branches end. */
  readonly verdict: Verdict;
  /** Milliseconds since 1970, for people. */
  readonly since: number;
  /** What the application calls it. */
  readonly label: string | null;
  /** Whether the log knows already how it ends. */
  readonly concluded: boolean;
  /** Whether the log holds a record of it, which its End must then take away. */
  logged: boolean;

  /**
   * Begins with every branch outstanding.
   *
   * @param options What it begins with.
   * @param onDone Is called when none is outstanding any more.
   */
  constructor(options: SettlementOptions, onDone: (settlement: Settlement) => void) {
    this.id = options.id;
    this.txn = options.txn;
    this.verdict = options.verdict;
    this.since = options.since;
    this.label = options.label ?? null;
    this.logged = options.logged ?? false;
    this.concluded = options.concluded ?? false;
    this.#outstanding = options.branches.slice();
    this.#onDone = onDone;
    this.#finishIfDone();
  }

  /** Branches that have not answered yet. */
  get outstanding(): readonly UnsettledBranch[] {
    return [...this.#outstanding];
  }

  /** Whether none is outstanding. */
  get isOver(): boolean {
    return this.#outstanding.length === 0;
  }

  /** Branches that ended otherwise. */
  get heuristics(): readonly HeuristicBranch[] {
    return this.#heuristics;
  }

  /** How its branches ended; `null` if none has or if they differ. */
  get outcome(): BranchOutcome | null {
    if (this.#committed === this.#rolledBack) return null;
    return this.#committed ? "committed" : "rolled back";
  }

  /** Resolves when every branch has answered, the heuristic ones included. */
  get done(): Promise<void> {
    if (this.isOver) return Promise.resolve();
    this.#done ??= Promise.withResolvers<void>();
    return this.#done.promise;
  }

  /** Whether a branch is outstanding. */
  has(gid: string): boolean {
    return this.#placeOf(gid) >= 0;
  }

  /**
   * Takes one more branch, found later.
   *
   * @param branch The branch; one that is there already is left as it is.
   */
  add(branch: UnsettledBranch): void {
    if (!this.has(branch.gid)) this.#outstanding.push(branch);
  }

  /**
   * Notes that a branch has ended.
   *
   * @param gid The branch.
   * @param outcome How it ended.
   * @param heuristic Present if that is not as decided.
   * @returns False if it was not outstanding.
   */
  settle(gid: string, outcome: BranchOutcome | "unknown", heuristic?: HeuristicBranch): boolean {
    const place = this.#placeOf(gid);
    if (place < 0) return false;
    this.#outstanding.copyWithin(place, place + 1);
    this.#outstanding.pop();
    if (outcome === "committed") this.#committed = true;
    if (outcome === "rolled back") this.#rolledBack = true;
    if (heuristic !== undefined) this.#heuristics = [...this.#heuristics, heuristic];
    this.#finishIfDone();
    return true;
  }

  #placeOf(gid: string): number {
    return this.#outstanding.findIndex((branch) => branch.gid === gid);
  }

  #finishIfDone(): void {
    if (!this.isOver) return;
    this.#onDone(this);
    this.#done?.resolve();
  }
}
