/**
 * I4: what was unknown is one or the other in the end, and `status` says which. Nobody hears of a
 * heuristic outcome if nobody has interfered.
 */

import { type Attempt, type Evidence, InvariantViolation, type Status } from "../evidence.ts";
import { committedIn, isTouched } from "./i01_same_outcome.ts";

/**
 * Sees that I4 holds.
 *
 * @param keepsOutcomes Whether the log keeps every outcome: then no process forgets its own.
 */
export function checkUnknown(evidence: Evidence, keepsOutcomes: boolean): void {
  for (const attempt of evidence.attempts) {
    if (attempt.names.some((name) => isTouched(evidence, attempt, name))) continue;
    if (attempt.heard === "heuristic") {
      throw new InvariantViolation(
        "I4",
        `the caller of ${attempt.id} heard of a heuristic outcome, and nobody has interfered`,
      );
    }
    for (const one of evidence.final?.statuses ?? []) {
      if (one.id === attempt.id) checkStatus(evidence, attempt, one, keepsOutcomes);
    }
  }
}

function checkStatus(
  evidence: Evidence,
  attempt: Attempt,
  { status, isOwn }: Status,
  keepsOutcomes: boolean,
): void {
  if (attempt.wrote.length === 0) return;
  const mayForget = !isOwn || !keepsOutcomes || evidence.forgotten.has(attempt.id);
  if (status === "forgotten" && mayForget) return;
  const hasHappened = committedIn(evidence, attempt.id, attempt.wrote).length > 0;
  const expected = hasHappened ? "committed" : "aborted";
  if (status === expected) return;
  throw new InvariantViolation(
    "I4",
    `the status of ${attempt.id} is "${status}", it should be "${expected}"; ` +
      `its caller heard ${attempt.heard}`,
  );
}
