/**
 * One question to several databases at once. All have the same time, and at most until the end of the
 * transaction's; who has not answered by then counts as silent, and what it says later is heard by nobody.
 * One promise and one timer serve them all, since every commit waits twice in this way.
 *
 * @module
 */

import type { Clock, Timer } from "../platform/clock.ts";
import type { Deadline, DeadlineError, DeadlineWaiter } from "./deadline.ts";
import type { EnlistedBranch, Listener } from "./enlisted_branch.ts";
import type { VoteAnswer } from "./participant.ts";

/** What branches are asked, and what becomes of their answers. */
export interface Question<Answer, Result> {
  /** What a branch was asked last, for people. */
  commandTo(branch: EnlistedBranch): string;
  /** Asks a branch; must not throw. */
  ask(branch: EnlistedBranch): Promise<Answer>;
  /**
   * Hears an answer.
   *
   * @returns What the branch was asked next, if that is part of the same round.
   */
  hear(branch: EnlistedBranch, answer: Answer): Promise<Answer> | void;
  /** Hears that there is no answer: the call failed, or time is up. */
  fail(branch: EnlistedBranch, error: unknown): void;
  /** What the answers come to, when all are there. */
  result(): Result | Promise<Result>;
}

/** How long a round may take. */
export interface RoundLimits {
  /** The source of time. */
  readonly clock: Clock;
  /** How long the databases may take; `null` if only the deadline counts. */
  readonly milliseconds: number | null;
  /** The end of the transaction's time; absent if the round outlasts it. */
  readonly deadline?: Deadline | undefined;
}

/** What counts as an answer if there is none. */
type NoAnswer = Extract<VoteAnswer, { kind: "unknown" }>;

/**
 * Asks branches something.
 *
 * @typeParam Answer What they answer.
 * @typeParam Result What their answers come to.
 * @param branches The branches.
 * @param question The question.
 * @param limits How long it may take.
 * @returns What the answers come to, when each has answered or failed.
 * @throws What the question's own methods throw.
 */
export function askAll<Answer, Result>(
  branches: readonly EnlistedBranch[],
  question: Question<Answer, Result>,
  limits: RoundLimits,
): Promise<Result> {
  return new Promise((resolve, reject) =>
    new Round(branches, question, limits, resolve, reject).begin()
  );
}

/**
 * Asks one branch something.
 *
 * @typeParam Answer What it answers.
 * @param branch The branch.
 * @param command What it is asked, for people.
 * @param ask Asks it.
 * @param limits How long it may take.
 * @returns Its answer.
 */
export function askOne<Answer>(
  branch: EnlistedBranch,
  command: string,
  ask: () => Promise<Answer>,
  limits: RoundLimits,
): Promise<Answer | NoAnswer> {
  let heard: Answer | NoAnswer | undefined;
  const question: Question<Answer, Answer | NoAnswer> = {
    commandTo: () => command,
    ask,
    hear: (_, answer) => void (heard = answer),
    fail: (_, error) => void (heard = { kind: "unknown", error }),
    result: () => heard!,
  };
  return askAll([branch], question, limits);
}

class Round<Answer, Result> implements Listener, DeadlineWaiter {
  readonly #question: Question<Answer, Result>;
  readonly #limits: RoundLimits;
  readonly #resolve: (result: Result | Promise<Result>) => void;
  readonly #reject: (error: unknown) => void;
  /** Whose answer is waited for, by their places. */
  readonly #waiting: (EnlistedBranch | null)[];
  /** How many answers are missing, and one more while there are some to ask yet. */
  #missing: number;
  #timer: Timer | null = null;

  constructor(
    branches: readonly EnlistedBranch[],
    question: Question<Answer, Result>,
    limits: RoundLimits,
    resolve: (result: Result | Promise<Result>) => void,
    reject: (error: unknown) => void,
  ) {
    this.#question = question;
    this.#limits = limits;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#waiting = branches.slice();
    this.#missing = branches.length + 1;
  }

  begin(): void {
    const { clock, milliseconds, deadline } = this.#limits;
    const late = deadline?.error ?? null;
    if (late === null) {
      for (let place = 0; place < this.#waiting.length; place++) {
        const branch = this.#waiting[place]!;
        branch.answerTo(this.#question.ask(branch), this);
      }
      if (milliseconds !== null) this.#timer = clock.after(milliseconds, () => this.timeUp());
      deadline?.whenExpired(this);
    } else this.timeUp(late);
    this.#count();
  }

  hear(branch: EnlistedBranch, answer: Answer): void {
    try {
      const next = this.#question.hear(branch, answer);
      if (next !== undefined) return branch.answerTo(next, this);
    } catch (error) {
      this.#reject(error);
    }
    this.#leave(branch);
  }

  fail(branch: EnlistedBranch, error: unknown): void {
    try {
      this.#question.fail(branch, error);
    } catch (failure) {
      this.#reject(failure);
    }
    this.#leave(branch);
  }

  /** Time is up: for everybody, or only for the databases, which then were silent. */
  timeUp(error?: DeadlineError): void {
    for (const branch of this.#waiting) {
      if (branch === null) continue;
      branch.hangUp();
      this.fail(branch, error ?? this.#silence(branch));
    }
  }

  #silence(branch: EnlistedBranch): Error {
    const command = this.#question.commandTo(branch);
    const { milliseconds } = this.#limits;
    return new Error(`"${branch.participant}" did not answer ${command} in ${milliseconds} ms`);
  }

  #leave(branch: EnlistedBranch): void {
    this.#waiting[this.#waiting.indexOf(branch)] = null;
    this.#count();
  }

  #count(): void {
    this.#missing--;
    if (this.#missing > 0) return;
    this.#timer?.cancel();
    this.#limits.deadline?.forget(this);
    try {
      this.#resolve(this.#question.result());
    } catch (error) {
      this.#reject(error);
    }
  }
}
