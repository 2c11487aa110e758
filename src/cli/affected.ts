/**
 * Which transactions damage to a log affects, in the coordinator's own numbering.
 *
 * @module
 */

import { gidPrefix } from "../coordinator/gid.ts";
import { epochOf, TransactionNumbers } from "../coordinator/transaction_id.ts";
import type { VerifyReport } from "../wal/verify.ts";
import { plain } from "./words.ts";

/**
 * Whether an undecided transaction must not be presumed aborted.
 *
 * @param report What is known of the log.
 * @param txn Number of the transaction.
 * @returns False if it will be rolled back.
 */
export function isUncertain(report: VerifyReport, txn: bigint): boolean {
  if (report.format === "pgdog") return report.verdict === "damaged";
  return report.uncertainUpTo !== null && epochOf(txn) <= report.uncertainUpTo;
}

/**
 * Says which transactions must not be presumed aborted, whether the log lists them or not.
 *
 * @param id Id of the log, if it is known.
 * @param epoch The last opening that is affected.
 * @returns Some lines.
 */
export function uncertainWords(id: string | null, epoch: number): string[] {
  if (epoch === 0) {
    return ["none of this log's; what is prepared under a lost log's id is never touched"];
  }
  // The numbers of an opening begin at 1 behind a multiple.
  const limit = new TransactionNumbers(epoch + 1).next() - 1n;
  const which = epoch === 1 ? "opening 1" : `openings 1 to ${epoch}`;
  const lines = [`those of ${which}, whose numbers are below ${limit}, but for the decided ones`];
  if (id === null) return lines;
  return [...lines, `their branches are named ${plain(gidPrefix(id))}NUMBER_BRANCH`];
}
