/**
 * I4: what was unknown is one or the other in the end, and `status` says which. Nobody hears of a
 * heuristic outcome if nobody has interfered.
 */

import { type Attempt, type Evidence, InvariantViolation } from "../evidence.ts";
import { committedIn, isTouched } from "./i01_same_outcome.ts";

/** Sees that I4 holds. */
export function checkUnknown(evidence: Evidence): void {
  for (const attempt of evidence.attempts) {
    const hasInterfered = attempt.names.some((name) => isTouched(evidence, attempt, name));
    if (attempt.heard === "heuristic" && !hasInterfered) {
      throw new InvariantViolation(
        "I4",
        `the caller of ${attempt.id} heard of a heuristic outcome, and nobody has interfered`,
      );
    }
    if (!hasInterfered) checkStatus(evidence, attempt);
  }
}

function checkStatus(evidence: Evidence, attempt: Attempt): void {
  const status = evidence.final?.statuses.get(attempt.id);
  if (status === undefined || status === "forgotten" || attempt.wrote.length === 0) return;
  const hasHappened = committedIn(evidence, attempt.id, attempt.wrote).length > 0;
  const expected = hasHappened ? "committed" : "aborted";
  if (status === expected) return;
  throw new InvariantViolation(
    "I4",
    `the status of ${attempt.id} is "${status}", it should be "${expected}"; ` +
      `its caller heard ${attempt.heard}`,
  );
}
