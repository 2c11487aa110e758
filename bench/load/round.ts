/**
 * One round: one contender under one load for some seconds.
 *
 * @module
 */

import { closedLoop } from "./closed_loop.ts";
import type { Contender } from "./contender.ts";
import { type DiskCounts, noCounts } from "./counted_platform.ts";
import { type ProcessorUse, processorUse, readProcessor } from "./processor.ts";

/** What a round came to; goes from process to process as JSON. */
export interface Round {
  /** Operations that were done. */
  readonly operations: number;
  /** Seconds it took. */
  readonly seconds: number;
  /** Microseconds that half of the operations did not exceed. */
  readonly p50: number;
  /** Microseconds that 99 of 100 did not exceed. */
  readonly p99: number;
  /** Microseconds that 999 of 1000 did not exceed. */
  readonly p999: number;
  /** What the disk was asked to do meanwhile; `null` if that was not counted. */
  readonly counts: DiskCounts | null;
  /** Resident memory of the contender's process at the end, in bytes. */
  readonly resident: number;
  /** Who used the processor. */
  readonly processor: ProcessorUse;
  /** Figures of the contender's own. */
  readonly extra: Readonly<Record<string, number>>;
}

const MICROSECONDS = 1000;

/** Runs a round. */
export async function measureRound(
  contender: Contender,
  concurrency: number,
  seconds: number,
): Promise<Round> {
  await contender.beforeRound?.();
  const counts = contender.counts === null ? null : { ...contender.counts };
  const before = readProcessor();
  const result = await closedLoop(() => contender.operate(), concurrency, seconds);
  const processor = processorUse(before, readProcessor());
  const percentile = (part: number) => result.latencies.percentile(part) * MICROSECONDS;
  return {
    operations: result.operations,
    seconds: result.seconds,
    p50: percentile(0.5),
    p99: percentile(0.99),
    p999: percentile(0.999),
    counts: counts === null ? null : countsSince(counts, contender.counts ?? counts),
    resident: Deno.memoryUsage().rss,
    processor,
    extra: contender.extra?.() ?? {},
  };
}

function countsSince(before: DiskCounts, after: DiskCounts): DiskCounts {
  const difference = noCounts();
  for (const field of Object.keys(difference) as (keyof DiskCounts)[]) {
    difference[field] = after[field] - before[field];
  }
  return difference;
}
