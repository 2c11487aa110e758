/**
 * A commit of this library over two databases that do nothing: begin, two branches, PREPARE, the decision
 * made durable, COMMIT PREPARED, End.
 *
 * @module
 */

import { Coordinator } from "../../../mod.ts";
import type { Contender, ContenderSettings } from "../contender.ts";
import { countedPlatform, noCounts } from "../counted_platform.ts";
import { NoOpParticipant } from "../no_op_participant.ts";

/** The library's own default limits the transactions at once; a higher one is asked for if need be. */
const DEFAULT_TRANSACTIONS = 1000;

/** Opens a coordinator. */
export async function openCommit(settings: ContenderSettings): Promise<Contender> {
  const { directory, concurrency } = settings;
  const counts = noCounts();
  const coordinator = await Coordinator.open({
    directory,
    participants: { orders: new NoOpParticipant("1"), billing: new NoOpParticipant("2") },
    maxConcurrentTransactions: Math.max(DEFAULT_TRANSACTIONS, concurrency),
    platform: countedPlatform(counts),
  });
  const names = ["orders", "billing"] as const;
  const nothing = () => {};
  return {
    counts,
    operate: () => coordinator.transaction(names, nothing),
    [Symbol.asyncDispose]: () => coordinator[Symbol.asyncDispose](),
  };
}
