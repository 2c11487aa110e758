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
import type { BranchWork, PrepareAnswer, VoteAnswer } from "./participant.ts";
import { Round } from "./round.ts";
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

const NONE: readonly Failure[] = [];

/** Who hears how the branches voted. */
export interface VoteListener {
  /** Hears what they said. */
  voted(votes: Votes): void;
  /** Hears that the votes could not be taken. */
  notVoted(error: unknown): void;
}

/**
 * Lets the branches vote.
 *
 * @param core The transaction, "committing".
 * @param listener Hears what they said; perhaps at once.
 */
export function vote(core: TransactionCore, listener: VoteListener): void {
  const { branches, deadline, context: { clock } } = core;
  if (isCertain(branches)) prepare(core, branches, listener);
  else new Examination(core, listener).start(branches, clock, null, deadline);
}

/** Lets all branches vote, with a Begin before over those that may have written if that is asked for. */
function prepare(
  core: TransactionCore,
  writers: readonly EnlistedBranch[],
  listener: VoteListener,
): void {
  if (!core.context.forceBegin) return collect(core, listener);
  force(core, writers).then(
    (failure) => {
      if (failure === null) collect(core, listener);
      else listener.voted({ kind: "failed", failure });
    },
    (error) => listener.notVoted(error),
  );
}

function collect(core: TransactionCore, listener: VoteListener): void {
  const { branches, deadline, context: { clock, prepareTimeout } } = core;
  new Voting(core, listener).start(branches, clock, prepareTimeout, deadline);
}

/** Whether two or more have certainly written: they are prepared while the others are asked. */
function isCertain(branches: readonly EnlistedBranch[]): boolean {
  let known = 0;
  for (const { wrote } of branches) {
    if (wrote) known++;
  }
  return known > 1;
}

/** Nobody is prepared before it is known that two wrote: a single writer is committed in one phase. */
class Examination extends Round<BranchWork> {
  readonly #core: TransactionCore;
  readonly #listener: VoteListener;
  readonly #failures: Failure[] = [];

  constructor(core: TransactionCore, listener: VoteListener) {
    super();
    this.#core = core;
    this.#listener = listener;
  }

  protected commandTo(): string {
    return "what it has done";
  }

  ask(branch: EnlistedBranch): Promise<BranchWork> {
    return branch.examine();
  }

  protected heard(branch: EnlistedBranch, work: BranchWork): void {
    branch.examined(work);
  }

  protected unheard(branch: EnlistedBranch, error: unknown): void {
    this.#failures.push({ branch, reason: branchFailure(branch, error) });
  }

  protected over(): void {
    if (this.isBroken) return;
    const { branches } = this.#core;
    if (this.#failures.length > 0) return this.#listener.voted(judge(this.#core, this.#failures));
    const writers = branches.filter(({ writes }) => writes);
    if (writers.length > 1) return prepare(this.#core, writers, this.#listener);
    const readers = branches.filter(({ writes }) => !writes);
    this.#listener.voted({ kind: "one phase", writer: writers[0], readers });
  }

  protected broken(error: unknown): void {
    this.#listener.notVoted(error);
  }
}

/** What a branch says in the course of its vote: what it has done, then what became of that. */
type Said = BranchWork | PrepareAnswer | VoteAnswer;

/** Prepares the writers and commits the readers; who is neither yet is asked, and votes then. */
class Voting extends Round<Said> {
  readonly #core: TransactionCore;
  readonly #listener: VoteListener;
  #failures: readonly Failure[] = NONE;
  #prepared = 0;

  constructor(core: TransactionCore, listener: VoteListener) {
    super();
    this.#core = core;
    this.#listener = listener;
  }

  protected commandTo(branch: EnlistedBranch): string {
    if (branch.progress !== "active") return "PREPARE";
    return branch.isExamined ? "COMMIT" : "what it has done";
  }

  ask(branch: EnlistedBranch): Promise<Said> {
    if (branch.isExamined) return branch.writes ? branch.prepare() : branch.commit();
    return branch.wrote ? branch.prepare() : branch.examine();
  }

  protected heard(branch: EnlistedBranch, said: Said): true | void {
    if ("wrote" in said) {
      branch.examined(said);
      return true;
    }
    const command = this.commandTo(branch);
    if (command === "COMMIT") branch.progress = "ended";
    else branch.prepared(said as PrepareAnswer);
    if (said.kind !== "done") {
      this.#failures = [...this.#failures, { branch, reason: refusal(branch, command, said) }];
    } else if (command === "PREPARE") this.#count();
  }

  protected unheard(branch: EnlistedBranch, error: unknown): void {
    if (branch.progress !== "active" || branch.isExamined) {
      this.heard(branch, { kind: "unknown", error });
    } else {
      this.#failures = [...this.#failures, { branch, reason: branchFailure(branch, error) }];
    }
  }

  protected over(): void {
    if (!this.isBroken) this.#listener.voted(this.#votes());
  }

  protected broken(error: unknown): void {
    this.#listener.notVoted(error);
  }

  #votes(): Votes {
    const { branches } = this.#core;
    if (this.#failures.length > 0) return judge(this.#core, this.#failures);
    const all = this.#prepared === branches.length;
    return { kind: "prepared", writers: all ? branches : branches.filter(({ writes }) => writes) };
  }

  #count(): void {
    this.#prepared++;
    const { context, id } = this.#core;
    if (this.#prepared === 1) context.onProtocolPoint("first-prepared", id);
  }
}

/** Makes a Begin durable where that is asked for, before anything is prepared. */
async function force(
  core: TransactionCore,
  branches: readonly EnlistedBranch[],
): Promise<AbortReason | null> {
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
