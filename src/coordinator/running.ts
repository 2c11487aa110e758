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
import { TransactionAbortedError } from "./errors.ts";
import { retries, type RunOptions, type TransactionStore } from "./options.ts";
import { Transaction } from "./transaction.ts";
import type { TransactionCore } from "./transaction_core.ts";
import type { TransactionState } from "./transaction_state.ts";

/** What a function is run with. */
export interface RunContext {
  /** Begins a transaction. */
  begin(): Promise<TransactionCore>;
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

/** What one try came to. */
type Try<T> = { readonly value: T } | { readonly error: unknown; readonly retryable: boolean };

/**
 * Runs a function in a transaction, and again in a new one as often as was asked for.
 *
 * @typeParam Clients The clients of the participants.
 * @typeParam All Those of every participant of the coordinator.
 * @typeParam T What the function returns.
 * @param context What it is run with.
 * @param fn The function.
 * @param options How often to try again, and the signal that ends the pauses.
 * @returns What the function returned.
 * @throws What the last try came to.
 */
export async function run<Clients, All, T>(
  context: RunContext,
  fn: Work<Clients, All, T>,
  { retry, signal }: Pick<RunOptions, "retry" | "signal">,
): Promise<T> {
  const { closing, platform: { clock, randomness } } = context;
  const most = retries(retry);
  for (let failures = 0;; failures++) {
    const result = await runOnce(context, fn);
    if ("value" in result) return result.value;
    if (failures >= most || !result.retryable) throw result.error;
    const delay = backoffDelay(failures + 1, randomness);
    const ending = signal === undefined ? closing : AbortSignal.any([closing, signal]);
    if (!await sleep(clock, delay, ending)) throw result.error;
  }
}

async function runOnce<Clients, All, T>(
  context: RunContext,
  fn: Work<Clients, All, T>,
): Promise<Try<T>> {
  let core: TransactionCore | null = null;
  try {
    core = await context.begin();
    const transaction = new Transaction<Clients, All>(core);
    const value = await call(context, core, transaction, fn);
    if (transaction.state === "active") await transaction.commit();
    // The function may have asked for the commit and not waited for it.
    else if (!hasEnded(transaction.state)) await core.committing;
    return { value };
  } catch (error) {
    return { error, retryable: mayHelp(core, error) };
  }
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
async function call<Clients, All, T>(
  { store }: RunContext,
  core: TransactionCore,
  transaction: Transaction<Clients, All>,
  fn: Work<Clients, All, T>,
): Promise<T> {
  const { deadline } = core;
  const running = store.run(transaction, async () => await fn(transaction.clients, transaction));
  try {
    return await deadline.race(running);
  } catch (error) {
    const late = error === deadline.error ? deadline.error : null;
    // Time cannot end a transaction that the function itself has begun to end.
    if (late !== null && transaction.state !== "active") return await running;
    await rollBackAfter(transaction, error);
    throw late === null ? error : abortedError(core.id, deadlineReason(late));
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
