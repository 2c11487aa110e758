/**
 * What a coordinator does first: drives to an end what the last opening left in doubt. Decisions from the
 * log are taken up before any database is swept, so that no sweep can mistake a decided branch for one to
 * roll back.
 *
 * @module
 */

import { type Clock, within } from "../platform/clock.ts";
import type { Assembly } from "./assembly.ts";
import type { DecisionLog, UnfinishedTransaction } from "./decision_log.ts";
import type { Ledger } from "./ledger.ts";
import type { Membership } from "./membership.ts";
import type { FullOptions } from "./options.ts";
import type { Resolver } from "./resolver.ts";
import type { Settlement } from "./settlement.ts";

/** How long opening waits for the first try of every branch in doubt. */
const FIRST_TRY_TIMEOUT_MS = 30_000;

/** What the opening of a coordinator found in doubt, by ids of transactions. */
export interface RecoveryReport {
  /** Decided by the log and now committed in every database. */
  readonly committed: readonly string[];
  /** Without a decision and now rolled back. */
  readonly rolledBack: readonly string[];
  /** Not settled yet; the coordinator goes on trying. */
  readonly pending: readonly string[];
  /** How long opening took to read the log and to settle all that, in milliseconds. */
  readonly milliseconds: number;
}

/**
 * Recovers: tells of damage to the log, takes up what it holds unfinished, checks the participants, tries
 * everything in doubt once, and then has it tried again and again.
 *
 * @param parts The coordinator's parts.
 * @param log Its log, just opened.
 * @param options Its options.
 * @param begun When opening began, by the clock.
 * @param tell Hears of what is not settled.
 * @returns What was found.
 * @throws {ParticipantConfigurationError} If a database must be changed first.
 * @throws {ParticipantIdentityError} If a database is not the one that had the name.
 * @throws {ParticipantUnavailableError} If one cannot be reached and all are required.
 */
export async function recover(
  { ledger, membership, resolver }: Assembly,
  log: DecisionLog,
  { onEvent, platform }: FullOptions,
  begun: number,
  tell: (settlement: Settlement) => void,
): Promise<RecoveryReport> {
  for (const { file, reason, epoch } of log.damages) {
    onEvent({ type: "log-damaged", file, reason, epoch });
  }
  const settlements = takeUp(log.recovered, ledger);
  await membership.checkAll();
  const found = await settleRecovered(settlements, membership, resolver, platform.clock, begun);
  for (const settlement of ledger.unsettled) tell(settlement);
  membership.start();
  return found;
}

/**
 * Takes up what the log holds unfinished.
 *
 * @param unfinished From the log.
 * @param ledger Keeps account of it.
 * @returns The settlings, nothing of which has been tried.
 */
export function takeUp(
  unfinished: readonly UnfinishedTransaction[],
  ledger: Ledger,
): Settlement[] {
  return unfinished
    // One that was begun and may have been decided in a damaged part of the log is left to the sweep.
    .filter(({ txn, decided, doubtful }) => decided || doubtful || !ledger.isUncertain(txn))
    .map(({ txn, decided, doubtful, branches }) => {
      const verdict = decided ? "commit" : doubtful ? "ask" : "rollback";
      return ledger.settle({ txn, verdict, branches, logged: true });
    });
}

/**
 * Settles, as far as one try goes, what was taken up and what the databases hold besides.
 *
 * @param settlements What was taken up from the log.
 * @param membership Sweeps the participants, which have been checked.
 * @param resolver Settles.
 * @param clock Measures and limits the time.
 * @param begun When opening began, by the clock.
 * @returns What was found.
 */
export async function settleRecovered(
  settlements: readonly Settlement[],
  membership: Membership,
  resolver: Resolver,
  clock: Clock,
  begun: number,
): Promise<RecoveryReport> {
  const recovered = settlements.flatMap((settlement) =>
    settlement.outstanding.map((branch) => resolver.take(settlement, branch))
  );
  const swept = await membership.sweepAll();
  const tries = [...recovered, ...swept.map(({ tried }) => tried)];
  await within(clock, Promise.all(tries), FIRST_TRY_TIMEOUT_MS, undefined);
  return report([...settlements, ...swept.map(({ settlement }) => settlement)], clock, begun);
}

function report(
  settlements: readonly Settlement[],
  clock: Clock,
  begun: number,
): RecoveryReport {
  const committed = new Set<string>();
  const rolledBack = new Set<string>();
  const pending = new Set<string>();
  for (const { id, verdict, outcome, outstanding, heuristics } of settlements) {
    const settled = outstanding.length === 0 && heuristics.length === 0;
    const commits = verdict === "commit" || outcome === "committed";
    const set = !settled ? pending : commits ? committed : rolledBack;
    set.add(id);
  }
  for (const id of pending) rolledBack.delete(id);
  return {
    committed: [...committed],
    rolledBack: [...rolledBack],
    pending: [...pending],
    milliseconds: clock.elapsed() - begun,
  };
}
