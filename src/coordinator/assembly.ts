/**
 * Puts the parts of a coordinator together.
 *
 * @module
 */

import { SharedTimers } from "../platform/shared_timers.ts";
import { Beginning } from "./beginning.ts";
import type { DecisionLog } from "./decision_log.ts";
import { Ledger } from "./ledger.ts";
import { Member } from "./member.ts";
import { Membership } from "./membership.ts";
import { Operator } from "./operator.ts";
import type { FullOptions } from "./options.ts";
import { Resolver } from "./resolver.ts";
import type { Settlement } from "./settlement.ts";
import { TransactionNumbers } from "./transaction_id.ts";

/** The parts of a coordinator. */
export interface Assembly {
  /** The participants by name. */
  readonly members: ReadonlyMap<string, Member>;
  /** Gives out numbers of transactions. */
  readonly numbers: TransactionNumbers;
  /** Which transactions there are. */
  readonly ledger: Ledger;
  /** Ends what was not ended on the way. */
  readonly resolver: Resolver;
  /** Checks and sweeps the participants. */
  readonly membership: Membership;
  /** Begins transactions. */
  readonly beginning: Beginning;
  /** Carries out what operators decide. */
  readonly operator: Operator;
  /** The timers of transactions. */
  readonly timers: SharedTimers;
}

/**
 * Puts the parts together over a log.
 *
 * @param options The coordinator's options.
 * @param log The log, open.
 * @param onUnsettled Hears of transactions that their callers no longer wait for; perhaps more than once.
 * @returns The parts; nothing has been done yet.
 */
export function assemble(
  options: FullOptions,
  log: DecisionLog,
  onUnsettled: (settlement: Settlement) => void,
): Assembly {
  const { platform: { clock, randomness }, participants, onEvent } = options;
  const members = new Map(
    Object.entries(participants).map(([name, one]) => [name, new Member(name, one)]),
  );
  const numbers = new TransactionNumbers(log.epoch);
  const ledger = new Ledger(log, clock);
  const onSuspect = (participant: string) => membership.suspect(participant);
  const onUnlogged = (settlement: Settlement) => void keep(settlement, log);
  const resolver = new Resolver({
    members,
    clock,
    randomness,
    onEvent,
    onSuspect,
    onAbsent: (participant) => membership.lookAgain(participant),
    onUnlogged,
  });
  const membership = new Membership({
    members,
    log,
    ledger,
    resolver,
    options,
    onUnsettled,
    lastTransaction: () => numbers.last,
  });
  const { prepareTimeout, settleTimeout, forceBegin, onProtocolPoint } = options;
  const times = { prepareTimeout, settleTimeout, forceBegin };
  const settle: Ledger["settle"] = (request) => ledger.settle(request);
  const timers = new SharedTimers(clock);
  const context = {
    log,
    resolver,
    clock: timers,
    ...times,
    onProtocolPoint,
    onUnsettled,
    onSuspect,
    settle,
  };
  const { coordinator } = log;
  const beginning = new Beginning({ coordinator, numbers, members, ledger, log, options, context });
  const operator = new Operator({ log, ledger, resolver, membership, members, clock, onUnlogged });
  return { members, numbers, ledger, resolver, membership, beginning, operator, timers };
}

/**
 * A branch did not end, or may not have ended, as its transaction did: the next opening has to know, and must
 * drive it to the same end. So what has committed is recorded as decided.
 */
async function keep(settlement: Settlement, log: DecisionLog): Promise<void> {
  const { id, verdict, outstanding } = settlement;
  settlement.logged = true;
  const recording = verdict === "commit"
    ? log.decide(BigInt(id), outstanding)
    : log.begin(BigInt(id), outstanding);
  // If the log cannot take it, it was told to the listener, and is seen until this opening ends.
  await recording.catch(() => {});
}
