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
import { type Deadline, DeadlineError } from "./deadline.ts";
import { ask, EnlistedBranch } from "./enlisted_branch.ts";
import { makeGid } from "./gid.ts";
import { ParticipantUnavailableError } from "./errors.ts";
import type { Member, MemberError } from "./member.ts";
import type { Branch, BranchOptions } from "./participant.ts";

/** What is needed to enlist branches. */
export interface Enlistment {
  /** What the coordinator's gids begin with. */
  readonly gidPrefix: string;
  /** Id of the transaction. */
  readonly id: string;
  /** The participants, in the order of their branches. */
  readonly members: readonly Member[];
  /** How many branches the transaction has already. */
  readonly first?: number;
  /** How the branches begin. */
  readonly options: Omit<BranchOptions, "gid">;
  /** The end of the transaction's time. */
  readonly deadline: Deadline;
  /** Limits the waiting. */
  readonly clock: Clock;
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

/** Hears what enlisting came to: one of these is called, once. */
export interface EnlistmentListener {
  /**
   * Hears that all is well.
   *
   * @param branches The branches, begun, in the order of the participants.
   */
  enlisted(branches: EnlistedBranch[]): void;
  /**
   * Hears that it failed, when everything has been given back.
   *
   * @param error A {@linkcode DeadlineError} if time was up first, an {@linkcode EnlistmentError} if a
   * participant failed.
   */
  failed(error: unknown): void;
}

/**
 * Enlists every participant of a transaction.
 *
 * @param enlistment What to enlist.
 * @param listener Hears what it came to: every transaction begins so, and need not make a promise of its own for it.
 */
export function enlist(enlistment: Enlistment, listener: EnlistmentListener): void {
  new Enlisting(enlistment, listener).begin();
}

class Enlisting {
  readonly #with: Enlistment;
  readonly #listener: EnlistmentListener;
  /** The participants in the order in which their sessions are taken. */
  readonly #order: readonly Member[];
  /** In the order in which they were taken. */
  readonly #taken: EnlistedBranch[] = [];
  readonly #giveUp: (error: unknown) => void;
  readonly #onSession: (session: Branch<unknown>) => void;
  readonly #onNoSession: (cause: unknown) => void;
  readonly #onBegun: () => void;
  #begun = 0;
  #failed = false;

  constructor(enlistment: Enlistment, listener: EnlistmentListener) {
    this.#with = enlistment;
    this.#listener = listener;
    this.#order = inOrder(enlistment.members);
    // Names first: V8 takes a function that is assigned to a property for one that stays, and keeps what it
    // refers to until the next full collection.
    const giveUp = (error: unknown) => void this.#fail(error);
    const onSession = (session: Branch<unknown>) => this.#take(session);
    const onNoSession = (cause: unknown) => giveUp(new EnlistmentError(this.#next.name, { cause }));
    const onBegun = () => this.#count();
    this.#giveUp = giveUp;
    this.#onSession = onSession;
    this.#onNoSession = onNoSession;
    this.#onBegun = onBegun;
  }

  begin(): void {
    this.#acquire();
    this.#with.deadline.whenExpired(this.#giveUp);
  }

  /** Whose session is taken next. */
  get #next(): Member {
    return this.#order[this.#taken.length]!;
  }

  #acquire(): void {
    const { participant } = this.#next;
    ask(() => participant.acquire()).then(this.#onSession, this.#onNoSession);
  }

  #take(session: Branch<unknown>): void {
    const member = this.#next;
    const { gidPrefix, id, members, first = 0, clock, options } = this.#with;
    const gid = makeGid(gidPrefix, id, first + members.indexOf(member));
    const branch = new EnlistedBranch(member, session, gid, clock);
    // A session that comes after all goes back at once.
    if (this.#failed) return branch.release();
    this.#taken.push(branch);
    branch.begin(options).then(
      this.#onBegun,
      (cause) => this.#giveUp(new EnlistmentError(member.name, { cause })),
    );
    if (this.#taken.length < this.#order.length) this.#acquire();
  }

  /** One more has begun. */
  #count(): void {
    this.#begun++;
    if (this.#begun < this.#order.length || this.#failed) return;
    const { members, deadline } = this.#with;
    deadline.forget(this.#giveUp);
    this.#listener.enlisted(
      members === this.#order
        ? this.#taken
        : members.map((member) => this.#taken[this.#order.indexOf(member)]!),
    );
  }

  /** Gives everything back that was taken, and then tells the caller. */
  async #fail(error: unknown): Promise<void> {
    if (this.#failed) return;
    this.#failed = true;
    this.#with.deadline.forget(this.#giveUp);
    await giveBack(this.#taken);
    this.#listener.failed(error);
  }
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
    ordered.copyWithin(to + 1, to, place);
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
