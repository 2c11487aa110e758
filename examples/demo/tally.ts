/**
 * The numbers of a run.
 *
 * @module
 */

import type { Facts, TransferRecord } from "./facts.ts";
import type { AbortReason, Settlement } from "./messages.ts";
import { KILL_PLACES, placeOfKill } from "./kill_place.ts";
import { placesOf, sumOf } from "./referee.ts";

/** What is counted. */
export interface Tally {
  /** Transfers that were begun: those committed and those aborted. */
  readonly transfers: number;
  /** Transfers that are in both banks. */
  readonly committed: number;
  /** Transfers that are not. */
  readonly aborted: number;
  /** Of the aborted ones, those whose worker said why. */
  readonly abortReasons: Readonly<Record<AbortReason, number>>;
  /** Of the aborted ones, those that a kill cut off. */
  readonly cutOff: number;
  /** Found in doubt by a recovery and committed. */
  readonly inDoubtCommitted: number;
  /** Found in doubt by a recovery and rolled back. */
  readonly inDoubtRolledBack: number;
  readonly kills: number;
  readonly killsByPlace: Readonly<Record<string, number>>;
  readonly recoveryMilliseconds: { readonly median: number; readonly max: number };
  readonly sumBefore: number;
  readonly sumAfter: number;
  /** Prepared transactions left in the end. */
  readonly preparedLeft: number;
}

/** Counts. */
export function tallyOf(facts: Facts): Tally {
  const place = placesOf(facts);
  const aborted = facts.transfers.filter(({ id }) => place(id) !== "both");
  const kills = facts.rounds.flatMap((round) => placeOfKill(round) ?? []);
  return {
    transfers: facts.transfers.length,
    committed: facts.transfers.length - aborted.length,
    aborted: aborted.length,
    abortReasons: {
      "insufficient funds": withReason(aborted, "insufficient funds"),
      "refused at PREPARE": withReason(aborted, "refused at PREPARE"),
      "other": withReason(aborted, "other"),
    },
    cutOff: aborted.filter(({ reported }) => reported === null).length,
    inDoubtCommitted: settled(facts, "committed"),
    inDoubtRolledBack: settled(facts, "rolled back"),
    kills: kills.length,
    killsByPlace: countEach(kills),
    recoveryMilliseconds: recoveryTimes(facts),
    sumBefore: facts.sumBefore,
    sumAfter: sumOf(facts),
    preparedLeft: facts.books.north.prepared.length + facts.books.south.prepared.length,
  };
}

function withReason(transfers: readonly TransferRecord[], reason: AbortReason): number {
  return transfers.filter((transfer) => transfer.reason === reason).length;
}

/** A transaction counts once, even if its recovery was killed and done again. */
function settled({ rounds }: Facts, outcome: Settlement): number {
  const all = rounds.flatMap((round) => round.settled)
    .filter((one) => one.outcome === outcome && !one.reported);
  return new Set(all.map(({ transaction }) => transaction)).size;
}

function countEach(places: readonly string[]): Record<string, number> {
  const counts = KILL_PLACES.map((place) => {
    return [place, places.filter((one) => one === place).length] as const;
  });
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/** The first start has nothing to recover from. */
function recoveryTimes({ rounds }: Facts): Tally["recoveryMilliseconds"] {
  const times = rounds.slice(1)
    .flatMap(({ recovery }) => recovery?.milliseconds ?? [])
    .sort((a, b) => a - b);
  const median = times[Math.floor((times.length - 1) / 2)] ?? 0;
  return { median: tenths(median), max: tenths(times.at(-1) ?? 0) };
}

function tenths(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
