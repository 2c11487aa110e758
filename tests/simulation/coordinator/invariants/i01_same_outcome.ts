/** I1: a transaction has the same outcome in every database, and happens at most once in each. */

import { type Attempt, type Evidence, InvariantViolation } from "../evidence.ts";

/**
 * The databases in which a transaction's branch was ended by nobody but coordinators, and in which
 * no backup has changed what is known of it.
 */
export function untouched(evidence: Evidence, attempt: Attempt): string[] {
  return attempt.wrote.filter((name) => !isTouched(evidence, attempt, name));
}

/** Whether a person or a backup has interfered with a transaction in a database. */
export function isTouched(evidence: Evidence, attempt: Attempt, name: string): boolean {
  const { id } = attempt;
  return evidence.meddlingWith(name, id) !== undefined || evidence.isRestored(name, attempt);
}

/** Those of some databases in which a transaction has happened. */
export function committedIn(evidence: Evidence, id: string, names: readonly string[]): string[] {
  return names.filter((name) => evidence.final?.rows.get(name)?.includes(id));
}

/** Sees that I1 holds. */
export function checkSameOutcome(evidence: Evidence): void {
  for (const attempt of evidence.attempts) {
    const names = untouched(evidence, attempt);
    const committed = committedIn(evidence, attempt.id, names);
    if (committed.length > 0 && committed.length < names.length) {
      throw new InvariantViolation(
        "I1",
        `transaction ${attempt.id} has happened in ${committed} only, not in all of ${names}; ` +
          `its caller heard ${attempt.heard}`,
      );
    }
    for (const [name, rows] of evidence.final?.rows ?? []) {
      const times = rows.filter((id) => id === attempt.id).length;
      if (times > 1) {
        throw new InvariantViolation("I1", `${attempt.id} has happened ${times} times in ${name}`);
      }
    }
  }
}
