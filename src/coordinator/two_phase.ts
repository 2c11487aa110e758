/**
 * Phase two: the decision, and what follows from it.
 *
 * The order that everything rests on: every branch has answered PREPARE before the decision is appended;
 * the decision is known to be on disk before the first COMMIT PREPARED leaves; no branch is rolled back
 * once the decision may be on disk. So whatever a crash leaves prepared is committed if the log holds the
 * decision and rolled back if it does not (presumed abort: Mohan, Lindsay and Obermarck, "Transaction
 * management in the R* distributed database management system", 1986).
 *
 * @module
 */

import { within } from "../platform/clock.ts";
import { LogUnavailableError } from "../wal/errors.ts";
import { type AbortReason, logRefusal } from "./abort_reason.ts";
import type { EnlistedBranch } from "./enlisted_branch.ts";
import { HeuristicOutcomeError, OutcomeUnknownError } from "./errors.ts";
import type { SettleAnswer } from "./participant.ts";
import { askAll, type Question } from "./round.ts";
import type { Settlement } from "./settlement.ts";
import type { TransactionCore } from "./transaction_core.ts";

/**
 * Decides, and commits what is prepared.
 *
 * @param core The transaction, "committing", with all writers prepared.
 * @param writers Its branches that wrote.
 * @returns Why the transaction must be rolled back, or the settling of what was decided.
 * @throws {OutcomeUnknownError} If only the log knows.
 * @throws {HeuristicOutcomeError} If someone ended a branch otherwise.
 */
export async function commitInTwoPhases(
  core: TransactionCore,
  writers: readonly EnlistedBranch[],
): Promise<AbortReason | Settlement> {
  const { log, onProtocolPoint } = core.context;
  onProtocolPoint("all-prepared", core.id);
  core.states.moveTo("deciding");
  try {
    await log.decide(core.txn, writers);
  } catch (cause) {
    if (!(cause instanceof LogUnavailableError) || cause.written === "no") {
      return logRefusal(cause);
    }
    leaveToLog(core, cause, writers);
    const reason = "the log could not say whether the decision is on disk";
    throw new OutcomeUnknownError(core.id, reason, { cause });
  }
  core.states.moveTo("settling");
  return await settle(core, writers);
}

/** The log may come back with the decision in it: then the branches are committed after all. */
function leaveToLog(
  core: TransactionCore,
  { settled }: LogUnavailableError,
  writers: readonly EnlistedBranch[],
): void {
  const { resolver, onUnsettled } = core.context;
  // Open before the transaction leaves the live ones: no sweep may find it in neither.
  const stranded = core.settle("log", writers, false);
  core.end("unknown");
  onUnsettled(stranded);
  void settled.then((restated) => {
    if (!restated) return;
    core.states.moveTo("committed");
    const settlement = core.settle("commit", writers, true);
    for (const branch of writers) void resolver.take(settlement, branch);
  });
}

async function settle(
  core: TransactionCore,
  writers: readonly EnlistedBranch[],
): Promise<Settlement> {
  const { clock, settleTimeout, onProtocolPoint, onUnsettled } = core.context;
  const settlement = core.settle("commit", writers, true);
  const begun = clock.elapsed();
  onProtocolPoint("decided", core.id);
  const committing = new Committing(core, writers.length, settlement);
  await askAll(writers, committing, { clock, milliseconds: settleTimeout });
  if (!settlement.isOver) {
    const left = Math.max(0, settleTimeout - (clock.elapsed() - begun));
    await within(clock, settlement.done, left, undefined);
  }
  core.end("committed");
  const isHeuristic = settlement.heuristics.length > 0;
  if (isHeuristic || !settlement.isOver) onUnsettled(settlement);
  if (isHeuristic) {
    throw new HeuristicOutcomeError(core.id, "committed", settlement.heuristics);
  }
  return settlement;
}

/** Commits what is prepared; who does not say that it did is left to the resolver. */
class Committing implements Question<SettleAnswer> {
  readonly #core: TransactionCore;
  readonly #branches: number;
  readonly #settlement: Settlement;
  #committed = 0;

  constructor(core: TransactionCore, branches: number, settlement: Settlement) {
    this.#core = core;
    this.#branches = branches;
    this.#settlement = settlement;
  }

  commandTo(): string {
    return "COMMIT PREPARED";
  }

  ask(branch: EnlistedBranch): Promise<SettleAnswer> {
    return branch.commitPrepared();
  }

  hear(branch: EnlistedBranch, answer: SettleAnswer): void {
    branch.progress = "ended";
    branch.release();
    const { context: { resolver, onProtocolPoint }, id } = this.#core;
    if (answer.kind !== "done") {
      void resolver.take(this.#settlement, branch, answer);
      return;
    }
    this.#committed++;
    if (this.#committed === 1) onProtocolPoint("first-committed", id);
    if (this.#committed === this.#branches) onProtocolPoint("all-committed", id);
    this.#settlement.settle(branch.gid, "committed");
  }

  fail(branch: EnlistedBranch, error: unknown): void {
    this.hear(branch, { kind: "later", error });
  }
}
