/**
 * When the worker is killed, decided before the run by its seed alone. Of 7 kills in a row, 5 are at the
 * named points of the protocol, each once, 1 is at a random moment of the work and 1 in the middle of a
 * recovery that has something to settle.
 *
 * @module
 */

import { PROTOCOL_POINTS, type ProtocolPoint } from "@indoubt/coordinator";
import { SeededRandom } from "./random.ts";

/** One kill. */
export type Kill =
  /** At a named point, when the worker passes it for the n-th time. */
  | { readonly kind: "point"; readonly point: ProtocolPoint; readonly passing: number }
  /** Some time after the worker has begun to work. */
  | { readonly kind: "moment"; readonly milliseconds: number }
  /** Some time after the worker has begun to recover. */
  | { readonly kind: "recovery"; readonly milliseconds: number };

/** What it means for the two banks to be killed at a point. */
export const POINT_TEXT: Readonly<Record<ProtocolPoint, string>> = {
  "first-prepared": "after the first PREPARE",
  "all-prepared": "after both PREPAREs, undecided",
  "decided": "after the decision is synced",
  "first-committed": "between the COMMIT PREPAREDs",
  "all-committed": "after both commits, before End",
};

const MAX_PASSING = 25;
const MOMENT_MS = [5, 500] as const;
const RECOVERY_MS = [0, 60] as const;

/** Points at which a kill leaves a prepared branch for the next recovery. */
const LEAVES_DOUBT: ReadonlySet<ProtocolPoint> = new Set(
  ["first-prepared", "all-prepared", "decided", "first-committed"] as const,
);

/** Decides about all kills of a run. */
export function planKills(seed: number, rounds: number): Kill[] {
  const random = new SeededRandom(seed);
  const kills: Kill[] = [];
  while (kills.length < rounds) kills.push(...block(random));
  return kills.slice(0, rounds);
}

function block(random: SeededRandom): Kill[] {
  const points = PROTOCOL_POINTS.map((point): Kill => ({
    kind: "point",
    point,
    passing: random.integer(1, MAX_PASSING),
  }));
  const moment: Kill = { kind: "moment", milliseconds: random.integer(...MOMENT_MS) };
  const kills = random.shuffled([...points, moment]);
  const doubtful = kills.filter((kill) => kill.kind === "point" && LEAVES_DOUBT.has(kill.point));
  const before = kills.indexOf(random.pick(doubtful));
  const recovery: Kill = { kind: "recovery", milliseconds: random.integer(...RECOVERY_MS) };
  return kills.toSpliced(before + 1, 0, recovery);
}
