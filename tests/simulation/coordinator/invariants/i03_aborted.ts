/**
 * I3: if the caller heard *aborted*, or its own error, no database has committed. Where a person has
 * committed a branch against that, somebody is told, if the database can prove it and the process
 * that had prepared it has lived to ask.
 */

import { type Attempt, type Evidence, InvariantViolation } from "../evidence.ts";
import { committedIn, untouched } from "./i01_same_outcome.ts";

/** Sees that I3 holds. */
export function checkAborted(evidence: Evidence, canProve: (name: string) => boolean): void {
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
    if (attempt.process === evidence.lastProcess) checkTold(evidence, attempt, canProve);
  }
}

function checkTold(
  evidence: Evidence,
  attempt: Attempt,
  canProve: (name: string) => boolean,
): void {
  for (const { at, ending, gid, id, isThroughCoordinator, participant } of evidence.meddlings) {
    if (id !== attempt.id || ending !== "commit" || isThroughCoordinator) continue;
    if (!evidence.voted.has(gid) || !canProve(participant) || evidence.isTold(gid)) continue;
    if (evidence.isRestored(participant, attempt)) continue;
    // A failover has undone what the person did.
    if (evidence.lostCommits.some((one) => one.gid === gid && one.at >= at)) continue;
    throw new InvariantViolation(
      "I3",
      `${id} was aborted, a person has committed it in ${participant}, and nobody was told`,
    );
  }
}
