/**
 * Where an error says that it comes from. What a transaction came to is known where a database or the disk
 * has answered, and nothing there leads to who asked for it: so the stack of such an error is taken where its
 * caller waits. Errors of others keep their own.
 *
 * @module
 */

import { HeuristicOutcomeError, OutcomeUnknownError, TransactionAbortedError } from "./errors.ts";

/**
 * Rejects a promise of the caller's, with a stack that leads to who waits for it.
 *
 * V8 finds them by the way from an async function to the promise that it settles: so this is one, waits
 * before it looks, and is given both functions of the promise.
 *
 * @param error What to reject it with.
 * @param resolve The function that resolves the promise; is not called.
 * @param reject The function that rejects it.
 */
export function rejectAtCaller(
  error: unknown,
  resolve: (value: never) => void,
  reject: (error: unknown) => void,
): void {
  rethrow(error).then(resolve, reject);
}

async function rethrow(error: unknown): Promise<never> {
  await undefined;
  if (isOutcome(error)) Error.captureStackTrace(error, rethrow);
  throw error;
}

/**
 * Whether an error says what a transaction came to.
 *
 * @param error What was thrown.
 * @returns False for whatever else was: the function's own error, a driver's.
 */
export function isOutcome(error: unknown): error is Error {
  return error instanceof TransactionAbortedError || error instanceof OutcomeUnknownError ||
    error instanceof HeuristicOutcomeError;
}
