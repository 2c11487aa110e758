/**
 * A commit of this library over two databases that do nothing: begin, two branches, PREPARE, the decision
 * made durable, COMMIT PREPARED, End. As it is, and tuned for just that: with a context that carries nothing,
 * and with V8's larger young generation (`contenders.ts`), both from the table in `docs/performance.md`.
 *
 * @module
 */

import { Coordinator, type CoordinatorOptions, type Participants } from "../../../mod.ts";
import type { Contender, ContenderSettings } from "../contender.ts";
import { countedPlatform, noCounts } from "../counted_platform.ts";
import { NoOpParticipant } from "../no_op_participant.ts";

/** The library's own default limits the transactions at once; a higher one is asked for if need be. */
const DEFAULT_TRANSACTIONS = 1000;

/** Opens a coordinator. */
export function openCommit(settings: ContenderSettings): Promise<Contender> {
  return open(settings, {});
}

/** Opens one whose transactions cannot be found by nested code. */
export function openTuned(settings: ContenderSettings): Promise<Contender> {
  return open(settings, { context: { run: (_, fn) => fn(), getStore: () => undefined } });
}

async function open(
  { directory, concurrency }: ContenderSettings,
  tuning: Pick<CoordinatorOptions<Participants>, "context">,
): Promise<Contender> {
  const counts = noCounts();
  const coordinator = await Coordinator.open({
    directory,
    participants: { orders: new NoOpParticipant("1"), billing: new NoOpParticipant("2") },
    maxConcurrentTransactions: Math.max(DEFAULT_TRANSACTIONS, concurrency),
    platform: countedPlatform(counts),
    ...tuning,
  });
  const names = ["orders", "billing"] as const;
  const nothing = () => {};
  return {
    counts,
    operate: () => coordinator.transaction(names, nothing),
    [Symbol.asyncDispose]: () => coordinator[Symbol.asyncDispose](),
  };
}
