/**
 * A closed loop: so many callers, each of which begins its next operation when the one before is durable.
 * Latencies of such a loop say how long a caller waits at this load; they say nothing about requests that
 * arrive at a rate of their own, which would queue behind a slow one.
 *
 * @module
 */

import { Histogram } from "./histogram.ts";

/** What a loop came to. */
export interface LoopResult {
  /** Operations that ended in the time counted. */
  readonly operations: number;
  /** Seconds from the start to the end of the last operation. */
  readonly seconds: number;
  /** Milliseconds that each operation took. */
  readonly latencies: Histogram;
}

/**
 * Runs operations until the time is over, and waits for those under way.
 *
 * @param operation Does one thing.
 * @param concurrency How many callers there are.
 * @param seconds For how long an operation is begun.
 * @returns What it came to.
 * @throws Whatever an operation throws, when the other callers have ended.
 */
export async function closedLoop(
  operation: () => Promise<unknown>,
  concurrency: number,
  seconds: number,
): Promise<LoopResult> {
  const latencies = new Histogram();
  const begun = performance.now();
  const deadline = begun + seconds * 1000;
  let failed = false;
  const caller = async () => {
    let start = performance.now();
    while (start < deadline && !failed) {
      await operation();
      const end = performance.now();
      latencies.add(end - start);
      start = end;
    }
  };
  const callers = Array.from({ length: concurrency }, () =>
    caller().catch((error) => {
      failed = true;
      throw error;
    }));
  for (const result of await Promise.allSettled(callers)) {
    if (result.status === "rejected") throw result.reason;
  }
  return {
    operations: latencies.count,
    seconds: (performance.now() - begun) / 1000,
    latencies,
  };
}
