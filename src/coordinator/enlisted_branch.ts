/**
 * One branch of a running transaction: what is known of it, and its session, which goes back exactly once.
 * How long its database may take to answer is limited in `round.ts`; how long a roll-back may, here.
 *
 * @module
 */

import { type Clock, within } from "../platform/clock.ts";
import type { BranchFacts } from "./branch_facts.ts";
import type { Member } from "./member.ts";
import type {
  Branch,
  BranchOptions,
  BranchWork,
  PrepareAnswer,
  SettleAnswer,
  VoteAnswer,
} from "./participant.ts";

/** How long a roll-back may wait for a statement before that is interrupted. */
const INTERRUPT_AFTER_MS = 250;
/** How long a roll-back may take after that before the session is given up. */
const ROLLBACK_TIMEOUT_MS = 5_000;

const LATE = Symbol("late");

/** How branches begin of which nothing special is asked. */
export const PLAIN: Omit<BranchOptions, "gid"> = {};

/** How far a branch is known to have come. */
export type BranchProgress = "active" | "prepared" | "maybe prepared" | "ended";

/** Asks branches something, and hears what they answer. */
export interface Asker {
  /** Asks a branch; what this throws counts as its answer, as what it rejects with does. */
  ask(branch: EnlistedBranch): Promise<unknown>;
  /** Hears an answer. */
  hear(branch: EnlistedBranch, answer: unknown): void;
  /** Hears that a call failed. */
  fail(branch: EnlistedBranch, error: unknown): void;
}

/** By what a branch is heard: made once for all that it is asked, as long as it answers. */
class Line {
  asker: Asker | null = null;
  readonly onAnswer: (answer: unknown) => void;
  readonly onError: (error: unknown) => void;

  constructor(branch: EnlistedBranch) {
    // Names first: V8 takes a function that is assigned to a property for one that stays, and keeps what it
    // refers to until the next full collection.
    const onAnswer = (answer: unknown) => {
      // A session that was idle says nothing of its database.
      if (branch.hasSession) branch.member.answers++;
      this.#end()?.hear(branch, answer);
    };
    const onError = (error: unknown) => this.#end()?.fail(branch, error);
    this.onAnswer = onAnswer;
    this.onError = onError;
  }

  #end(): Asker | null {
    const { asker } = this;
    this.asker = null;
    return asker;
  }
}

/** One branch of a running transaction. */
export class EnlistedBranch {
  /** Its session, as soon as it has one; an adapter in JavaScript may have given nothing for it. */
  #session!: Branch<unknown>;
  #hasSession = false;
  readonly #clock: Clock;
  #line: Line | null = null;
  #released = false;

  /** The participant. */
  readonly member: Member;
  /** What is kept of it outside of its session. */
  readonly facts: BranchFacts;
  /** Whether it was asked what it has done, and has answered. */
  isExamined = false;
  /** Whether it may have written; known once it was examined. */
  writes = false;
  /** How far it is known to have come. */
  progress: BranchProgress = "active";

  /**
   * Begins without a session.
   *
   * @param member The participant.
   * @param facts What is kept of it outside of its session.
   * @param clock Limits the waiting.
   */
  constructor(member: Member, facts: BranchFacts, clock: Clock) {
    this.member = member;
    this.facts = facts;
    this.#clock = clock;
  }

  /** The exact gid. */
  get gid(): string {
    return this.facts.gid;
  }

  /** Name of the participant. */
  get participant(): string {
    return this.member.name;
  }

  /** What its outcome can be asked by; `null` if there is no such thing or it was not asked yet. */
  get token(): string | null {
    return this.facts.token;
  }

  /** Whether it has its session. */
  get hasSession(): boolean {
    return this.#hasSession;
  }

  /** The driver's client. */
  get client(): unknown {
    return this.#session.client;
  }

  /** Whether its database has called it a writer already; see {@linkcode Branch.wrote}. */
  get wrote(): boolean {
    return this.#session.wrote;
  }

  /**
   * Answers what someone asks, one thing at a time. An adapter may throw where it should reject, and be written
   * in JavaScript and answer with something that is no promise.
   *
   * @param asker Asks, and hears the answer unless {@linkcode hangUp} comes first; not before this returns.
   */
  answerTo(asker: Asker): void {
    this.#line ??= new Line(this);
    this.#line.asker = asker;
    const { onAnswer, onError } = this.#line;
    let answer: Promise<unknown>;
    try {
      answer = Promise.resolve(asker.ask(this));
    } catch (error) {
      answer = Promise.reject(error);
    }
    answer.then(onAnswer, onError);
  }

  /** Whether someone waits for its answer. */
  isAskedBy(asker: Asker): boolean {
    return this.#line?.asker === asker;
  }

  /**
   * Someone waits no longer: an answer that comes after all is heard by nobody.
   *
   * @param asker Who waits no longer.
   * @returns Whether an answer was missing.
   */
  hangUp(asker: Asker): boolean {
    if (this.#line?.asker !== asker) return false;
    this.#line.asker = null;
    this.#line = null;
    return true;
  }

  /** Asks the participant for a session, which {@linkcode take} is to be given. */
  acquire(): Promise<Branch<unknown>> {
    return this.member.participant.acquire();
  }

  /** Takes over a session that has not begun. */
  take(session: Branch<unknown>): void {
    this.#session = session;
    this.#hasSession = true;
  }

  /** Begins the database's transaction. */
  begin(options: Omit<BranchOptions, "gid">): Promise<void> {
    const { gid, member: { identity } } = this;
    const plain = identity === null ? { gid } : { gid, identity };
    return this.#session.begin(options === PLAIN ? plain : { ...options, ...plain });
  }

  /** Asks what it has done; see {@linkcode Branch.examine}. */
  examine(): Promise<BranchWork> {
    return this.#session.examine();
  }

  /** Takes note of what it has done. */
  examined({ wrote, token }: BranchWork): void {
    this.isExamined = true;
    this.writes = wrote;
    this.facts.token = token;
  }

  /** Commits in one phase. */
  commit(): Promise<VoteAnswer> {
    return this.#session.commit();
  }

  /** Prepares the branch, which may be prepared from now on. */
  prepare(): Promise<PrepareAnswer> {
    this.progress = "maybe prepared";
    this.writes = true;
    return this.#session.prepare();
  }

  /** Takes note of its answer to PREPARE. */
  prepared(answer: PrepareAnswer): void {
    if (answer.kind === "done") {
      this.progress = "prepared";
      this.facts.token = answer.token;
    }
    if (answer.kind === "refused") this.progress = "ended";
  }

  /** Commits the prepared branch. */
  commitPrepared(): Promise<SettleAnswer> {
    return this.#session.commitPrepared();
  }

  /** Rolls back the prepared branch. */
  rollbackPrepared(): Promise<SettleAnswer> {
    return this.#session.rollbackPrepared();
  }

  /** Rolls back a branch that was not prepared, interrupting what it is busy with. */
  async rollback(): Promise<void> {
    const rolledBack = this.#session.rollback();
    rolledBack.catch(() => {});
    if (await within(this.#clock, rolledBack, INTERRUPT_AFTER_MS, LATE) === LATE) {
      await within(this.#clock, this.#session.interrupt(), ROLLBACK_TIMEOUT_MS, LATE);
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
      this.#session.release();
    } catch {
      // The pool has one session less, and its next transactions hear of that.
    }
  }
}
