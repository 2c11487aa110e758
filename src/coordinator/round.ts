/**
 * One question to several databases at once. All have the same time, and at most until the end of the
 * transaction's; who has not answered by then counts as silent, and what it says later is heard by nobody.
 * One object and one timer serve them all, and nothing else waits, since every commit waits twice in this way.
 *
 * @module
 */

import type { Clock, Timer } from "../platform/clock.ts";
import type { Deadline, DeadlineError, DeadlineWaiter } from "./deadline.ts";
import type { Asker, EnlistedBranch } from "./enlisted_branch.ts";
import type { VoteAnswer } from "./participant.ts";

/** How long a round may take. */
export interface RoundLimits {
  /** The source of time. */
  readonly clock: Clock;
  /** How long the databases may take; `null` if only the deadline counts. */
  readonly milliseconds: number | null;
  /** The end of the transaction's time; absent if the round outlasts it. */
  readonly deadline?: Deadline | undefined;
}

const NONE: readonly EnlistedBranch[] = [];

/** What counts as an answer if there is none. */
type NoAnswer = Extract<VoteAnswer, { kind: "unknown" }>;

/**
 * A question, and who is still to answer it.
 *
 * @typeParam Answer What branches answer.
 */
export abstract class Round<Answer> implements Asker, DeadlineWaiter {
  #branches: readonly EnlistedBranch[] = NONE;
  #milliseconds: number | null = null;
  #deadline: Deadline | undefined = undefined;
  #timer: Timer | null = null;
  /** How many answers are missing, and one more while there are some to ask yet. */
  #missing = 0;
  #isBroken = false;

  /** Whether {@linkcode broken} was called. */
  protected get isBroken(): boolean {
    return this.#isBroken;
  }

  /** What a branch was asked last, for people. */
  protected abstract commandTo(branch: EnlistedBranch): string;

  /** Asks a branch. */
  abstract ask(branch: EnlistedBranch): Promise<Answer>;

  /**
   * Hears an answer.
   *
   * @returns `true` if the branch is to be asked once more, as part of the same round.
   */
  protected abstract heard(branch: EnlistedBranch, answer: Answer): true | void;

  /** Hears that there is no answer: the call failed, or time is up. */
  protected abstract unheard(branch: EnlistedBranch, error: unknown): void;

  /** Hears that all answers are there, also if it is broken. */
  protected abstract over(): void;

  /** Hears what one of these methods threw first; the others are called as if it had not. */
  protected abstract broken(error: unknown): void;

  /**
   * Asks branches; once.
   *
   * @param branches The branches.
   * @param clock The source of time.
   * @param milliseconds How long the databases may take; `null` if only the deadline counts.
   * @param deadline The end of the transaction's time; absent if the round outlasts it.
   */
  start(
    branches: readonly EnlistedBranch[],
    clock: Clock,
    milliseconds: number | null,
    deadline?: Deadline,
  ): void {
    this.#branches = branches;
    this.#milliseconds = milliseconds;
    this.#missing = branches.length + 1;
    const late = deadline?.error ?? null;
    if (late === null) {
      for (const branch of branches) branch.answerTo(this);
      if (milliseconds !== null) this.#timer = clock.after(milliseconds, databasesTimeUp, this);
      this.#deadline = deadline;
      deadline?.whenExpired(this);
    } else {
      for (const branch of branches) this.fail(branch, late);
    }
    this.#count();
  }

  /** Hears an answer. */
  hear(branch: EnlistedBranch, answer: Answer): void {
    try {
      if (this.heard(branch, answer)) return branch.answerTo(this);
    } catch (error) {
      this.#break(error);
    }
    this.#count();
  }

  /** Hears that there is no answer. */
  fail(branch: EnlistedBranch, error: unknown): void {
    try {
      this.unheard(branch, error);
    } catch (failure) {
      this.#break(failure);
    }
    this.#count();
  }

  /** Time is up: for everybody, or only for the databases, which then were silent. */
  timeUp(error?: DeadlineError): void {
    for (const branch of this.#branches) {
      if (branch.hangUp(this)) this.fail(branch, error ?? this.#silence(branch));
    }
  }

  #silence(branch: EnlistedBranch): Error {
    const command = this.commandTo(branch);
    return new Error(
      `"${branch.participant}" did not answer ${command} in ${this.#milliseconds} ms`,
    );
  }

  #count(): void {
    this.#missing--;
    if (this.#missing > 0) return;
    this.#timer?.cancel();
    this.#deadline?.forget(this);
    try {
      this.over();
    } catch (error) {
      this.#break(error);
    }
  }

  #break(error: unknown): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.broken(error);
  }
}

function databasesTimeUp(round: { timeUp(): void }): void {
  round.timeUp();
}

/**
 * A round for whose result a promise is waited.
 *
 * @typeParam Answer What branches answer.
 * @typeParam Result What their answers come to.
 */
export abstract class PromisedRound<Answer, Result> extends Round<Answer> {
  readonly #promise = Promise.withResolvers<Result>();

  /** What the answers come to, when all are there. */
  protected abstract result(): Result;

  protected over(): void {
    this.#promise.resolve(this.result());
  }

  protected broken(error: unknown): void {
    this.#promise.reject(error);
  }

  /**
   * Asks branches; once.
   *
   * @param branches The branches.
   * @param limits How long it may take.
   * @returns What the answers come to, when each has answered or failed.
   * @throws What the round's own methods throw.
   */
  askAll(
    branches: readonly EnlistedBranch[],
    { clock, milliseconds, deadline }: RoundLimits,
  ): Promise<Result> {
    this.start(branches, clock, milliseconds, deadline);
    return this.#promise.promise;
  }
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
  return new SingleQuestion(command, ask).askAll([branch], limits);
}

class SingleQuestion<Answer> extends PromisedRound<Answer, Answer | NoAnswer> {
  readonly #command: string;
  readonly #ask: () => Promise<Answer>;
  #heard: Answer | NoAnswer | null = null;

  constructor(command: string, ask: () => Promise<Answer>) {
    super();
    this.#command = command;
    this.#ask = ask;
  }

  protected commandTo(): string {
    return this.#command;
  }

  ask(): Promise<Answer> {
    return this.#ask();
  }

  protected heard(_: EnlistedBranch, answer: Answer): void {
    this.#heard = answer;
  }

  protected unheard(_: EnlistedBranch, error: unknown): void {
    this.#heard = { kind: "unknown", error };
  }

  protected result(): Answer | NoAnswer {
    return this.#heard!;
  }
}
