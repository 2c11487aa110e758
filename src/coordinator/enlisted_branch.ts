/**
 * One branch of a running transaction, with the limits that the coordinator puts on its database: no call
 * waits for ever, and a session goes back exactly once.
 *
 * @module
 */

import { type Clock, within } from "../platform/clock.ts";
import type { Deadline } from "./deadline.ts";
import type { Member } from "./member.ts";
import type {
  Branch,
  BranchOptions,
  PrepareAnswer,
  SettleAnswer,
  VoteAnswer,
} from "./participant.ts";

/** How long a roll-back may wait for a statement before that is interrupted. */
const INTERRUPT_AFTER_MS = 250;
/** How long a roll-back may take after that before the session is given up. */
const ROLLBACK_TIMEOUT_MS = 5_000;

const LATE = Symbol("late");

type UnknownAnswer = Extract<VoteAnswer, { kind: "unknown" }>;

/** How far a branch is known to have come. */
export type BranchProgress = "active" | "prepared" | "maybe prepared" | "ended";

/**
 * Asks a participant, which may throw where it should reject.
 *
 * @typeParam Answer What it answers.
 * @param question What it is asked.
 * @returns Its answer.
 */
export function ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
  try {
    return question();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** One branch of a running transaction. */
export class EnlistedBranch {
  readonly #branch: Branch<unknown>;
  readonly #clock: Clock;
  #released = false;

  /** The participant. */
  readonly member: Member;
  /** The branch's name. */
  readonly gid: string;
  /** Whether it may have written; known once it was examined. */
  writes = false;
  /** What its outcome can be asked by; `null` if there is no such thing or it was not asked yet. */
  token: string | null = null;
  /** How far it is known to have come. */
  progress: BranchProgress = "active";

  /**
   * Takes over a session that has not begun.
   *
   * @param member The participant.
   * @param branch The session.
   * @param gid The branch's name.
   * @param clock Limits the waiting.
   */
  constructor(member: Member, branch: Branch<unknown>, gid: string, clock: Clock) {
    this.member = member;
    this.gid = gid;
    this.#branch = branch;
    this.#clock = clock;
  }

  /** Name of the participant. */
  get participant(): string {
    return this.member.name;
  }

  /** The driver's client. */
  get client(): unknown {
    return this.#branch.client;
  }

  /** Whether its database has called it a writer already; see {@linkcode Branch.wrote}. */
  get wrote(): boolean {
    return this.#branch.wrote;
  }

  /** Begins the database's transaction. */
  begin(options: Omit<BranchOptions, "gid">): Promise<void> {
    const { identity } = this.member;
    return this.#branch.begin({
      ...options,
      ...(identity === null ? {} : { identity }),
      gid: this.gid,
    });
  }

  /** Asks what it has done; see {@linkcode Branch.examine}. */
  async examine(): Promise<void> {
    const { wrote, token } = await this.#branch.examine();
    this.writes = wrote;
    this.token = token;
  }

  /**
   * Commits in one phase.
   *
   * @param milliseconds How long the database may take.
   * @param deadline The end of the transaction's time, if the branch only read: nothing depends on it then.
   * @returns Its answer; unknown if it took longer.
   */
  async commit(milliseconds: number, deadline?: Deadline): Promise<VoteAnswer> {
    const answer = await this.#limit(
      ask(() => this.#branch.commit()),
      "COMMIT",
      milliseconds,
      deadline,
    );
    this.progress = "ended";
    return answer;
  }

  /**
   * Prepares the branch.
   *
   * @param milliseconds How long the database may take.
   * @param deadline The end of the transaction's time.
   * @returns Its answer; unknown if it took longer.
   */
  async prepare(milliseconds: number, deadline: Deadline): Promise<PrepareAnswer> {
    this.progress = "maybe prepared";
    this.writes = true;
    const answer = await this.#limit(
      ask(() => this.#branch.prepare()),
      "PREPARE",
      milliseconds,
      deadline,
    );
    if (answer.kind === "done") {
      this.progress = "prepared";
      this.token = answer.token;
    }
    if (answer.kind === "refused") this.progress = "ended";
    return answer;
  }

  /**
   * Commits the prepared branch.
   *
   * @param milliseconds How long the database may take.
   * @returns Its answer; later if it took longer.
   */
  commitPrepared(milliseconds: number): Promise<SettleAnswer> {
    return this.#limitSettling(ask(() => this.#branch.commitPrepared()), milliseconds);
  }

  /**
   * Rolls back the prepared branch.
   *
   * @param milliseconds How long the database may take.
   * @returns Its answer; later if it took longer.
   */
  rollbackPrepared(milliseconds: number): Promise<SettleAnswer> {
    return this.#limitSettling(ask(() => this.#branch.rollbackPrepared()), milliseconds);
  }

  /** Rolls back a branch that was not prepared, interrupting what it is busy with. */
  async rollback(): Promise<void> {
    const rolledBack = this.#branch.rollback();
    rolledBack.catch(() => {});
    if (await within(this.#clock, rolledBack, INTERRUPT_AFTER_MS, LATE) === LATE) {
      await within(this.#clock, this.#branch.interrupt(), ROLLBACK_TIMEOUT_MS, LATE);
      if (await within(this.#clock, rolledBack, ROLLBACK_TIMEOUT_MS, LATE) === LATE) {
        throw new Error(
          `Cannot roll back the branch in "${this.participant}": no answer within ` +
            `${ROLLBACK_TIMEOUT_MS} ms, its database rolls it back when the session ends`,
        );
      }
    }
    this.progress = "ended";
  }

  /** Gives the session back. Never throws: what its pool has to say of that changes no outcome. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    try {
      this.#branch.release();
    } catch {
      // The pool has one session less, and its next transactions hear of that.
    }
  }

  /** An answer, or what counts as one if it does not come in time; in one promise, as every commit waits so. */
  #limit<Answer>(
    answer: Promise<Answer>,
    command: string | null,
    milliseconds: number,
    deadline?: Deadline,
  ): Promise<Answer | UnknownAnswer> {
    return new Promise((resolve) => {
      const fail = (error: unknown) => {
        timer.cancel();
        deadline?.forget(fail);
        resolve({ kind: "unknown", error });
      };
      const timer = this.#clock.after(
        milliseconds,
        () => fail(this.#silence(command, milliseconds)),
      );
      answer.then((heard) => {
        timer.cancel();
        deadline?.forget(fail);
        resolve(heard);
      }, fail);
      deadline?.whenExpired(fail);
    });
  }

  #silence(command: string | null, milliseconds: number): Error {
    const asked = command === null ? "" : ` ${command}`;
    return new Error(`"${this.participant}" did not answer${asked} in ${milliseconds} ms`);
  }

  async #limitSettling(answer: Promise<SettleAnswer>, milliseconds: number): Promise<SettleAnswer> {
    const heard = await this.#limit(answer, null, milliseconds);
    return heard.kind === "unknown" ? { kind: "later", error: heard.error } : heard;
  }
}
