/**
 * What can go wrong with one command to a database. A fault stands between the coordinator and the
 * database: it decides whether and when the command takes effect and what is heard of it.
 *
 * @module
 */

import type {
  BranchWork,
  ParticipantCheck,
  PrepareAnswer,
  PreparedBranch,
  SettleAnswer,
  TokenOutcome,
  VoteAnswer,
} from "../../../src/coordinator/participant.ts";

/** Every command to a database, with its answer. */
export interface Answers {
  readonly check: ParticipantCheck;
  readonly acquire: void;
  readonly begin: void;
  readonly examine: BranchWork;
  readonly prepare: PrepareAnswer;
  readonly commit: VoteAnswer;
  readonly rollback: void;
  readonly interrupt: void;
  readonly commitPrepared: SettleAnswer;
  readonly rollbackPrepared: SettleAnswer;
  readonly listPrepared: PreparedBranch[];
  readonly outcomeOf: TokenOutcome;
}

/** Name of a command. */
export type Command = keyof Answers;

/** One command on its way. */
export interface Call<A> {
  /** Lets it take effect; gives the database's answer. */
  effect(): A;
  /** The session is gone before the command came: its database rolls back what is not prepared. */
  abandon(): void;
  /** What is heard when the answer is lost. */
  lose(): A;
  /** Lets it take effect once something has happened; until then the session lives on. */
  postpone(gate: Promise<unknown>): void;
}

/** What becomes of a command. */
export type Fault<A> = (call: Call<A>) => Promise<A> | A;

/** The command never came; its answer is lost. */
export function lostBefore<A>(call: Call<A>): A {
  call.abandon();
  return call.lose();
}

/** The command took effect; its answer is lost. */
export function lostAfter<A>(call: Call<A>): A {
  call.effect();
  return call.lose();
}

/** Nothing happens and nothing is heard. */
export function hangs<A>(): Promise<A> {
  return new Promise<A>(() => {});
}

/** The command never comes, and nothing is ever heard of it. */
export function hangsBefore<A>(call: Call<A>): Promise<A> {
  call.abandon();
  return hangs();
}

/** The command takes effect, nothing is ever heard of it. */
export function hangsAfter<A>(call: Call<A>): Promise<A> {
  call.effect();
  return hangs();
}

/** The command waits until something has happened. */
export function waitsFor(gate: Promise<unknown>): <A>(call: Call<A>) => Promise<A> {
  return async (call) => {
    await gate;
    return call.effect();
  };
}

/** The command takes effect; its answer is heard when something has happened. */
export function heardAfter(gate: Promise<unknown>): <A>(call: Call<A>) => Promise<A> {
  return async (call) => {
    const answer = call.effect();
    await gate;
    return answer;
  };
}

/** The answer is lost at once, the command takes effect when something has happened. */
export function lateAfter(gate: Promise<unknown>): <A>(call: Call<A>) => A {
  return (call) => {
    call.postpone(gate);
    return call.lose();
  };
}

/** The database gives this answer and does nothing. */
export function answers<A>(answer: A): () => A {
  return () => answer;
}

type Refusal = Extract<VoteAnswer, { kind: "refused" }>;

/** The database refuses to prepare or to commit and rolls back. */
export function refuses(error: unknown, retryable = false) {
  return (call: { abandon(): void }): Refusal => {
    call.abandon();
    return { kind: "refused", error, retryable };
  };
}

/** The command fails with an error. */
export function fails(error: unknown): () => Promise<never> {
  return () => Promise.reject(error);
}

/** The faults that a test has planned for one database. */
export class Script {
  readonly #next = new Map<Command, unknown[]>();
  readonly #always = new Map<Command, unknown>();

  /** Plans a fault for the next command of a kind that has none planned yet. */
  next<C extends Command>(command: C, fault: Fault<Answers[C]>): void {
    const planned = this.#next.get(command) ?? [];
    planned.push(fault);
    this.#next.set(command, planned);
  }

  /** Puts a fault before every command of a kind, or takes it away. */
  always<C extends Command>(command: C, fault: Fault<Answers[C]> | null): void {
    if (fault === null) this.#always.delete(command);
    else this.#always.set(command, fault);
  }

  /** Sends a command through what is planned for it. */
  async send<C extends Command>(command: C, call: Call<Answers[C]>): Promise<Answers[C]> {
    const planned = this.#next.get(command)?.shift() ?? this.#always.get(command);
    const fault = planned as Fault<Answers[C]> | undefined;
    await Promise.resolve(); // No database answers in the turn in which it is asked.
    return fault === undefined ? call.effect() : await fault(call);
  }
}

const UNHEARD = {
  kind: "unknown",
  error: new Error("the connection was lost"),
} as const;

/** What is heard of a command whose answer is lost. */
export function lostAnswer<C extends Command>(command: C): Answers[C] {
  const { error } = UNHEARD;
  const heard: { readonly [K in Command]?: Answers[K] } = {
    prepare: UNHEARD,
    commit: UNHEARD,
    commitPrepared: { kind: "later", error },
    rollbackPrepared: { kind: "later", error },
  };
  const answer = heard[command];
  if (answer === undefined) throw error;
  return answer as Answers[C];
}
