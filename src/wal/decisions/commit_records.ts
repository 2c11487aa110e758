/**
 * What every commit leaves in the log and in its state, as objects. They are made by constructors, which matters.
 *
 * V8 watches what becomes of the objects that a literal makes. If most of them outlive a collection it takes
 * them for ones that stay, and from then on makes them where only a full collection finds them; until then
 * each keeps all that it refers to, and that is copied from one place to the next. A process that has just
 * started collects every few hundred commits: with a thousand under way all of them outlive that, and one
 * commit in seven was lost to the collector ever after. What a constructor makes is not watched.
 *
 * @module
 */

import type { ActiveTransaction, BranchRecord } from "./record.ts";

/** The record of a transaction that is not finished: decided, or begun only. */
export class TransactionRecord<Type extends "begin" | "committing"> {
  readonly type: Type;
  readonly txn: bigint;
  readonly branches: readonly BranchRecord[];

  /**
   * Takes note of the transaction.
   *
   * @param type How far it is.
   * @param txn Number of the transaction.
   * @param branches Its branches.
   */
  constructor(type: Type, txn: bigint, branches: readonly BranchRecord[]) {
    this.type = type;
    this.txn = txn;
    this.branches = branches;
  }
}

/** The record of a transaction that is finished everywhere. */
export class EndRecord {
  readonly type = "end";
  readonly txn: bigint;

  /**
   * Takes note of the transaction.
   *
   * @param txn Number of the transaction.
   */
  constructor(txn: bigint) {
    this.txn = txn;
  }
}

/** What the log's state keeps of a transaction that is not finished and in no doubt. */
export class CertainTransaction implements ActiveTransaction {
  readonly txn: bigint;
  readonly decided: boolean;
  readonly branches: readonly BranchRecord[];

  /**
   * Takes note of the transaction.
   *
   * @param txn Number of the transaction.
   * @param decided Whether its decision is in the log.
   * @param branches Its branches.
   */
  constructor(txn: bigint, decided: boolean, branches: readonly BranchRecord[]) {
    this.txn = txn;
    this.decided = decided;
    this.branches = branches;
  }
}
