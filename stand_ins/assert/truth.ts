/**
 * Guarantees the assertions about one condition, and the two that always fail.
 *
 * @module
 */

import { AssertionError, failWith } from "./assertion_error.ts";

/** Asserts that the expression is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Every value that counts as false. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

/** Asserts that the expression is falsy. */
export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

/** Asserts that the value is neither null nor undefined. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) {
    failWith(`Expected actual: "${actual}" to not be null or undefined`, msg);
  }
}

/** Fails always. */
export function fail(msg?: string): never {
  failWith("Failed assertion", msg);
}

/** Fails always: marks code that must not be reached. */
export function unreachable(msg?: string): never {
  failWith("Unreachable", msg);
}
