/**
 * One of those that are measured against each other.
 *
 * @module
 */

import type { DiskCounts } from "./counted_platform.ts";

/** Does the same thing as the others, in its own way. */
export interface Contender extends AsyncDisposable {
  /** Does it once; resolves when it is durable. */
  operate(): Promise<unknown>;
  /** What its disk was asked to do so far; `null` if that cannot be counted from outside. */
  readonly counts: DiskCounts | null;
  /** Figures of its own about the round that has just ended. */
  extra?(): Readonly<Record<string, number>>;
  /** Makes ready for a round, outside of the time that is counted. */
  beforeRound?(): void | Promise<void>;
}

/** What a contender is made with. */
export interface ContenderSettings {
  /** An empty directory of its own. */
  readonly directory: string;
  /** How many callers there will be. */
  readonly concurrency: number;
  /** Bytes of an operation, where it is not the contender who decides. */
  readonly bytes: number;
  /** Where the databases are, where there are any. */
  readonly urls: readonly string[];
}
