/**
 * What a coordinator does last: lets those finish that run, ends those that do not, stops everything of its
 * own, and says what it leaves to the next opening.
 *
 * @module
 */

import { within } from "../platform/clock.ts";
import type { Assembly } from "./assembly.ts";
import type { DecisionLog } from "./decision_log.ts";
import { describeInDoubt, type InDoubtTransaction } from "./in_doubt.ts";
import type { FullOptions } from "./options.ts";
import type { Participant } from "./participant.ts";

/** What a coordinator leaves to its next opening. */
export interface CloseReport {
  /**
   * Ids of transactions that had not ended when `closeTimeout` was over: rolled back, if their functions still
   * ran; what had begun to commit may be taken up by the next opening.
   */
  readonly unfinished: readonly string[];
  /** Transactions that are not settled; the next opening takes them up. */
  readonly inDoubt: readonly InDoubtTransaction[];
  /**
   * Why the last records of the log may not be on disk; `null` if they are. No decision is among them: what is
   * lost are outcomes and Ends, without which the next opening looks once more or knows less.
   */
  readonly logError: unknown;
}

/**
 * Closes; must be called once only, when no new transaction can begin any more.
 *
 * @param parts The coordinator's parts.
 * @param log Its log.
 * @param options How long to wait for transactions under way.
 * @returns What is left.
 */
export async function close(
  parts: Assembly,
  log: DecisionLog,
  { closeTimeout, platform }: FullOptions,
): Promise<CloseReport> {
  const { beginning, ledger, members, membership, resolver, timers } = parts;
  beginning.close();
  await within(platform.clock, ledger.idle, closeTimeout, undefined);
  const unfinished = ledger.live.map(({ txn }) => String(txn));
  // What they hold must not be held, nor the process kept alive, until their own time is up.
  await beginning.expire();
  await membership.close();
  await resolver.close();
  for (const { participant } of members.values()) letGo(participant);
  const inDoubt = ledger.unsettled.map((settlement) => describeInDoubt(settlement, resolver));
  timers.close();
  const logError = await log.close().then(() => null, (error: unknown) => error);
  return { unfinished, inDoubt, logError };
}

/** One that fails keeps neither the others nor the log from being let go of. */
function letGo(participant: Participant<unknown>): void {
  try {
    participant.detach();
  } catch {
    // What it holds is in the application's own client, which the application ends.
  }
}
