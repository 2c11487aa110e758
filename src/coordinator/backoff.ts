/**
 * How long to wait before the next try: doubling from a first delay up to a cap, each with jitter (from
 * half of it to all of it), so that many waiters do not come back at once.
 *
 * @module
 */

import type { Randomness } from "../platform/randomness.ts";

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 30_000;

/**
 * The delay before a try.
 *
 * @param failures How many tries have failed so far, at least 1.
 * @param randomness For the jitter.
 * @returns Milliseconds.
 */
export function backoffDelay(failures: number, randomness: Randomness): number {
  const doublings = Math.min(Math.max(failures, 1) - 1, 20);
  const delay = Math.min(FIRST_DELAY_MS * 2 ** doublings, MAX_DELAY_MS);
  return delay * (0.5 + randomness.fraction() / 2);
}
