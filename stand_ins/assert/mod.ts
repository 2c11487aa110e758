/**
 * Stand-in for `@std/assert` where its registry cannot be reached. It guarantees the assertions the
 * tests of this project use, with the signatures of the original; texts of failures may differ.
 *
 * @module
 */

export { AssertionError } from "./assertion_error.ts";
export * from "./equal.ts";
export * from "./equality.ts";
export * from "./failures.ts";
export * from "./matches.ts";
export * from "./order.ts";
export * from "./truth.ts";
