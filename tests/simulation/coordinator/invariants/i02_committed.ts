/**
 * I2: if the caller heard *committed*, every database has committed in the end. Where a person has
 * rolled a branch back against that, somebody is told, if the database can prove it.
 */

import { type Evidence, InvariantViolation } from "../evidence.ts";
import { committedIn, untouched } from "./i01_same_outcome.ts";

/** Sees that I2 holds. */
export function checkCommitted(evidence: Evidence, canProve: (name: string) => boolean): void {
  const decided = evidence.decidedIds();
  for (const attempt of evidence.attempts) {
    const { id, heard } = attempt;
    const names = untouched(evidence, attempt);
    const committed = committedIn(evidence, id, names);
    if (heard === "committed" && committed.length < names.length) {
      throw new InvariantViolation(
        "I2",
        `the caller of ${id} heard that it committed, but it is in ${committed} of ${names} only`,
      );
    }
    // What a process has learnt goes with the log that would have told the next one.
    const isForgotten = evidence.damages.some((damage) => damage.process >= attempt.process);
    if (!decided.has(id) || isForgotten) continue;
    for (const name of attempt.wrote) {
      const meddling = evidence.meddlingWith(name, id);
      if (meddling?.ending !== "rollback" || evidence.isRestored(name, attempt)) continue;
      // Whoever has told the coordinator to do it knows.
      if (meddling.isThroughCoordinator) continue;
      if (!canProve(name) || evidence.isTold(meddling.gid)) continue;
      // It had been committed, and was prepared again: who has rolled it back then was the first to see it.
      if (evidence.lostCommits.some(({ gid, at }) => gid === meddling.gid && at <= meddling.at)) {
        continue;
      }
      throw new InvariantViolation(
        "I2",
        `${id} was decided, a person has rolled it back in ${name}, and nobody was told`,
      );
    }
  }
}
