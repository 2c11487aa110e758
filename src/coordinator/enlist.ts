/**
 * Takes the sessions of a transaction and begins its branches. Sessions are taken one after another in
 * the order of the participants' names, the same for every transaction, so that two transactions cannot
 * each hold the session that the other waits for. A branch begins in the same turn in which its session
 * is had: until then an adapter may be unable to notice that the connection is lost. If anything fails,
 * every session taken goes back. One that is enlisted late is out of that order: if that leads two
 * transactions to wait for each other, the deadline ends one.
 *
 * @module
 */

import type { Clock } from "../platform/clock.ts";
import { type AbortReason, deadlineReason } from "./abort_reason.ts";
import { BranchFacts, type GidPrefix } from "./branch_facts.ts";
import { type Deadline, DeadlineError, type DeadlineWaiter } from "./deadline.ts";
import { type Asker, EnlistedBranch } from "./enlisted_branch.ts";
import { ParticipantUnavailableError } from "./errors.ts";
import type { Member, MemberError } from "./member.ts";
import type { Branch, BranchOptions } from "./participant.ts";

/** The transaction that enlists, as far as that concerns its branches. */
export interface Enlister {
  /** Its id. */
  readonly id: string;
  /** Those that it has already. */
  readonly branches: readonly EnlistedBranch[];
  /** How its branches begin. */
  readonly branchOptions: Omit<BranchOptions, "gid">;
  /** The end of its time. */
  readonly deadline: Deadline;
}

/** What enlisting needs besides, the same for all transactions of a coordinator. */
export interface EnlistmentContext<Transaction extends Enlister> {
  /** What the coordinator's gids begin with. */
  readonly gidPrefix: GidPrefix;
  /** Limits the waiting. */
  readonly clock: Clock;
  /**
   * Hears that it failed, when everything has been given back.
   *
   * @param transaction The transaction.
   * @param error A {@linkcode DeadlineError} if time was up first, an {@linkcode EnlistmentError} if a
   * participant failed.
   * @returns What the caller is told.
   */
  failed(transaction: Transaction, error: unknown): unknown;
}

/** A session could not be had, or a branch not be begun. */
export class EnlistmentError extends Error {
  /** Always `"EnlistmentError"`. */
  override readonly name = "EnlistmentError";
  /** The participant. */
  readonly participant: string;

  /**
   * Names the participant.
   *
   * @param participant The participant.
   * @param options The cause.
   */
  constructor(participant: string, options: ErrorOptions) {
    const cause = options.cause instanceof Error ? ` (${options.cause.message})` : "";
    super(`"${participant}" could not begin a branch${cause}`, options);
    this.participant = participant;
  }
}

/** A participant cannot be used at present, so that it was not even asked for a session. */
export class UnusableError extends Error {
  /** Always `"UnusableError"`. */
  override readonly name = "UnusableError";
  /** The participant. */
  readonly participant: string;
  /** Whether it may be usable when it is tried again. */
  readonly retryable: boolean;

  /**
   * Names the participant.
   *
   * @param participant The participant.
   * @param cause Why it cannot be used.
   */
  constructor(participant: string, cause: MemberError) {
    super(cause.message, { cause });
    this.participant = participant;
    this.retryable = cause instanceof ParticipantUnavailableError;
  }
}

/** Who hears what enlisting comes to. */
export interface EnlistmentListener {
  /** Hears of the branches, begun, in the order of the participants. */
  enlisted(branches: EnlistedBranch[]): void;
  /** Hears that it failed, and that everything was given back; see {@linkcode EnlistmentContext.failed}. */
  notEnlisted(error: unknown): void;
}

/**
 * Enlists participants in a transaction.
 *
 * @typeParam Transaction The transaction.
 * @param context What that needs.
 * @param transaction The transaction.
 * @param members The participants.
 * @param listener Hears what it comes to.
 */
export function enlist<Transaction extends Enlister>(
  context: EnlistmentContext<Transaction>,
  transaction: Transaction,
  members: readonly Member[],
  listener: EnlistmentListener,
): void {
  new Enlisting(context, transaction, members, listener).begin();
}

/** One object for all of it, and nothing else that waits, as every transaction begins so. */
class Enlisting<Transaction extends Enlister> implements Asker, DeadlineWaiter {
  readonly #context: EnlistmentContext<Transaction>;
  readonly #transaction: Transaction;
  readonly #members: readonly Member[];
  readonly #listener: EnlistmentListener;
  /** The participants in the order in which their sessions are taken. */
  readonly #order: readonly Member[];
  /** In the caller's order; `null` for those that have no session yet. */
  readonly #taken: (EnlistedBranch | null)[];
  #sessions = 0;
  #begun = 0;
  #failed = false;

  constructor(
    context: EnlistmentContext<Transaction>,
    transaction: Transaction,
    members: readonly Member[],
    listener: EnlistmentListener,
  ) {
    this.#context = context;
    this.#transaction = transaction;
    this.#members = members;
    this.#listener = listener;
    this.#order = inOrder(members);
    // Of the right length at once: an array that grows gets room for many more. And by a function of V8's own:
    // see `commit_records.ts`, what `new Array` makes is watched too.
    this.#taken = members.map(nobody);
  }

  begin(): void {
    this.#acquire();
    this.#transaction.deadline.whenExpired(this);
  }

  /** Asks a branch for its session, then to begin. */
  ask(branch: EnlistedBranch): Promise<unknown> {
    if (!branch.hasSession) return branch.acquire();
    return branch.begin(this.#transaction.branchOptions);
  }

  /** Hears that a branch has its session, or that it has begun. */
  hear(branch: EnlistedBranch, answer: unknown): void {
    if (!branch.hasSession) return this.#take(branch, answer as Branch<unknown>);
    this.#begun++;
    if (this.#begun < this.#order.length || this.#failed) return;
    this.#transaction.deadline.forget(this);
    this.#listener.enlisted(this.#taken as EnlistedBranch[]);
  }

  /** Hears that a branch could not have its session, or not begin. */
  fail({ participant }: EnlistedBranch, cause: unknown): void {
    void this.#fail(new EnlistmentError(participant, { cause }));
  }

  timeUp(error: DeadlineError): void {
    void this.#fail(this.#late(error));
  }

  /** Names who was waited for: a pool that is used up or a server that hangs is found by that. */
  #late(error: DeadlineError): DeadlineError {
    const beginning = this.#taken.find((branch) => branch?.isAskedBy(this));
    if (beginning) {
      const { participant } = beginning;
      return error.waitingFor(`BEGIN in "${participant}"`, participant);
    }
    const { name } = this.#order[this.#sessions]!;
    return error.waitingFor(`a session of "${name}"`, name);
  }

  /** Asks for the next session. */
  #acquire(): void {
    const member = this.#order[this.#sessions]!;
    const { gidPrefix, clock } = this.#context;
    const { id, branches } = this.#transaction;
    const place = branches.length + this.#members.indexOf(member);
    const facts = new BranchFacts(member.name, gidPrefix, id, place);
    const branch = new EnlistedBranch(member, facts, clock);
    branch.answerTo(this);
  }

  #take(branch: EnlistedBranch, session: Branch<unknown>): void {
    branch.take(session);
    // A session that comes after all goes back at once.
    if (this.#failed) return branch.release();
    this.#sessions++;
    this.#taken[this.#members.indexOf(branch.member)] = branch;
    branch.answerTo(this);
    if (this.#sessions < this.#order.length) this.#acquire();
  }

  /** Gives everything back that was taken, and then tells the caller. */
  async #fail(error: unknown): Promise<void> {
    if (this.#failed) return;
    this.#failed = true;
    this.#transaction.deadline.forget(this);
    await giveBack(this.#taken.filter((branch) => branch !== null));
    this.#listener.notEnlisted(this.#context.failed(this.#transaction, error));
  }
}

function nobody(): null {
  return null;
}

/** By name; the same array if they are in order. Few as they are, they are put in place one by one. */
function inOrder(members: readonly Member[]): readonly Member[] {
  let ordered: Member[] | null = null;
  for (let place = 1; place < members.length; place++) {
    const member = members[place]!;
    let to = place;
    while (to > 0 && member.name < (ordered ?? members)[to - 1]!.name) to--;
    if (to === place) continue;
    ordered ??= members.slice();
    for (let at = place; at > to; at--) ordered[at] = ordered[at - 1]!;
    ordered[to] = member;
  }
  return ordered ?? members;
}

/**
 * Gives sessions back that no transaction uses.
 *
 * @param branches The branches, begun or not; are rolled back. What fails there the databases do themselves.
 */
export async function giveBack(branches: readonly EnlistedBranch[]): Promise<void> {
  await Promise.all(branches.map(async (branch) => {
    await branch.rollback().catch(() => {});
    branch.release();
  }));
}

/**
 * Why participants could not be enlisted.
 *
 * @param error What {@linkcode enlist} threw, or why it was not called.
 * @returns The reason; `null` if the caller asked for what cannot be.
 */
export function enlistmentReason(error: unknown): AbortReason | null {
  if (error instanceof DeadlineError) return deadlineReason(error);
  if (error instanceof EnlistmentError) {
    const { message, participant, cause } = error;
    return { reason: message, retryable: true, participant, cause };
  }
  if (!(error instanceof UnusableError)) return null;
  const { participant, retryable, message, cause } = error;
  return { reason: message, retryable, participant, cause };
}
