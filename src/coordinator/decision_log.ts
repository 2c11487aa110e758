/**
 * What the coordinator needs of a log, and nothing about files. Whoever implements it promises: when
 * `register`, `begin` or `decide` resolves, the fact survives every crash; when it rejects with
 * {@linkcode LogUnavailableError}, `written` says whether it may have survived.
 *
 * @module
 */

import type { BranchRecord } from "../wal/decisions/record.ts";

/** One database's part in a transaction, as the log keeps it. */
export interface LoggedBranch {
  /** Name of the participant. */
  readonly participant: string;
  /** The exact gid. */
  readonly gid: string;
  /** What the participant can be asked for the branch's outcome by. */
  readonly token: string | null;
  /** The same and nothing else, for the log to keep of a decided branch; absent if that is to be made of this. */
  readonly facts?: BranchRecord | undefined;
}

/** A transaction that was not finished when the log was opened. */
export interface UnfinishedTransaction {
  /** Number of the transaction. */
  readonly txn: bigint;
  /** Whether it was decided to commit. */
  readonly decided: boolean;
  /** Set if its only branch that wrote was sent a one-phase COMMIT whose answer was lost. */
  readonly doubtful?: true;
  /** Its branches. */
  readonly branches: readonly LoggedBranch[];
}

/** A database that took part once. */
export interface RegisteredParticipant {
  /** Name of the participant. */
  readonly name: string;
  /** Kind of database. */
  readonly kind: string;
  /** What tells this database from every other. */
  readonly identity: string;
}

/** Records of a log were lost. */
export interface LogDamage {
  /** Decisions of transactions of this and earlier epochs may be among them. */
  readonly epoch: number;
  /** The file; empty if the whole log was lost. */
  readonly file: string;
  /** What is wrong. */
  readonly reason: string;
}

/** What an operator decided about a branch, or about all branches of a coordinator whose log was lost. */
export interface OperatorVerdict {
  /**
   * `commit` and `rollback` end a branch; `forget` gives up a transaction with all its branches; `adopt`
   * makes the branches of another coordinator known to this one.
   */
  readonly kind: "commit" | "rollback" | "forget" | "adopt";
  /** Id of the transaction; for `adopt` the id of the other coordinator. */
  readonly subject: string;
  /** Name of the participant; empty if all are meant. */
  readonly participant: string;
  /** The branch's gid; empty if all are meant. */
  readonly gid: string;
  /** Why. */
  readonly reason: string;
  /** Who. */
  readonly by: string;
  /** When, RFC 3339. */
  readonly at: string;
}

/** The log of one coordinator, open. */
export interface DecisionLog {
  /** The coordinator's id. */
  readonly coordinator: string;
  /** Number of this opening. */
  readonly epoch: number;
  /** What was not finished when the log was opened. */
  readonly recovered: readonly UnfinishedTransaction[];
  /** Every database that ever took part, by name. */
  readonly participants: ReadonlyMap<string, RegisteredParticipant>;
  /** Damage that no operator has cleared. Undecided transactions it may touch must not be presumed aborted. */
  readonly damages: readonly LogDamage[];
  /** Makes a database known for ever, so that every later opening sweeps it. Forced. */
  register(participant: RegisteredParticipant): Promise<void>;
  /** Records that branches may be prepared from now on. Forced. */
  begin(txn: bigint, branches: readonly LoggedBranch[]): Promise<void>;
  /** Records that a transaction commits: the moment of its commit. Forced. */
  decide(txn: bigint, branches: readonly LoggedBranch[]): Promise<unknown>;
  /** Records that a transaction is finished in every database. Not forced, never fails. */
  end(txn: bigint): void;
  /** Records how a transaction ended that {@linkcode decide} was not called for. Not forced, never fails. */
  conclude(txn: bigint, committed: boolean): void;
  /** Records that the answer to a one-phase COMMIT was lost, so that it is asked for later. Never fails. */
  doubt(txn: bigint, branch: LoggedBranch): Promise<void>;
  /** Records what an operator decided. Forced. */
  record(verdict: OperatorVerdict): Promise<void>;
  /** Ids of coordinators whose branches an operator has made known to this one. */
  readonly adopted: ReadonlySet<string>;
  /** Whether a transaction that has ended committed; `null` if the log does not hold it. */
  outcomeOf(txn: bigint): boolean | null;
  /** Makes everything durable and closes. */
  close(): Promise<void>;
}
