/**
 * Guarantees one class for every failed assertion, and one way to put the caller's message into the
 * text of a failure.
 *
 * @module
 */

import { AssertionError as NodeAssertionError } from "node:assert/strict";

/** Error thrown when an assertion fails. */
export class AssertionError extends Error {
  /**
   * Makes a failure.
   *
   * @param message What was expected and what was found
   * @param options The cause, if there is one
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

/** Throws the failure, with the caller's message behind it if there is one. */
export function failWith(failure: string, message?: string, options?: ErrorOptions): never {
  throw new AssertionError(message ? `${failure}: ${message}` : failure, options);
}

/** Throws the failure with a line by line comparison of the two values. */
export function failWithComparison(
  failure: string,
  actual: unknown,
  expected: unknown,
  message?: string,
): never {
  const { message: comparison } = new NodeAssertionError({
    actual,
    expected,
    operator: "deepStrictEqual",
  });
  const intro = message ? `${failure}: ${message}` : failure;
  // The first line of the comparison only says what the failure says already.
  throw new AssertionError(`${intro}\n${comparison.slice(comparison.indexOf("\n") + 1)}`);
}
