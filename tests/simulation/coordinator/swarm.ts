/**
 * What can happen in one run, as its seed draws it. In each run most faults do not occur at all and
 * some occur often, so that rare ones meet each other.
 */

import type { SeededRandom } from "../seeded_random.ts";

/** Kinds of databases. */
export type ServerKind = "postgresql" | "mariadb" | "mariadb with proof";

/** How likely it is that something becomes of a command. */
export interface Odds {
  readonly before: number;
  readonly after: number;
  readonly late: number;
  readonly hang: number;
  readonly refuse: number;
}

/** Everything that is drawn before a run begins. */
export interface Swarm {
  readonly servers: readonly { readonly name: string; readonly kind: ServerKind }[];
  readonly transactions: number;
  /** Milliseconds of the safety phase. */
  readonly safety: number;
  readonly odds: Odds;
  /** The most milliseconds for one way to a database. */
  readonly travel: number;
  /** The most milliseconds that a sync takes. */
  readonly syncing: number;
  /** How likely the process dies at each step; and how likely that is a power cut. */
  readonly death: number;
  readonly powerCut: number;
  /** How often each of these happens in the safety phase. */
  readonly closes: number;
  readonly outages: number;
  readonly failovers: number;
  readonly restores: number;
  readonly swaps: number;
  readonly meddlings: number;
  readonly interferences: number;
  readonly diskFaults: number;
  readonly clockJumps: number;
  readonly lostCommits: number;
  /** How likely a crash also damages the log, and how likely a start finds a wrong database. */
  readonly damage: number;
  readonly impostor: number;
  /** How the coordinator is opened. */
  readonly forceBegin: boolean;
  readonly sweepInterval: number;
  readonly prepareTimeout: number;
  readonly settleTimeout: number;
  readonly checkTimeout: number;
  readonly closeTimeout: number;
  readonly maxConcurrentTransactions: number;
  readonly keepOutcomes: number;
}

/** More outcomes than there are transactions in a run. */
export const MANY_OUTCOMES = 1_000;

const NAMES = ["north", "south", "west"] as const;
const KINDS: readonly ServerKind[] = ["postgresql", "postgresql", "mariadb", "mariadb with proof"];

/** Draws the swarm of a run. */
export function drawSwarm(random: SeededRandom): Swarm {
  const sometimes = (most: number) => random.chance(0.4) ? random.fraction() * most : 0;
  const times = (chance: number, most: number) =>
    random.chance(chance) ? 1 + random.below(most) : 0;
  const isDamaged = random.chance(0.15);
  return {
    servers: NAMES.slice(0, 2 + random.below(2))
      .map((name) => ({ name, kind: random.pick(KINDS) })),
    transactions: 5 + random.below(16),
    safety: 3_000 + random.below(4_000),
    odds: {
      before: sometimes(0.12),
      after: sometimes(0.12),
      late: sometimes(0.1),
      hang: sometimes(0.05),
      refuse: sometimes(0.15),
    },
    travel: random.pick([5, 20, 80]),
    syncing: random.pick([1, 10, 60]),
    death: isDamaged || random.chance(0.7) ? random.pick([0.002, 0.01, 0.03]) : 0,
    powerCut: random.pick([0, 0.5, 1]),
    closes: times(0.3, 2),
    outages: times(0.4, 3),
    failovers: times(0.1, 2),
    restores: times(0.08, 2),
    swaps: times(0.1, 2),
    meddlings: times(0.15, 4),
    interferences: times(0.15, 3),
    diskFaults: times(0.25, 3),
    clockJumps: times(0.1, 3),
    damage: isDamaged ? 0.8 : 0,
    impostor: sometimes(0.1),
    forceBegin: random.chance(0.3),
    sweepInterval: random.pick([400, 2_000, 10_000]) + random.below(2_000),
    prepareTimeout: 20 + random.below(3_000),
    settleTimeout: 20 + random.below(3_000),
    checkTimeout: 20 + random.below(1_000),
    closeTimeout: 1 + random.below(3_000),
    maxConcurrentTransactions: random.pick([1, 3, 1_000, 1_000]),
    keepOutcomes: random.pick([0, 2, MANY_OUTCOMES, MANY_OUTCOMES]),
    lostCommits: times(0.2, 4),
  };
}
