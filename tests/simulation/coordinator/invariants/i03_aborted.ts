/** I3: if the caller heard *aborted*, or its own error, no database has committed. */

import { type Evidence, InvariantViolation } from "../evidence.ts";
import { committedIn, untouched } from "./i01_same_outcome.ts";

/** Sees that I3 holds. */
export function checkAborted(evidence: Evidence): void {
  for (const attempt of evidence.attempts) {
    const { id, heard } = attempt;
    if (heard !== "aborted" && heard !== "own error") continue;
    const committed = committedIn(evidence, id, untouched(evidence, attempt));
    if (committed.length > 0) {
      throw new InvariantViolation(
        "I3",
        `the caller of ${id} heard: ${heard}, but it has happened in ${committed}`,
      );
    }
  }
}
