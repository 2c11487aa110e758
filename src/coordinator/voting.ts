/**
 * Phase one: asks every branch what it has done, and prepares those that wrote if there are two or more.
 *
 * A branch that its database has called a writer already is not asked: PREPARE carries the question. That
 * saves a round trip, and is done only if there are two such branches, since a single writer is committed
 * in one phase and must not be prepared. Branches that only read just commit, beside the PREPAREs: nothing
 * of them has to be undone.
 *
 * @module
 */

import {
  type AbortReason,
  branchFailure,
  deadlineReason,
  logRefusal,
  refusal,
} from "./abort_reason.ts";
import type { EnlistedBranch } from "./enlisted_branch.ts";
import { LogUnavailableError } from "../wal/errors.ts";
import { BranchEndedError, ParticipantIdentityError } from "./errors.ts";
import type { TransactionCore } from "./transaction_core.ts";

/** What the branches said. */
export type Votes =
  /** At most one wrote, and nothing is prepared. */
  | {
    readonly kind: "one phase";
    readonly writer: EnlistedBranch | undefined;
    readonly readers: readonly EnlistedBranch[];
  }
  /** All that wrote are prepared, all that did not are committed. */
  | { readonly kind: "prepared"; readonly writers: readonly EnlistedBranch[] }
  /** The transaction must be rolled back. */
  | { readonly kind: "failed"; readonly failure: AbortReason }
  /** The application ended these by statements of its own. */
  | { readonly kind: "ended by hand"; readonly branches: readonly EnlistedBranch[] };

/** What went wrong with one branch. */
interface Failure {
  readonly branch: EnlistedBranch;
  readonly reason: AbortReason;
}

/**
 * Lets the branches vote.
 *
 * @param core The transaction, "committing".
 * @returns What they said.
 */
export async function vote(core: TransactionCore): Promise<Votes> {
  const known = core.branches.filter(({ wrote }) => wrote);
  if (known.length > 1) return await voteAtOnce(core, known);
  const failures = await all(core.branches, (branch) => examine(core, branch));
  if (failures.length > 0) return judge(core, failures);
  const writers = core.branches.filter(({ writes }) => writes);
  const readers = core.branches.filter(({ writes }) => !writes);
  if (writers.length < 2) return { kind: "one phase", writer: writers[0], readers };
  const refused = await force(core, writers);
  if (refused !== null) return { kind: "failed", failure: refused };
  const refusals = await prepareAndCommit(core, writers, readers);
  return refusals.length > 0 ? judge(core, refusals) : { kind: "prepared", writers };
}

/** Two or more have certainly written: they are prepared while the others are asked. */
async function voteAtOnce(
  core: TransactionCore,
  known: readonly EnlistedBranch[],
): Promise<Votes> {
  const refused = await force(core, core.branches);
  if (refused !== null) return { kind: "failed", failure: refused };
  const counter = new PreparedCounter(core);
  const failures = await all(core.branches, async (branch) => {
    if (known.includes(branch)) return await prepare(core, branch, counter);
    const failure = await examine(core, branch);
    if (failure !== null) return failure;
    return branch.writes ? await prepare(core, branch, counter) : await commit(core, branch);
  });
  if (failures.length > 0) return judge(core, failures);
  return { kind: "prepared", writers: core.branches.filter(({ writes }) => writes) };
}

async function prepareAndCommit(
  core: TransactionCore,
  writers: readonly EnlistedBranch[],
  readers: readonly EnlistedBranch[],
): Promise<Failure[]> {
  const counter = new PreparedCounter(core);
  const failures = await Promise.all([
    all(writers, (branch) => prepare(core, branch, counter)),
    all(readers, (branch) => commit(core, branch)),
  ]);
  return failures.flat();
}

/** Makes a Begin durable where that is asked for, before anything is prepared. */
async function force(
  core: TransactionCore,
  branches: readonly EnlistedBranch[],
): Promise<AbortReason | null> {
  if (!core.context.forceBegin) return null;
  try {
    await core.context.log.begin(core.txn, branches);
    core.begun = true;
    return null;
  } catch (cause) {
    // A Begin that may be on disk needs its End.
    core.begun = cause instanceof LogUnavailableError && cause.written !== "no";
    return logRefusal(cause);
  }
}

/** Tells when the first of a transaction's branches is prepared. */
class PreparedCounter {
  readonly #core: TransactionCore;
  #count = 0;

  constructor(core: TransactionCore) {
    this.#core = core;
  }

  add(): void {
    this.#count++;
    const { context, id } = this.#core;
    if (this.#count === 1) context.onProtocolPoint("first-prepared", id);
  }
}

async function examine(core: TransactionCore, branch: EnlistedBranch): Promise<Failure | null> {
  try {
    await core.deadline.race(branch.examine());
    return null;
  } catch (cause) {
    return { branch, reason: branchFailure(branch, cause) };
  }
}

async function prepare(
  core: TransactionCore,
  branch: EnlistedBranch,
  counter: PreparedCounter,
): Promise<Failure | null> {
  const answer = await branch.prepare(core.context.prepareTimeout, core.deadline);
  if (answer.kind !== "done") return { branch, reason: refusal(branch, "PREPARE", answer) };
  counter.add();
  return null;
}

async function commit(core: TransactionCore, branch: EnlistedBranch): Promise<Failure | null> {
  const answer = await branch.commit(core.context.prepareTimeout, core.deadline);
  return answer.kind === "done" ? null : { branch, reason: refusal(branch, "COMMIT", answer) };
}

async function all(
  branches: readonly EnlistedBranch[],
  ask: (branch: EnlistedBranch) => Promise<Failure | null>,
): Promise<Failure[]> {
  return (await Promise.all(branches.map(ask))).filter((failure) => failure !== null);
}

function judge(core: TransactionCore, failures: readonly Failure[]): Votes {
  for (const { branch, reason } of failures) {
    if (reason.cause instanceof ParticipantIdentityError) {
      core.context.onSuspect(branch.participant);
    }
  }
  const ended = failures.filter(({ reason }) => reason.cause instanceof BranchEndedError);
  if (ended.length > 0) {
    return {
      kind: "ended by hand",
      branches: ended.map(({ branch }) => branch),
    };
  }
  const { error } = core.deadline;
  const failure = error === null ? failures[0]!.reason : deadlineReason(error);
  return { kind: "failed", failure };
}
