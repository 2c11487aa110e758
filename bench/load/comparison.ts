/**
 * Measures contenders against each other under the same load: each in a process of its own, all on the
 * same disk, taking turns round by round, so that a quiet or a busy minute of the machine meets all.
 *
 * @module
 */

import type { ContenderName } from "./contenders.ts";
import { ContenderProcess } from "./contender_process.ts";
import { type Result, summarize, withRatios } from "./result.ts";
import type { Round } from "./round.ts";

/** What is compared. */
export interface Comparison {
  /** Name of the work. */
  readonly work: string;
  /** Who, the one whose bytes count first. */
  readonly contenders: readonly ContenderName[];
  /** How many callers, one load after another. */
  readonly concurrency: readonly number[];
  /** Seconds of a round. */
  readonly seconds: number;
  /** Rounds of each. */
  readonly rounds: number;
  /** Bytes of an operation; if absent, as many as the first contender writes for one. */
  readonly bytes?: number;
  /** Who is the disk itself. */
  readonly disk?: ContenderName;
  /** Where the databases are. */
  readonly urls?: readonly string[];
  /** For how long each runs at least before it is counted, in rounds as well; two rounds if absent. */
  readonly warmUpSeconds?: number;
}

/** Hears of each result as soon as it is there. */
export type OnProgress = (text: string) => void;

/** Runs a comparison. */
export async function compare(comparison: Comparison, onProgress: OnProgress): Promise<Result[]> {
  const results: Result[] = [];
  for (const concurrency of comparison.concurrency) {
    results.push(...await compareAt(comparison, concurrency, onProgress));
  }
  return comparison.disk === undefined ? results : withRatios(results, comparison.disk);
}

async function compareAt(
  comparison: Comparison,
  concurrency: number,
  onProgress: OnProgress,
): Promise<Result[]> {
  const { work, contenders, seconds, rounds, urls = [], warmUpSeconds = 2 * seconds } = comparison;
  await using stack = new AsyncDisposableStack();
  let { bytes = 0 } = comparison;
  const processes: ContenderProcess[] = [];
  for (const name of contenders) {
    const process = stack.use(await ContenderProcess.start({ name, concurrency, bytes, urls }));
    // The first round is not counted: the compiler learns, files are made, sessions begin.
    const { counts, operations } = await process.round(seconds);
    if (bytes === 0 && counts !== null) bytes = Math.round(counts.bytes / operations);
    processes.push(process);
  }
  const warmUps = Math.max(0, Math.ceil(warmUpSeconds / seconds) - 1);
  const measured = processes.map((): Round[] => []);
  for (let round = -warmUps; round < rounds; round++) {
    const which = round < 0 ? "warming up" : `round ${round + 1} of ${rounds}`;
    onProgress(`${work} at ${concurrency}: ${which}`);
    for (const [index, process] of processes.entries()) {
      const result = await process.round(seconds);
      if (round >= 0) measured[index]!.push(result);
    }
  }
  return measured.map((some, index) => summarize(work, contenders[index]!, concurrency, some));
}
