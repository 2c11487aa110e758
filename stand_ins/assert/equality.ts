/**
 * Guarantees the assertions about equal values: deep and strict equality, nearly equal numbers, and
 * containers that hold at least what is expected.
 *
 * @module
 */

import { failWith, failWithComparison } from "./assertion_error.ts";
import { equal } from "./equal.ts";
import { inspect } from "node:util";

/** Asserts that the values are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) {
    failWithComparison("Values are not equal", actual, expected, msg);
  }
}

/** Asserts that the values are not deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) {
    failWith(`Expected actual: ${inspect(actual)} not to be: ${inspect(expected)}`, msg);
  }
}

/** Asserts that the values are the same by `Object.is`. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (!Object.is(actual, expected)) {
    failWithComparison("Values are not strictly equal", actual, expected, msg);
  }
}

/** Asserts that the numbers differ by no more than the tolerance, by default 1e-7 of the expected. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const difference = Math.abs(expected - actual);
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (difference <= allowed) return;
  failWith(
    `Expected actual: ${actual} to be close to ${expected}: ` +
      `difference ${difference} is greater than ${allowed}`,
    msg,
  );
}

/** An array, typed array or the like, but not a string. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

/** Asserts that each expected element deeply equals an element of the actual array. */
export function assertArrayIncludes<T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
): void {
  const elements = Array.from(actual);
  const missing = Array.from(expected).filter((wanted) =>
    !elements.some((element) => equal(element, wanted))
  );
  if (missing.length === 0) return;
  failWith(
    `Expected actual: ${inspect(actual)} to include: ${inspect(expected)}\n` +
      `missing: ${inspect(missing)}`,
    msg,
  );
}

/** Asserts that the actual object has at least the expected content, at every depth. */
export function assertObjectMatch(actual: object, expected: object, msg?: string): void {
  if (!covers(actual, expected, new Map())) {
    failWithComparison("Object does not have the expected content", actual, expected, msg);
  }
}

function covers(actual: unknown, expected: unknown, seen: Map<object, unknown>): boolean {
  if (!isContainer(actual) || !isContainer(expected)) return equal(actual, expected);
  if (seen.get(expected) === actual) return true;
  seen.set(expected, actual);
  if (expected instanceof Map) {
    return actual instanceof Map &&
      [...expected].every(([key, value]) =>
        actual.has(key) && covers(actual.get(key), value, seen)
      );
  }
  if (expected instanceof Set) {
    return actual instanceof Set && [...expected].every((value) => actual.has(value));
  }
  return Array.isArray(actual) === Array.isArray(expected) &&
    Reflect.ownKeys(expected).every((key) =>
      Object.hasOwn(actual, key) &&
      covers(Reflect.get(actual, key), Reflect.get(expected, key), seen)
    );
}

/** Objects that are compared entry by entry, of whatever class; bytes, dates and the like are not. */
function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null && !ArrayBuffer.isView(value) &&
    !(value instanceof Date) && !(value instanceof RegExp) && !(value instanceof URL);
}
