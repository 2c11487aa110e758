/**
 * Guarantees one meaning of "this assertion fails" for the tests of the assertions.
 */

import { throws } from "node:assert/strict";
import { AssertionError } from "@std/assert";

/** Each must fail, with the caller's words in the message if it was given any. */
export function allFail(...runs: readonly (() => unknown)[]): void {
  for (const run of runs) {
    throws(run, (error) => error instanceof AssertionError && /why/.test(error.message));
  }
}
