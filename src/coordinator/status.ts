/**
 * What became of a transaction, asked later by its id. Nothing is presumed: an answer stands on what this
 * process did, on the log, or on a database; where all three are silent the transaction is forgotten.
 *
 * @module
 */

import type { DecisionLog } from "./decision_log.ts";
import type { Ledger } from "./ledger.ts";
import { isTransactionNumber, parseTransactionNumber } from "./transaction_id.ts";

/** What became of a transaction. */
export type TransactionStatus =
  /** It runs, or is being committed or rolled back. */
  | "active"
  /** It is decided: every database has committed its branch, or will. */
  | "committed"
  /** Every database has rolled back its branch, or will. */
  | "aborted"
  /** Not known yet; it is being found out, or waits for an operator. */
  | "in doubt"
  /** This coordinator does not know any more. It may have committed. */
  | "forgotten";

/**
 * Tells what became of a transaction.
 *
 * @param id Its id.
 * @param last The largest number of a transaction that was given out.
 * @param ledger Knows what is not settled.
 * @param log Knows what has ended.
 * @returns What became of it.
 * @throws {RangeError} If this coordinator never gave out such an id.
 */
export function statusOf(
  id: string,
  last: bigint,
  ledger: Ledger,
  log: DecisionLog,
): TransactionStatus {
  const txn = parseTransactionNumber(id);
  if (txn === null || !isTransactionNumber(txn) || txn > last) {
    throw new RangeError(
      `Cannot tell the status of transaction ${JSON.stringify(id)}: ` +
        "this coordinator never gave out such an id",
    );
  }
  if (ledger.isRunning(txn)) return "active";
  switch (ledger.settlementOf(txn)?.verdict) {
    case "commit":
      return "committed";
    case "rollback":
      return "aborted";
    case "ask":
    case "log":
    case "operator":
      return "in doubt";
  }
  const committed = log.outcomeOf(txn);
  return committed === null ? "forgotten" : committed ? "committed" : "aborted";
}
