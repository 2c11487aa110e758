/**
 * I9: no COMMIT PREPARED leaves before its decision would survive a power cut, and no ROLLBACK
 * PREPARED behind a decision; nor is a branch committed once another one may have been rolled back.
 */

import { type Evidence, InvariantViolation, type Settling } from "../evidence.ts";
import { checkProbe } from "./i07_log.ts";

/** Sees that I9 holds. */
export function checkOrder(evidence: Evidence): void {
  for (const probe of evidence.probes) {
    if (probe.why === "COMMIT PREPARED leaves") checkProbe("I9", probe);
  }
  const decided = new Map<string, number>();
  for (const { at, id, point } of evidence.points) {
    if (point === "decided" && !decided.has(id)) decided.set(id, at);
  }
  const first = new Map<string, Settling>();
  for (const settling of evidence.settlings) {
    const { at, ending, gid, id } = settling;
    if (evidence.isOrdered(settling)) continue;
    const earlier = first.get(id) ?? settling;
    first.set(id, earlier);
    const isBehindDecision = ending === "rollback" && (decided.get(id) ?? Infinity) <= at;
    if (earlier.ending === ending && !isBehindDecision) continue;
    if (isRestored(evidence, id)) continue;
    const behind = isBehindDecision ? "the decision" : `the ${earlier.ending} of ${earlier.gid}`;
    throw new InvariantViolation(
      "I9",
      `${ending} of ${gid} left at ${at.toFixed(0)} ms, behind ${behind}`,
    );
  }
}

/** A branch that a backup has brought back is unknown to a log that was told that all is over. */
function isRestored(evidence: Evidence, id: string): boolean {
  const attempt = evidence.attempts.find((one) => one.id === id);
  return attempt?.names.some((name) => evidence.isRestored(name, attempt)) ?? false;
}
