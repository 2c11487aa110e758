/**
 * Proves that the simulator reaches what it is for: over a range of seeds every kind of fault and
 * accident happens, every outcome is heard, every event is told. A simulator in which something
 * never happens proves nothing about it.
 */

import { assert } from "@std/assert";
import { SeededRandom } from "../seeded_random.ts";
import type { Evidence } from "./evidence.ts";
import { simulate } from "./run.ts";

const SEEDS = 400;

const MARKS: Readonly<Record<string, (evidence: Evidence) => boolean>> = {
  "a caller hears: committed": (one) => one.attempts.some(({ heard }) => heard === "committed"),
  "a caller hears: aborted": (one) => one.attempts.some(({ heard }) => heard === "aborted"),
  "a caller hears its own error": (one) => one.attempts.some(({ heard }) => heard === "own error"),
  "a caller hears: unknown": (one) => one.attempts.some(({ heard }) => heard === "unknown"),
  "a caller hears that only the disk knows": (one) =>
    one.attempts.some(({ isLogDoubt }) => isLogDoubt),
  "a caller hears of a heuristic outcome": (one) =>
    one.attempts.some(({ heard }) => heard === "heuristic"),
  "a caller hears nothing": (one) => one.attempts.some(({ heard }) => heard === "nothing"),
  "a process dies between decision and commit": (one) =>
    one.attempts.some(({ id, heard }) => heard === "nothing" && one.decidedIds().has(id)),
  "a person ends a branch in a database": (one) =>
    one.meddlings.some(({ isThroughCoordinator }) => !isThroughCoordinator),
  "a person ends a branch through the coordinator": (one) =>
    one.meddlings.some(({ isThroughCoordinator }) => isThroughCoordinator),
  "a person makes the coordinator forget": (one) => one.forgotten.size > 0,
  "a branch is begun in a wrong database": (one) => one.astray.size > 0,
  "a commit is lost in a failover": (one) => one.lostCommits.length > 0,
  "a backup takes a database's place": (one) => one.restores.length > 0,
  "a log is damaged": (one) => tells(one, "log-damaged"),
  "a log is lost as a whole": (one) => one.coordinators.size > 1,
  "a branch is uncertain": (one) => tells(one, "branch-uncertain"),
  "a branch is delayed": (one) => tells(one, "branch-delayed"),
  "a branch is stuck": (one) => tells(one, "branch-stuck"),
  "a branch is settled behind its caller's back": (one) => tells(one, "branch-settled"),
  "a heuristic outcome is told": (one) => tells(one, "heuristic-outcome"),
  "a wrong database is refused": (one) => tells(one, "participant-refused"),
  "a database is unavailable": (one) => tells(one, "participant-unavailable"),
  "a segment is removed": (one) => one.probes.some(({ why }) => why === "a segment is removed"),
  "a process finds decisions": (one) =>
    one.probes.some(({ why, required }) => why === "a process starts" && required.length > 0),
  "a status is forgotten": (one) => hasStatus(one, "forgotten"),
  "a status is committed": (one) => hasStatus(one, "committed"),
  "a status is aborted": (one) => hasStatus(one, "aborted"),
};

function tells(evidence: Evidence, type: string): boolean {
  return evidence.events.some(({ event }) => event.type === type);
}

function hasStatus(evidence: Evidence, status: string): boolean {
  return evidence.final?.statuses.some((one) => one.status === status) ?? false;
}

Deno.test("The simulator reaches everything that it is for", async () => {
  const missing = new Set(Object.keys(MARKS));
  for (let seed = 1; seed <= SEEDS && missing.size > 0; seed++) {
    const evidence = await simulate(new SeededRandom(seed));
    for (const mark of missing) if (MARKS[mark]?.(evidence)) missing.delete(mark);
  }
  assert(missing.size === 0, `never: ${[...missing].join(", ")}`);
});
