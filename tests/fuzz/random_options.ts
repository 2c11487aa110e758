/**
 * What a random run is about. Every run draws its own mixture and leaves most of what could happen
 * out, since runs in which everything happens a little find less than runs that are about something
 * (swarm testing).
 */

import type { CallKind, Fault, FaultEffect } from "../simulation/disk_calls.ts";
import type { SeededRandom } from "../simulation/seeded_random.ts";

/** The mixture of one run. */
export interface RunOptions {
  /** Processes that use the log one after the other. */
  readonly processes: number;
  /** Steps of each. */
  readonly steps: number;
  /** Records that are appended at once, at most. */
  readonly together: number;
  /** Bytes of the names in a record, at most; segments have 1 KiB. */
  readonly size: number;
  /** Numbers of transactions are drawn from so many. */
  readonly transactions: number;
  /** Probability of a new fault at each step. */
  readonly faults: number;
  /** The calls that fail; any if empty. */
  readonly failing: readonly CallKind[];
  /** How many calls a fault hits. */
  readonly faultTimes: readonly number[];
  /** What faults do, each as likely as the others. */
  readonly effects: readonly FaultEffect[];
  /** The calls that lie, where a fault is a lie. */
  readonly lying: readonly CallKind[];
  /** Probability that some bytes rot at each step, and between two processes. */
  readonly rot: number;
  /** Probability that the disk is mended at each step. */
  readonly mending: number;
  /**
   * Probability that a process ends at a call drawn beforehand, rather than when its steps are
   * done.
   */
  readonly cuts: number;
  /** Calls within which it then ends. */
  readonly cutWithin: number;
  /** Probability that the end of a process is a power cut. */
  readonly power: number;
  /** Probability that syncs are held for a step, so that much waits for them. */
  readonly holding: number;
}

const KINDS: readonly CallKind[] = [
  "list",
  "open",
  "rename",
  "remove",
  "syncDirectory",
  "syncAncestors",
  "read",
  "write",
  "syncData",
  "size",
];

/** The calls that can lie. */
const LYING: readonly CallKind[] = [
  "read",
  "write",
  "syncData",
  "syncDirectory",
  "syncAncestors",
  "rename",
  "remove",
  "list",
  "size",
  "identify",
];

/** In three runs of five the disk keeps its word, so that nothing at all may be lost. */
function drawEffects(random: SeededRandom): readonly FaultEffect[] {
  const kept: FaultEffect[] = random.pick([["fail"], ["fail", "drop"], ["short"], [
    "fail",
    "short",
  ]]);
  if (random.chance(0.6)) return kept;
  const lies: FaultEffect[] = random.pick([["lost"], ["misplaced"], ["lost", "misplaced"]]);
  return random.chance(0.5) ? lies : [...kept, ...lies];
}

/** Draws the mixture of a run. */
export function drawOptions(random: SeededRandom): RunOptions {
  const withFaults = random.chance(0.7);
  return {
    processes: random.pick([1, 2, 2, 3, 4]),
    steps: random.pick([1, 3, 6, 10]),
    together: random.pick([1, 1, 3, 8, 20]),
    size: random.pick([1, 20, 100, 500, 3000]),
    transactions: random.pick([2, 5, 30]),
    faults: withFaults ? random.pick([0.05, 0.2, 0.6]) : 0,
    failing: random.chance(0.3) ? [] : random.shuffle(KINDS).slice(0, random.pick([1, 2, 4])),
    faultTimes: random.pick([[1], [1, 2, 3], [2, 5, 12], [Infinity], [1, 4, Infinity]]),
    effects: drawEffects(random),
    lying: random.shuffle(LYING).slice(0, random.pick([1, 2, LYING.length])),
    rot: random.chance(0.8) ? 0 : random.pick([0.05, 0.3, 1]),
    mending: random.pick([0, 0.1, 0.5]),
    cuts: random.pick([0, 0.5, 1]),
    cutWithin: random.pick([20, 40, 120]),
    power: random.pick([0, 0.5, 1]),
    holding: random.pick([0, 0, 0.3]),
  };
}

/** Whether the disk of such a run neither lies nor rots. */
export function keepsItsWord({ effects, rot }: RunOptions): boolean {
  return rot === 0 && !effects.some(isLie);
}

function isLie(effect: FaultEffect): boolean {
  return effect === "lost" || effect === "misplaced";
}

/** Draws a fault. */
export function drawFault(random: SeededRandom, options: RunOptions): Fault {
  const { failing, faultTimes, effects, lying } = options;
  const effect = random.pick(effects);
  const kinds = isLie(effect) ? lying : failing;
  const where = kinds.length === 0 ? {} : { kind: random.pick(kinds) };
  const skip = random.pick([0, 0, 1, 3, random.below(30)]);
  return { ...where, skip, times: random.pick(faultTimes), effect };
}
