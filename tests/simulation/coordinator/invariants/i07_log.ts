/**
 * I7: the log that a process finds holds every decision that somebody has acted upon and that some
 * database has not followed yet, and no decision that was never taken.
 */

import { type Evidence, InvariantViolation, type LogProbe } from "../evidence.ts";

/** Sees that a probe found every decision that it had to find. */
export function checkProbe(
  invariant: string,
  { at, after, decided, required, why }: LogProbe,
): void {
  const missing = required.filter((id) => !decided.includes(id));
  if (missing.length === 0) return;
  throw new InvariantViolation(
    invariant,
    `the log, read after a ${after} at ${
      at.toFixed(0)
    } ms when ${why}, does not hold the decision ` +
      `of ${missing}`,
  );
}

/** Sees that I7 holds. */
export function checkLog(evidence: Evidence): void {
  const voted = new Set(
    evidence.points.filter(({ point }) => point === "all-prepared").map(({ id }) => id),
  );
  for (const probe of evidence.probes) {
    if (probe.why === "a process starts") checkProbe("I7", probe);
    const invented = probe.decided.filter((id) => !voted.has(id));
    if (invented.length === 0) continue;
    throw new InvariantViolation(
      "I7",
      `the log holds a decision of ${invented}, of which not every branch was prepared`,
    );
  }
}
