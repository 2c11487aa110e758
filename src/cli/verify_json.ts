/**
 * What verifying came to, as one JSON object in one line.
 *
 * @module
 */

import type { VerifyReport } from "../wal/verify.ts";
import { isUncertain } from "./affected.ts";
import { jsonLine } from "./json.ts";

/**
 * Writes a report.
 *
 * @param report The report.
 * @returns The line.
 */
export function reportToJson(report: VerifyReport): string {
  const { directory, verdict, nextLsn, undecided, nextOpening, ...rest } = report;
  return jsonLine({
    verdict,
    directory,
    ...rest,
    nextLsn: nextLsn === null ? null : String(nextLsn),
    undecided: undecided.map((transaction) => ({
      ...transaction,
      presumedAborted: !isUncertain(report, transaction.txn),
    })),
    nextOpening: nextOpening && { ...nextOpening, firstLsn: String(nextOpening.firstLsn) },
  });
}
