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
import type { BranchOptions } from "./participant.ts";

/** What is needed to enlist branches. */
export interface Enlistment {
  /** The coordinator's id. */
  readonly coordinator: string;
  /** Number of the transaction. */
  readonly txn: bigint;
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

/**
 * Enlists every participant of a transaction.
 *
 * @param enlistment What to enlist.
 * @returns The branches, begun, in the order of the participants.
 * @throws {DeadlineError} If time is up first.
 * @throws {EnlistmentError} If a participant failed.
 */
export async function enlist(enlistment: Enlistment): Promise<EnlistedBranch[]> {
  const { members, options, deadline } = enlistment;
  const branches = new Map<Member, EnlistedBranch>();
  const beginnings: Promise<void>[] = [];
  try {
    for (const member of members.toSorted(byName)) {
      const branch = await acquire(enlistment, member);
      branches.set(member, branch);
      const beginning = begin(branch, options);
      beginning.catch(() => {}); // Looked at below, when all sessions are had.
      beginnings.push(beginning);
    }
    await deadline.race(Promise.all(beginnings));
    return members.map((member) => branches.get(member)!);
  } catch (error) {
    await Promise.all([...branches.values()].map(async (branch) => {
      await branch.rollback().catch(() => {});
      branch.release();
    }));
    throw error;
  }
}

async function begin(branch: EnlistedBranch, options: Enlistment["options"]): Promise<void> {
  try {
    await branch.begin(options);
  } catch (cause) {
    throw new EnlistmentError(branch.participant, { cause });
  }
}

async function acquire(enlistment: Enlistment, member: Member): Promise<EnlistedBranch> {
  const { coordinator, txn, members, first = 0, deadline, clock } = enlistment;
  const acquiring = ask(() => member.participant.acquire());
  try {
    const branch = await deadline.race(acquiring);
    const gid = makeGid(coordinator, txn, first + members.indexOf(member));
    return new EnlistedBranch(member, branch, gid, clock);
  } catch (error) {
    // A session that comes after all goes back at once.
    acquiring.then((branch) => branch.release()).catch(() => {});
    if (error === deadline.error) throw error;
    throw new EnlistmentError(member.name, { cause: error });
  }
}

function byName(one: Member, other: Member): number {
  return one.name < other.name ? -1 : one.name > other.name ? 1 : 0;
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
