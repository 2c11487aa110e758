/**
 * Guarantees the assertions that compare two values by size, as the operators of the language do.
 *
 * @module
 */

import { AssertionError } from "./assertion_error.ts";
import { inspect } from "node:util";

/** Asserts that the actual value is greater than the expected one. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) throw failure(actual, ">", expected, msg);
}

/** Asserts that the actual value is greater than the expected one or equal to it. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual >= expected)) throw failure(actual, ">=", expected, msg);
}

/** Asserts that the actual value is less than the expected one. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) throw failure(actual, "<", expected, msg);
}

/** Asserts that the actual value is less than the expected one or equal to it. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual <= expected)) throw failure(actual, "<=", expected, msg);
}

function failure(
  actual: unknown,
  operator: string,
  expected: unknown,
  message?: string,
): AssertionError {
  return new AssertionError(
    message ?? `Expect ${inspect(actual)} ${operator} ${inspect(expected)}`,
  );
}
