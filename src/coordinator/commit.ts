/**
 * The commit of a transaction, from the votes to the answer: phase one, the decision, phase two, and the way
 * back wherever one is left. What follows from an answer follows at once: nothing waits but for the
 * databases and for the disk.
 *
 * @module
 */

import { abortedError, type AbortReason, deadlineReason } from "./abort_reason.ts";
import type { DeadlineError } from "./deadline.ts";
import type { EnlistedBranch } from "./enlisted_branch.ts";
import { BranchEndedError, HeuristicOutcomeError } from "./errors.ts";
import { commitInOnePhase } from "./one_phase.ts";
import type { TransactionCore } from "./transaction_core.ts";
import { type CommitListener, commitPrepared, decide, undecided } from "./two_phase.ts";
import { vote, type VoteListener, type Votes } from "./voting.ts";

/**
 * Commits everywhere or nowhere.
 *
 * @param core The transaction.
 * @param listener Hears what came of it; perhaps at once.
 */
export function commit(core: TransactionCore, listener: CommitListener): void {
  const { aborting, deadline: { error } } = core;
  if (aborting !== null && error !== null) return tellAborted(core.id, aborting, error, listener);
  try {
    core.states.assertActive("commit");
    if (core.enlisting !== null) {
      throw new TypeError(
        `Cannot commit transaction ${core.id}: "${core.enlisting}" is being enlisted, await that first`,
      );
    }
    core.states.moveTo("committing");
    vote(core, new Commit(core, listener));
  } catch (error) {
    listener.notCommitted(error);
  }
}

/** Tells of a transaction whose time was up, when it has been rolled back. */
function tellAborted(
  id: string,
  aborting: Promise<void>,
  error: DeadlineError,
  listener: CommitListener,
): void {
  const tell = () => listener.notCommitted(abortedError(id, deadlineReason(error)));
  aborting.then(tell, tell);
}

class Commit implements VoteListener {
  readonly #core: TransactionCore;
  readonly #listener: CommitListener;

  constructor(core: TransactionCore, listener: CommitListener) {
    this.#core = core;
    this.#listener = listener;
  }

  voted(votes: Votes): void {
    if (votes.kind !== "prepared") return this.#unprepared(votes);
    if (this.#abortIfLate()) return;
    const { writers } = votes;
    try {
      decide(this.#core, writers).then(
        () => this.#decided(writers),
        (cause) => this.#undecided(writers, cause),
      );
    } catch (error) {
      this.notVoted(error);
    }
  }

  notVoted(error: unknown): void {
    this.#listener.notCommitted(error);
  }

  #decided(writers: readonly EnlistedBranch[]): void {
    try {
      commitPrepared(this.#core, writers, this.#listener);
    } catch (error) {
      this.#listener.notCommitted(error);
    }
  }

  #undecided(writers: readonly EnlistedBranch[], cause: unknown): void {
    try {
      this.#abort(undecided(this.#core, writers, cause));
    } catch (error) {
      this.#listener.notCommitted(error);
    }
  }

  /** Ends a transaction of which nothing is prepared, or that must not commit. */
  #unprepared(votes: Exclude<Votes, { kind: "prepared" }>): void {
    if (votes.kind === "failed") return this.#abort(votes.failure);
    if (votes.kind === "ended by hand") return this.#fail(endedByHand(this.#core, votes.branches));
    if (this.#abortIfLate()) return;
    commitInOnePhase(this.#core, votes.writer, votes.readers).then(
      (failure) => failure === null ? this.#listener.committed(null) : this.#abort(failure),
      (error) => this.#listener.notCommitted(error),
    );
  }

  #abortIfLate(): boolean {
    const { error } = this.#core.deadline;
    if (error !== null) this.#abort(deadlineReason(error));
    return error !== null;
  }

  #abort(failure: AbortReason): void {
    this.#fail(abort(this.#core, failure));
  }

  #fail(failing: Promise<unknown>): void {
    const tell = (error: unknown) => this.#listener.notCommitted(error);
    failing.then(tell, tell);
  }
}

/** Rolls back what the application has ended by statements of its own; answers what the caller is told. */
async function endedByHand(
  core: TransactionCore,
  branches: readonly EnlistedBranch[],
): Promise<HeuristicOutcomeError> {
  // What the application left in the session after ending the branch is rolled back too.
  core.states.moveTo("aborting");
  await core.rollBack().catch(() => {});
  const ended = branches.map(({ participant, gid }) => (
    { participant, gid, outcome: "unknown" } as const
  ));
  core.heuristics = [...ended, ...core.heuristics];
  const cause = new BranchEndedError();
  return new HeuristicOutcomeError(core.id, "rolled back", core.heuristics, { cause });
}

/** Rolls back; answers what the caller is told. */
async function abort(core: TransactionCore, failure: AbortReason): Promise<Error> {
  core.states.moveTo("aborting");
  // A branch that cannot even be rolled back is rolled back by its database: its session has ended.
  await core.rollBack().catch(() => {});
  const { id, heuristics, meddledWith } = core;
  if (heuristics.length > 0) {
    return new HeuristicOutcomeError(id, "rolled back", heuristics, { cause: failure.cause });
  }
  return abortedError(id, meddledWith ? { ...failure, retryable: false } : failure);
}
