/**
 * Which transactions there are: the live ones, the stranded ones whose outcome only the disk knows, the
 * decided ones that are not settled, and those whose decision damage to the log may have taken away. The
 * sweep asks it, closing waits for it.
 *
 * @module
 */

import type { DecisionLog } from "./decision_log.ts";
import { Settlement, type UnsettledBranch, type Verdict } from "./settlement.ts";
import type { TransactionsInView } from "./sweep.ts";
import { epochOf } from "./transaction_id.ts";

/** Keeps account of the transactions of one coordinator. */
export class Ledger implements TransactionsInView {
  readonly #log: DecisionLog;
  readonly #live = new Set<bigint>();
  readonly #stranded = new Set<bigint>();
  readonly #decided = new Map<bigint, Settlement>();
  #idle: PromiseWithResolvers<void> | null = null;

  /**
   * Begins empty.
   *
   * @param log Forgets what is settled.
   */
  constructor(log: DecisionLog) {
    this.#log = log;
  }

  /** Resolves when no transaction is live. */
  get idle(): Promise<void> {
    if (this.#live.size === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers<void>();
    return this.#idle.promise;
  }

  isLive(txn: bigint): boolean {
    return this.#live.has(txn) || this.#stranded.has(txn);
  }

  isUncertain(txn: bigint): boolean {
    const epoch = epochOf(txn);
    return this.#log.damages.some((damage) => epoch <= damage.epoch);
  }

  isDecided(txn: bigint): boolean {
    return this.#decided.has(txn);
  }

  /** Notes that a transaction has begun. */
  begin(txn: bigint): void {
    this.#live.add(txn);
  }

  /** Notes that a transaction has ended. */
  forget(txn: bigint): void {
    this.#live.delete(txn);
    if (this.#live.size > 0) return;
    this.#idle?.resolve();
    this.#idle = null;
  }

  /** Notes that the disk knows a transaction's outcome after all. */
  unstrand(txn: bigint): void {
    this.#stranded.delete(txn);
  }

  /** Notes that only the disk knows a transaction's outcome: no sweep may touch it, nobody waits for it. */
  strand(txn: bigint): void {
    this.#stranded.add(txn);
    this.forget(txn);
  }

  /**
   * Opens the settling of a transaction.
   *
   * @param txn Number of the transaction.
   * @param verdict What its branches are driven to.
   * @param branches Its branches.
   * @param logged Whether the log holds a record of it, which its End must then take away.
   * @returns The settling.
   */
  settle(
    txn: bigint,
    verdict: Verdict,
    branches: readonly UnsettledBranch[],
    logged: boolean,
  ): Settlement {
    const settlement = new Settlement(txn, verdict, branches, ({ heuristics }) => {
      // A transaction that did not end as decided stays in the log until a person has looked at it.
      if (heuristics.length > 0) return;
      this.#decided.delete(txn);
      if (logged) this.#log.end(txn);
    });
    if (verdict === "commit") this.#decided.set(txn, settlement);
    return settlement;
  }
}
