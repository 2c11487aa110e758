/**
 * Whether the samples of a load show that the log takes no more and more of the machine.
 *
 * @module
 */

import type { Sample } from "./sample.ts";

/** Growth of resident memory that passes for chance, in percent. */
const MAX_GROWTH = 5;

/** Lock, identity, the present segment, the next one, and old ones about to be removed. */
const MAX_FILES = 8;

/**
 * Descriptors more than at the first look: a segment, the next one, what syncs and lists
 * directories.
 */
const MAX_DESCRIPTORS = 8;

/** Segments that may be there at once, in their full size. */
const MAX_SEGMENTS = 4;

/** Seconds in which everything has been used once. */
const WARM_UP = 60;

/** What the log may take, besides these limits. */
export interface Allowance {
  /** Bytes of a segment. */
  readonly segmentSize: number;
  /** Bytes of what is live at the same time. */
  readonly liveBytes: number;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? 0;
}

/**
 * Growth of resident memory in percent: the last minute against the first one after the warm-up,
 * each by its median, since garbage comes and goes.
 *
 * @returns The growth; `null` if the samples are too few to say.
 */
export function growthOf(samples: readonly Sample[]): number | null {
  const warm = samples.filter(({ seconds }) => seconds >= WARM_UP);
  const start = warm[0]?.seconds ?? 0;
  const end = warm.at(-1)?.seconds ?? 0;
  if (end - start < 2 * WARM_UP) return null;
  const first = warm.filter(({ seconds }) => seconds <= start + WARM_UP);
  const last = warm.filter(({ seconds }) => seconds >= end - WARM_UP);
  const [before, after] = [first, last].map((some) => median(some.map(({ resident }) => resident)));
  return ((after ?? 0) / (before ?? 1) - 1) * 100;
}

/** What is wrong, in one line each; nothing if all is well. */
export function problemsOf(
  samples: readonly Sample[],
  { segmentSize, liveBytes }: Allowance,
): string[] {
  const growth = growthOf(samples);
  const base = samples[0]?.descriptors ?? 0;
  const most = (field: keyof Sample) => Math.max(...samples.map((sample) => sample[field]));
  const limits: [string, number, number][] = [
    ["% growth of resident memory", growth ?? 0, MAX_GROWTH],
    ["files in the log directory", most("files"), MAX_FILES],
    ["open file descriptors", most("descriptors"), base + MAX_DESCRIPTORS],
    ["bytes in the log directory", most("bytes"), MAX_SEGMENTS * segmentSize + liveBytes],
  ];
  return limits
    .filter(([, value, limit]) => value > limit)
    .map(([what, value, limit]) => `${value.toFixed(1)} ${what}, at most ${limit} would be right`);
}
