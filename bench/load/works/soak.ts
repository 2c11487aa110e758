/**
 * A sustained load on a log: so many transactions at once, each a decision that is waited for and
 * an End that is not. Prints figures every ten seconds, and says whether memory, files or the
 * log's directory have grown beyond what is live.
 *
 * @module
 */

import { LiveState } from "../../../src/wal/decisions/live_state.ts";
import type { LogRecord } from "../../../src/wal/decisions/record.ts";
import { DEFAULT_SEGMENT_SIZE, Log } from "../../../src/wal/log.ts";
import { decision } from "../decision.ts";
import { Histogram } from "../histogram.ts";
import { type Sample, takeSample } from "../sample.ts";
import { TemporaryFolder } from "../temporary.ts";
import { growthOf, problemsOf } from "../verdict.ts";

const SAMPLE_MS = 10_000;
const MEBIBYTE = 1_048_576;

/** More than a decision takes in the log. */
const DECISION_BYTES = 512;

/** Runs transactions one after another until the time is over. */
async function work(
  log: Log<LogRecord>,
  nextTxn: () => bigint,
  deadline: number,
  latencies: Histogram,
): Promise<void> {
  for (let start = performance.now(); start < deadline; start = performance.now()) {
    const txn = nextTxn();
    await log.append(decision(txn));
    latencies.add(performance.now() - start);
    log.appendLazily({ type: "end", txn });
  }
}

/** Figures of the time since the last line. */
class Reporter {
  readonly #latencies: Histogram;
  #since = performance.now();
  #transactions = 0;
  readonly samples: Sample[] = [];

  constructor(latencies: Histogram) {
    this.#latencies = latencies;
    console.log(
      "seconds  per second   p50 ms   p99 ms  resident MiB  descriptors  log MiB  files",
    );
  }

  /** All transactions that were reported. */
  get transactions(): number {
    return this.#transactions;
  }

  print(directory: string, seconds: number): void {
    const sample = takeSample(directory, seconds);
    this.samples.push(sample);
    const { count } = this.#latencies;
    this.#transactions += count;
    const now = performance.now();
    const columns: [number | string, number][] = [
      [seconds.toFixed(0), 7],
      [(count / (now - this.#since) * 1000).toFixed(0), 12],
      [this.#latencies.percentile(0.5).toFixed(2), 9],
      [this.#latencies.percentile(0.99).toFixed(2), 9],
      [(sample.resident / MEBIBYTE).toFixed(1), 14],
      [sample.descriptors, 13],
      [(sample.bytes / MEBIBYTE).toFixed(1), 9],
      [sample.files, 7],
    ];
    console.log(columns.map(([value, width]) => String(value).padStart(width)).join(""));
    this.#latencies.clear();
    this.#since = now;
  }
}

async function run(directory: string, minutes: number, concurrency: number): Promise<Reporter> {
  await using log = await Log.open({ directory, model: new LiveState() });
  const start = performance.now();
  const deadline = start + minutes * 60_000;
  const latencies = new Histogram();
  const reporter = new Reporter(latencies);
  let txn = BigInt(Date.now()) << 20n;
  const print = () => reporter.print(directory, (performance.now() - start) / 1000);
  const timer = setInterval(print, SAMPLE_MS);
  try {
    const workers = Array.from(
      { length: concurrency },
      () => work(log, () => txn++, deadline, latencies),
    );
    await Promise.all(workers);
    print();
  } finally {
    clearInterval(timer);
  }
  return reporter;
}

/**
 * Runs the load and says what it came to.
 *
 * @param minutes How long.
 * @param concurrency How many transactions at once.
 * @returns Whether memory, files and the log's directory stayed within what is live.
 */
export async function soak(minutes: number, concurrency: number): Promise<boolean> {
  await using folder = await TemporaryFolder.make();
  const directory = folder.path;
  const { samples, transactions } = await run(directory, minutes, concurrency);
  const growth = growthOf(samples);
  console.log(`\n${transactions} transactions`);
  console.log(
    growth === null
      ? "Too short to say whether resident memory grows: three minutes would do"
      : `Resident memory after the first minute: ${growth.toFixed(1)} % growth`,
  );
  const liveBytes = concurrency * DECISION_BYTES;
  const problems = problemsOf(samples, { segmentSize: DEFAULT_SEGMENT_SIZE, liveBytes });
  for (const problem of problems) console.error(`Too much: ${problem}`);
  return problems.length === 0;
}
