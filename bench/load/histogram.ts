/**
 * Counts durations in buckets, each 1 % wider than the one before, so that percentiles of any number of
 * measurements take the same little memory.
 *
 * @module
 */

const SMALLEST_MS = 0.001;
const FACTOR = 1.01;
const PER_BUCKET = 1 / Math.log(FACTOR);
/** The last bucket begins above a quarter of an hour. */
const BUCKETS = 2080;

/** Durations in milliseconds. */
export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  /** How many were added. */
  get count(): number {
    return this.#total;
  }

  /** Adds a duration. */
  add(milliseconds: number): void {
    const exponent = Math.log(Math.max(milliseconds, SMALLEST_MS) / SMALLEST_MS) * PER_BUCKET;
    const bucket = Math.min(Math.floor(exponent), BUCKETS - 1);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total++;
  }

  /**
   * The duration that this part of all, from 0 to 1, does not exceed; at most 1 % too large. 0 if there are
   * none.
   */
  percentile(part: number): number {
    if (this.#total === 0) return 0;
    let left = Math.max(1, Math.ceil(part * this.#total));
    const bucket = this.#counts.findIndex((count) => (left -= count) <= 0);
    return SMALLEST_MS * FACTOR ** (bucket + 1);
  }

  /** Forgets everything. */
  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }
}
