/**
 * Runs an application's function in a transaction: commits if it returns, rolls back if it throws or its
 * time is up, and begins again, after a pause, where that was asked for and may help. What may have
 * committed is never begun again.
 *
 * @module
 */

import { sleep } from "../platform/clock.ts";
import type { Platform } from "../platform/platform.ts";
import { abortedError, deadlineReason } from "./abort_reason.ts";
import { backoffDelay } from "./backoff.ts";
import { Current } from "./current.ts";
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

/** What functions are run with. */
export interface RunContext {
  /** Gives a transaction its turn; see {@linkcode Beginning.admit}. */
  admit(
    names: readonly string[],
    options: TransactionOptions,
  ): TransactionCore | Promise<TransactionCore>;
  /** Begins its branches; see {@linkcode Beginning.enlist}. */
  enlist(core: TransactionCore): Promise<EnlistedBranch[]>;
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
export async function run<Clients, All, T>(
  context: RunContext,
  names: readonly string[],
  fn: Work<Clients, All, T>,
  options: RunOptions,
): Promise<T> {
  const most = retries(options.retry);
  for (let failures = 0;;) {
    let core: TransactionCore | null = null;
    try {
      const admitted = context.admit(names, options);
      core = admitted instanceof Promise ? await admitted : admitted;
      core.branches = await context.enlist(core);
      const transaction = new Transaction<Clients, All>(core);
      const running = call(context, core, transaction, fn);
      const value = running instanceof Promise ? await running : running;
      if (transaction.state === "active") await transaction.commit();
      // The function may have asked for the commit and not waited for it.
      else if (!hasEnded(transaction.state)) await core.committing;
      return value;
    } catch (error) {
      failures++;
      if (failures > most || !mayHelp(core, error)) throw error;
      if (!await pause(context, failures, options.signal)) throw error;
    }
  }
}

/** Waits before the next try; false if there must be none. */
function pause(
  { platform: { clock, randomness }, closing }: RunContext,
  failures: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const ending = signal === undefined ? closing : AbortSignal.any([closing, signal]);
  return sleep(clock, backoffDelay(failures, randomness), ending);
}

/** Whether another try may not meet the failure of this one, which has certainly changed nothing. */
function mayHelp(core: TransactionCore | null, error: unknown): boolean {
  // The function may have committed by hand and then met with an error of another transaction.
  if (core !== null && core.states.current !== "aborted") return false;
  // A part of it may have been committed all the same, and would be done twice.
  if (core !== null && (core.heuristics.length > 0 || core.meddledWith)) return false;
  if (error instanceof TransactionAbortedError) return error.retryable;
  return core?.branches.some(({ member }) => member.participant.isRetryable(error)) ?? false;
}

function hasEnded(state: TransactionState): boolean {
  return state === "committed" || state === "aborted" || state === "unknown";
}

/** Calls the function, as long as its transaction's time is not up. */
function call<Clients, All, T>(
  { store }: RunContext,
  core: TransactionCore,
  transaction: Transaction<Clients, All>,
  fn: Work<Clients, All, T>,
): T | Promise<T> {
  const current = new Current(transaction);
  const value = store.run(current, () => begin(transaction, fn));
  if (value instanceof Promise) return untilDeadline(core, transaction, value, current);
  current.leave();
  return value;
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

async function untilDeadline<T>(
  { deadline, id }: TransactionCore,
  transaction: Transaction<unknown>,
  running: Promise<T>,
  current: Current,
): Promise<T> {
  try {
    return await deadline.race(running);
  } catch (error) {
    const late = error === deadline.error ? deadline.error : null;
    // Time cannot end a transaction that the function itself has begun to end.
    if (late !== null && transaction.state !== "active") return await running;
    await rollBackAfter(transaction, error);
    throw late === null ? error : abortedError(id, deadlineReason(late));
  } finally {
    current.leave();
  }
}

/**
 * Rolls back after an error that must reach the caller as it is; a failure of that is put beside it.
 *
 * @param transaction The transaction; left alone if it has ended.
 * @param error The error, which gets a `rollbackError` if rolling back failed.
 */
export async function rollBackAfter(
  transaction: Transaction<unknown>,
  error: unknown,
): Promise<void> {
  if (transaction.state !== "active") return;
  try {
    await transaction.rollback();
  } catch (rollbackError) {
    if (error instanceof Error && Object.isExtensible(error)) {
      Object.defineProperty(error, "rollbackError", { value: rollbackError, configurable: true });
    }
  }
}
