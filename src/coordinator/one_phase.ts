/**
 * The commit of a transaction in which one branch wrote, or none: no log record, no PREPARE. Its database
 * decides. If the answer is lost, the database is asked by the outcome token until it says.
 *
 * @module
 */

import { within } from "../platform/clock.ts";
import { abortedError, type AbortReason, deadlineReason, refusal } from "./abort_reason.ts";
import type { EnlistedBranch } from "./enlisted_branch.ts";
import { OutcomeUnknownError } from "./errors.ts";
import type { VoteAnswer } from "./participant.ts";
import { PromisedRound } from "./round.ts";
import type { TransactionCore } from "./transaction_core.ts";

const COMMIT = "COMMIT";

/**
 * Commits in one phase. The branches that only read commit first: a failure of theirs can still end the
 * transaction.
 *
 * @param core The transaction, "committing".
 * @param writer The branch that wrote, if one did.
 * @param readers The others.
 * @returns Why the transaction must be rolled back, or `null` if it is committed.
 * @throws {OutcomeUnknownError} If the answer was lost and the database does not say in time.
 * @throws {TransactionAbortedError} If the answer was lost and the database has rolled back.
 */
export async function commitInOnePhase(
  core: TransactionCore,
  writer: EnlistedBranch | undefined,
  readers: readonly EnlistedBranch[],
): Promise<AbortReason | null> {
  const { clock, prepareTimeout, log } = core.context;
  const limits = { clock, milliseconds: prepareTimeout };
  if (readers.length > 0) {
    const failure = await new Committing().askAll(readers, { ...limits, deadline: core.deadline });
    const { error } = core.deadline;
    if (failure !== null) {
      return error === null
        ? refusal(failure.branch, COMMIT, failure.answer)
        : deadlineReason(error);
    }
  }
  if (writer !== undefined) {
    const answer = (await new Committing().askAll([writer], limits))?.answer;
    if (answer?.kind === "refused") return refusal(writer, COMMIT, answer);
    if (answer?.kind === "unknown") return await askForOutcome(core, writer, answer.error);
  }
  log.conclude(core.txn, true);
  core.end("committed");
  return null;
}

/** A branch that did not say that it has committed. */
interface Failure {
  readonly branch: EnlistedBranch;
  readonly answer: Exclude<VoteAnswer, { kind: "done" }>;
}

/** Commits; tells of the first that did not say so. */
class Committing extends PromisedRound<VoteAnswer, Failure | null> {
  #failure: Failure | null = null;

  protected commandTo(): string {
    return COMMIT;
  }

  ask(branch: EnlistedBranch): Promise<VoteAnswer> {
    return branch.commit();
  }

  protected heard(branch: EnlistedBranch, answer: VoteAnswer): void {
    branch.progress = "ended";
    if (answer.kind !== "done") this.#failure ??= { branch, answer };
  }

  protected unheard(branch: EnlistedBranch, error: unknown): void {
    this.heard(branch, { kind: "unknown", error });
  }

  protected result(): Failure | null {
    return this.#failure;
  }
}

async function askForOutcome(
  core: TransactionCore,
  writer: EnlistedBranch,
  cause: unknown,
): Promise<null> {
  const { log, resolver, clock, settleTimeout, onUnsettled } = core.context;
  // The session must have ended before its database can be asked how.
  core.releaseAll();
  const settlement = core.settle("ask", [writer], true);
  void log.doubt(core.txn, writer);
  void resolver.take(settlement, writer);
  await within(clock, settlement.done, settleTimeout, undefined);
  if (settlement.outcome === "committed") {
    core.end("committed");
    return null;
  }
  if (settlement.outcome === "rolled back") {
    core.states.moveTo("aborting");
    core.end("aborted");
    const { participant } = writer;
    const reason = `"${participant}" rolled it back instead of an answer to COMMIT`;
    throw abortedError(core.id, { reason, retryable: true, participant, cause });
  }
  core.end("unknown");
  onUnsettled(settlement);
  void settlement.done.then(() => {
    if (settlement.outcome === null) return;
    core.states.moveTo(settlement.outcome === "committed" ? "committed" : "aborted");
  });
  const reason = `the answer of "${writer.participant}" to COMMIT was lost`;
  throw new OutcomeUnknownError(core.id, reason, { cause });
}
