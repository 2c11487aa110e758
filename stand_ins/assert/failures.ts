/**
 * Guarantees the assertions about errors: that a function throws or its promise rejects, with which
 * class and which text in the message; they give the error to the caller.
 *
 * @module
 */

import { failWith } from "./assertion_error.ts";
import { stripVTControlCharacters } from "node:util";

type ErrorClass = new (...args: never[]) => Error;

/** What the two forms of the optional arguments come down to. */
interface Expectation {
  readonly errorClass: ErrorClass | undefined;
  readonly includes: string | undefined;
  readonly message: string | undefined;
}

/** Asserts that the function throws, and returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Asserts that the function throws an error of the class, and returns it. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: new (...args: never[]) => E,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  classOrMessage?: ErrorClass | string,
  includesOrMessage?: string,
  msg?: string,
): unknown {
  const expectation = expectationOf(classOrMessage, includesOrMessage, msg);
  try {
    fn();
  } catch (error) {
    return check(error, "thrown", expectation);
  }
  failWith("Expected function to throw", expectation.message);
}

/** Asserts that the promise of the function rejects, and returns the reason. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Asserts that the promise of the function rejects with an error of the class, and returns it. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: new (...args: never[]) => E,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  classOrMessage?: ErrorClass | string,
  includesOrMessage?: string,
  msg?: string,
): Promise<unknown> {
  const expectation = expectationOf(classOrMessage, includesOrMessage, msg);
  const promise = promiseOf(fn);
  if (promise === undefined) {
    failWith("Function throws when expected to reject", expectation.message);
  }
  try {
    await promise;
  } catch (error) {
    return check(error, "rejected", expectation);
  }
  failWith("Expected function to reject", expectation.message);
}

/** The promise, unless the function throws or returns something else. */
function promiseOf(fn: () => PromiseLike<unknown>): PromiseLike<unknown> | undefined {
  try {
    const result: unknown = fn();
    return isPromiseLike(result) ? result : undefined;
  } catch {
    return undefined;
  }
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}

function expectationOf(
  classOrMessage?: ErrorClass | string,
  includesOrMessage?: string,
  message?: string,
): Expectation {
  return typeof classOrMessage === "string"
    ? { errorClass: undefined, includes: undefined, message: classOrMessage }
    : { errorClass: classOrMessage, includes: includesOrMessage, message };
}

function check(error: unknown, verb: string, expectation: Expectation): unknown {
  const { errorClass, includes, message } = expectation;
  if (errorClass === undefined) return error;
  if (!(error instanceof Error)) failWith(`A non-Error object was ${verb}`, message);
  const found = error.constructor.name;
  if (!(error instanceof errorClass)) {
    failWith(
      `Expected error to be instance of "${errorClass.name}", but was "${found}"`,
      message,
      { cause: error },
    );
  }
  if (!plain(error.message).includes(plain(includes ?? ""))) {
    failWith(
      `Expected error message to include ${JSON.stringify(includes)}, ` +
        `but got ${JSON.stringify(error.message)}`,
      message,
      { cause: error },
    );
  }
  return error;
}

function plain(text: string): string {
  return stripVTControlCharacters(text);
}
