/** I6: once faults have stopped, nothing stays in doubt, and nothing that was taken is kept. */

import { type Evidence, InvariantViolation } from "../evidence.ts";

/** Sees that I6 holds. */
export function checkLiveness(evidence: Evidence): void {
  const { final } = evidence;
  if (final === null) throw new InvariantViolation("I6", "no coordinator could be opened");
  for (const [name, prepared] of final.prepared) {
    const foreign = evidence.foreign.get(name) ?? [];
    const left = prepared.filter((gid) => !foreign.includes(gid));
    if (left.length > 0) throw new InvariantViolation("I6", `${left} is still prepared in ${name}`);
  }
  if (final.unsettled.length > 0) {
    throw new InvariantViolation("I6", `the coordinator says that ${final.unsettled} is in doubt`);
  }
  for (const attempt of evidence.attempts) {
    const isOpen = attempt.heard === "nothing" && attempt.process === evidence.lastProcess;
    if (isOpen) throw new InvariantViolation("I6", `the caller of ${attempt.id} still waits`);
  }
  if (final.sessions > 0 || final.leftOpen.length > 0) {
    throw new InvariantViolation(
      "I6",
      `${final.sessions} sessions, ${final.leftOpen} are left open`,
    );
  }
}
