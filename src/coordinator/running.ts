/**
 * Runs an application's function in a transaction: commits if it returns, rolls back if it throws or its
 * time is up, and begins again, after a pause, where that was asked for and may help. What may have
 * committed is never begun again. Whatever the function does, its transaction has ended when the caller hears of it,
 * and the function always runs in the async context of who asked for the transaction.
 *
 * @module
 */

import { sleep } from "../platform/clock.ts";
import type { Platform } from "../platform/platform.ts";
import { abortedError, deadlineReason } from "./abort_reason.ts";
import { backoffDelay } from "./backoff.ts";
import type { AdmissionListener } from "./beginning.ts";
import { isOutcome, rejectAtCaller } from "./caller_stack.ts";
import { firstCause } from "./causes.ts";
import { commit } from "./commit.ts";
import { Current } from "./current.ts";
import type { DeadlineError, DeadlineWaiter } from "./deadline.ts";
import type { EnlistmentListener } from "./enlist.ts";
import type { EnlistedBranch } from "./enlisted_branch.ts";
import { TransactionAbortedError } from "./errors.ts";
import {
  retries,
  type RunOptions,
  type TransactionOptions,
  type TransactionStore,
} from "./options.ts";
import { Transaction } from "./transaction.ts";
import type { TransactionCore } from "./transaction_core.ts";
import type { TransactionState } from "./transaction_state.ts";
import type { CommitListener } from "./two_phase.ts";

/** What functions are run with. */
export interface RunContext {
  /** Gives a transaction its turn; see {@linkcode Beginning.admit}. */
  admit(
    names: readonly string[],
    options: TransactionOptions,
    listener: AdmissionListener,
  ): void;
  /** Begins its branches; see {@linkcode Beginning.enlist}. */
  enlist(core: TransactionCore, listener: EnlistmentListener): void;
  /** By what the function's own code finds its transaction. */
  readonly store: TransactionStore;
  /** The machine. */
  readonly platform: Platform;
  /** Is aborted when no new transaction may begin. */
  readonly closing: AbortSignal;
}

/** An application's function. */
export type Work<Clients, All, T> = (
  clients: Clients,
  transaction: Transaction<Clients, All>,
) => T | Promise<T>;

/**
 * Runs a function in a transaction, and again in a new one as often as was asked for.
 *
 * @typeParam Clients The clients of the participants.
 * @typeParam All Those of every participant of the coordinator.
 * @typeParam T What the function returns.
 * @param context What it is run with.
 * @param names The participants.
 * @param fn The function.
 * @param options How its transactions begin, how often to try again, and the signal that ends the pauses.
 * @returns What the function returned.
 * @throws What the last try came to.
 */
export function run<Clients, All, T>(
  context: RunContext,
  names: readonly string[],
  fn: Work<Clients, All, T>,
  options: RunOptions,
): Promise<T> {
  // Not a promise with an executor, which would cost every transaction a function and its scope.
  const result = Promise.withResolvers<T>();
  try {
    new Run(context, names, fn, options, result).begin();
  } catch (error) {
    result.reject(error);
  }
  return result.promise;
}

/** One object for all tries: what follows from an answer follows at once, in the order of the methods. */
class Run<Clients, All, T>
  implements AdmissionListener, EnlistmentListener, DeadlineWaiter, CommitListener {
  readonly #context: RunContext;
  readonly #names: readonly string[];
  readonly #fn: Work<Clients, All, T>;
  readonly #options: RunOptions;
  readonly #result: PromiseWithResolvers<T>;
  readonly #retries: number;
  #failures = 0;
  #core: TransactionCore | null = null;
  #transaction: Transaction<Clients, All> | null = null;
  #current: Current | null = null;
  /** What the function returned. */
  #value: T | undefined = undefined;
  /** Begins the next try. */
  #beginAgain: (() => void) | null = null;

  constructor(
    context: RunContext,
    names: readonly string[],
    fn: Work<Clients, All, T>,
    options: RunOptions,
    result: PromiseWithResolvers<T>,
  ) {
    this.#context = context;
    this.#names = names;
    this.#fn = fn;
    this.#options = options;
    this.#result = result;
    this.#retries = retries(options.retry);
  }

  begin(): void {
    this.#core = null;
    if (this.#failures < this.#retries) this.#keepContext();
    try {
      this.#context.admit(this.#names, this.#options, this);
    } catch (error) {
      this.#failed(error);
    }
  }

  /**
   * Lets the next try begin in the present async context, which is the caller's: what ends this one may be a
   * timer, and that runs in the context of whoever has set it.
   */
  #keepContext(): void {
    const turn = Promise.withResolvers<void>();
    void turn.promise.then(() => this.begin());
    this.#beginAgain = turn.resolve;
  }

  admitted(core: TransactionCore): void {
    this.#core = core;
    try {
      this.#context.enlist(core, this);
    } catch (error) {
      this.#failed(error);
    }
  }

  notAdmitted(error: unknown): void {
    this.#failed(error);
  }

  notEnlisted(error: unknown): void {
    this.#failed(error);
  }

  enlisted(branches: EnlistedBranch[]): void {
    const core = this.#core!;
    core.branches = branches;
    try {
      const transaction = new Transaction<Clients, All>(core);
      this.#transaction = transaction;
      const current = new Current(transaction);
      this.#current = current;
      const value = this.#context.store.run(current, () => begin(transaction, this.#fn));
      if (value instanceof Promise) this.#await(value, current);
      else this.#returned(value, current);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Waits for the function, as long as its transaction's time is not up. */
  #await(running: Promise<T>, current: Current): void {
    running.then(
      (value) => this.#returned(value, current),
      (error) => this.#threw(error, current),
    );
    this.#core!.deadline.whenExpired(this);
  }

  timeUp(error: DeadlineError): void {
    const transaction = this.#transaction!;
    // Time cannot end a transaction that the function itself has begun to end.
    if (transaction.state !== "active") return;
    // What the function says now is heard by nobody.
    this.#leave(this.#current!);
    const { enlisting } = this.#core!;
    const reason = deadlineReason(
      enlisting === null ? error : error.waitingFor(`"${enlisting}" to be enlisted`, enlisting),
    );
    const late = () => this.#failed(abortedError(transaction.id, reason));
    rollBackAfter(this.#core!, error).then(late, late);
  }

  #threw(error: unknown, current: Current): void {
    if (!this.#leave(current)) return;
    const failed = () => this.#failed(error);
    rollBackAfter(this.#core!, error).then(failed, failed);
  }

  #returned(value: T, current: Current): void {
    if (!this.#leave(current)) return;
    this.#value = value;
    const core = this.#core!;
    if (core.states.current === "active") commit(core, this);
    else this.#endedItself(core, value);
  }

  /** The function has ended its transaction, or time has. */
  #endedItself(core: TransactionCore, value: T): void {
    const { failure, states: { current: state } } = core;
    if (failure !== null) return void core.ended.then(() => this.#failed(failure));
    // The function may have asked for the commit and not waited for it.
    const committing = hasEnded(state) ? null : core.committing;
    if (committing === null) return this.#result.resolve(value);
    committing.then(() => this.#result.resolve(value), (error) => this.#failed(error));
  }

  /** A try's function has ended, or need not be waited for; false if that was so before. */
  #leave(current: Current): boolean {
    if (this.#current !== current) return false;
    current.leave();
    this.#current = null;
    this.#core!.deadline.forget(this);
    return true;
  }

  committed(): void {
    this.#result.resolve(this.#value as T);
  }

  notCommitted(error: unknown): void {
    this.#failed(error);
  }

  #failed(error: unknown): void {
    const core = this.#core;
    if (core === null || core.states.current !== "active") return this.#ended(error);
    // It could not even begin to commit. Nobody else would ever end it.
    this.#current?.leave();
    this.#current = null;
    const ended = () => this.#ended(error);
    rollBackAfter(core, error).then(ended, ended);
  }

  #ended(error: unknown): void {
    this.#failures++;
    if (this.#failures > this.#retries || !mayHelp(this.#core, error)) this.#giveUp(error);
    else void this.#tryAgain(error);
  }

  /** Begins again after a pause, unless there must be no other try. */
  async #tryAgain(failure: unknown): Promise<void> {
    try {
      const { platform: { clock, randomness }, closing } = this.#context;
      const { signal } = this.#options;
      const ending = signal === undefined ? closing : AbortSignal.any([closing, signal]);
      const delay = backoffDelay(this.#failures, randomness);
      if (!await sleep(clock, delay, ending)) throw failure;
    } catch (error) {
      return this.#giveUp(error);
    }
    this.#beginAgain!();
  }

  #giveUp(error: unknown): void {
    rejectAtCaller(error, this.#result.resolve, this.#result.reject);
  }
}

/** Whether another try may not meet the failure of this one, which has certainly changed nothing. */
function mayHelp(core: TransactionCore | null, error: unknown): boolean {
  // The function may have committed by hand and then met with an error of another transaction.
  if (core !== null && core.states.current !== "aborted") return false;
  // A part of it may have been committed all the same, and would be done twice.
  if (core !== null && (core.heuristics.length > 0 || core.meddledWith)) return false;
  // Another transaction's, perhaps: one that may have committed must not be repeated with this one.
  const outcome = firstCause(error, isOutcome);
  if (outcome !== null) return outcome instanceof TransactionAbortedError && outcome.retryable;
  return core?.branches.some(({ member }) => member.participant.isRetryable(error)) ?? false;
}

function hasEnded(state: TransactionState): boolean {
  return state === "committed" || state === "aborted" || state === "unknown";
}

/** What the function returns, or a promise of it; a promise also if it throws. */
function begin<Clients, All, T>(
  transaction: Transaction<Clients, All>,
  fn: Work<Clients, All, T>,
): T | Promise<T> {
  try {
    const value = fn(transaction.clients, transaction);
    // A query builder runs its statement only when its `then` is called.
    return isThenable(value) ? Promise.resolve(value) : value;
  } catch (error) {
    return Promise.reject(error);
  }
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === "function";
}

/**
 * Rolls back after an error that must reach the caller as it is; a failure of that is put beside it.
 *
 * @param core The transaction; left alone if it has ended.
 * @param error The error, which gets a `rollbackError` if rolling back failed.
 */
export async function rollBackAfter(core: TransactionCore, error: unknown): Promise<void> {
  if (core.states.current !== "active") return;
  try {
    await core.abort();
  } catch (rollbackError) {
    if (error instanceof Error && Object.isExtensible(error)) {
      Object.defineProperty(error, "rollbackError", { value: rollbackError, configurable: true });
    }
  }
}
