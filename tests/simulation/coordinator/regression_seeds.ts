/** Seeds that have failed once, and what they have found. They are run in every test. */

/** One of them. */
export interface FailedSeed {
  readonly seed: number;
  /** What was wrong. */
  readonly found: string;
}

/** All of them. */
export const FAILED_SEEDS: readonly FailedSeed[] = [];
