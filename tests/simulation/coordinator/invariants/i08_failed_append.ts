/**
 * I8: while only the disk knows whether a decision was written, its process neither rolls back nor
 * lets anybody hear of an abort; if it commits, the log has come back and holds the decision.
 */

import { type Evidence, InvariantViolation } from "../evidence.ts";

/** Sees that I8 holds. */
export function checkFailedAppend(evidence: Evidence): void {
  for (const { id, isLogDoubt, heard, heardAt, process } of evidence.attempts) {
    if (heard !== "unknown" || !isLogDoubt) continue;
    const rolledBack = evidence.settlings.find((one) =>
      one.id === id && one.process === process && one.ending === "rollback" &&
      true
    );
    if (rolledBack === undefined) continue;
    throw new InvariantViolation(
      "I8",
      `process ${process} rolled ${id} back at ${rolledBack.at.toFixed(0)} ms, though it had ` +
        `said at ${heardAt.toFixed(0)} ms that only the disk knows`,
    );
  }
}
