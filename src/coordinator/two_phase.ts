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

import { LogUnavailableError } from "../wal/errors.ts";
import { type AbortReason, logRefusal } from "./abort_reason.ts";
import type { EnlistedBranch } from "./enlisted_branch.ts";
import { HeuristicOutcomeError, OutcomeUnknownError } from "./errors.ts";
import type { SettleAnswer } from "./participant.ts";
import { Round } from "./round.ts";
import type { Settlement } from "./settlement.ts";
import type { TransactionCore } from "./transaction_core.ts";

/**
 * Decides that a transaction commits.
 *
 * @param core The transaction, "committing", with all writers prepared.
 * @param writers Its branches that wrote.
 * @returns Resolves when that is on disk; what rejects it is for {@linkcode undecided}.
 */
export function decide(
  core: TransactionCore,
  writers: readonly EnlistedBranch[],
): Promise<unknown> {
  const { log, onProtocolPoint } = core.context;
  onProtocolPoint("all-prepared", core.id);
  core.states.moveTo("deciding");
  return log.decide(core.txn, writers);
}

/**
 * What it means that the log refused a decision.
 *
 * @param core The transaction, "deciding".
 * @param writers Its branches that wrote.
 * @param cause What the log said.
 * @returns Why the transaction must be rolled back.
 * @throws {OutcomeUnknownError} If only the log knows whether it is decided.
 */
export function undecided(
  core: TransactionCore,
  writers: readonly EnlistedBranch[],
  cause: unknown,
): AbortReason {
  if (!(cause instanceof LogUnavailableError) || cause.written === "no") return logRefusal(cause);
  leaveToLog(core, cause, writers);
  const reason = "the log could not say whether the decision is on disk";
  throw new OutcomeUnknownError(core.id, reason, { cause });
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

/** Who hears what became of a commit. */
export interface CommitListener {
  /**
   * Hears that it is committed.
   *
   * @param settlement The settling that is left to the resolver or had its help; `null` if every branch has
   * committed.
   */
  committed(settlement: Settlement | null): void;
  /** Hears that it is not, or not everywhere, or that nobody knows. */
  notCommitted(error: unknown): void;
}

/**
 * Commits what is prepared, after the decision.
 *
 * @param core The transaction, "deciding", with the decision on disk.
 * @param writers Its branches that wrote.
 * @param listener Hears when they have; with a {@linkcode HeuristicOutcomeError} if someone ended a branch
 * otherwise.
 */
export function commitPrepared(
  core: TransactionCore,
  writers: readonly EnlistedBranch[],
  listener: CommitListener,
): void {
  const { clock, settleTimeout, onProtocolPoint } = core.context;
  core.states.moveTo("settling");
  const committing = new Committing(core, writers, listener);
  core.settling = committing;
  onProtocolPoint("decided", core.id);
  committing.start(writers, clock, settleTimeout);
}

/** Who does not say that it has committed is left to the resolver, and waited for as long as the time lasts. */
class Committing extends Round<SettleAnswer | null> {
  readonly #core: TransactionCore;
  readonly #writers: readonly EnlistedBranch[];
  readonly #listener: CommitListener;
  readonly #since: number;
  /** Open as soon as somebody looks at it or a branch does not say so; until then the transaction is just live. */
  #settlement: Settlement | null = null;
  #committed = 0;

  constructor(
    core: TransactionCore,
    writers: readonly EnlistedBranch[],
    listener: CommitListener,
  ) {
    super();
    this.#core = core;
    this.#writers = writers;
    this.#listener = listener;
    this.#since = core.context.clock.now();
  }

  protected commandTo(): string {
    return "COMMIT PREPARED";
  }

  /** Asks a branch; once it was left to the resolver, that is asked. */
  ask(branch: EnlistedBranch): Promise<SettleAnswer | null> {
    if (branch.progress !== "ended") return branch.commitPrepared();
    return this.#settlement!.done.then(() => null);
  }

  /** Hears an answer; or, if that is `null`, that the resolver has settled all of them. */
  protected heard(branch: EnlistedBranch, answer: SettleAnswer | null): true | void {
    if (answer === null) return;
    const { context: { resolver, onProtocolPoint }, id } = this.#core;
    // Before it counts as ended: all that have are taken for committed then.
    const settlement = answer.kind === "done" ? this.#settlement : this.open();
    branch.progress = "ended";
    branch.release();
    if (answer.kind !== "done") {
      void resolver.take(settlement!, branch, answer);
      return true;
    }
    this.#committed++;
    if (this.#committed === 1) onProtocolPoint("first-committed", id);
    if (this.#committed === this.#writers.length) onProtocolPoint("all-committed", id);
    settlement?.settle(branch.gid, "committed");
  }

  protected unheard(branch: EnlistedBranch, error: unknown): void {
    // If it has answered, the resolver has it already.
    if (branch.progress !== "ended") void this.heard(branch, { kind: "later", error });
  }

  protected over(): void {
    const settlement = this.#settlement;
    const { id, txn, context: { log, onUnsettled } } = this.#core;
    if (settlement === null) log.end(txn);
    this.#core.settling = null;
    this.#core.end("committed");
    if (settlement !== null) {
      const isHeuristic = settlement.heuristics.length > 0;
      if (isHeuristic || !settlement.isOver) onUnsettled(settlement);
      if (isHeuristic) throw new HeuristicOutcomeError(id, "committed", settlement.heuristics);
    }
    if (!this.isBroken) this.#listener.committed(settlement);
  }

  protected broken(error: unknown): void {
    this.#listener.notCommitted(error);
  }

  /** Opens the settling, of which those that have ended are no part any more. */
  open(): Settlement {
    if (this.#settlement !== null) return this.#settlement;
    const settlement = this.#core.settle("commit", this.#writers, true, this.#since);
    this.#settlement = settlement;
    for (const { progress, gid } of this.#writers) {
      if (progress === "ended") settlement.settle(gid, "committed");
    }
    return settlement;
  }
}
