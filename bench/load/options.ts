/**
 * The command line of the load benchmarks.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** What can be measured. */
export const WORKS = [
  "log",
  "commit",
  "recover",
  "postgres",
  "rotation",
  "import",
  "allocation",
  "soak",
] as const;

/** One of them. */
export type Work = typeof WORKS[number];

/** What was asked for. */
export interface LoadOptions {
  /** What to measure, in this order. */
  readonly works: readonly Work[];
  /** How many callers; `null` for the work's own default. */
  readonly concurrency: readonly number[] | null;
  /** Seconds of a round. */
  readonly seconds: number;
  /** Rounds of each contender. */
  readonly rounds: number;
  /** Records and transactions of the logs that are read. */
  readonly transactions: number;
  /** Minutes of the soak. */
  readonly minutes: number;
  /** Where results go as lines of JSON; `null` for nowhere. */
  readonly json: string | null;
  /** Directory in which charts are drawn; `null` for nowhere. */
  readonly chart: string | null;
}

/** A command line that cannot be understood. */
export class UsageError extends RangeError {
  /** Always `"UsageError"`. */
  override readonly name = "UsageError";
}

/** What `--help` says. */
export const USAGE = `Measures the log and the coordinator under load.

  --work LIST          ${WORKS.join(", ")}; several with commas (log,commit)
  --concurrency LIST   callers, 1 to 16384, such as 1,16,128,1024 (postgres: 1,64)
  --seconds N          of a round, 0.1 to 3600 (3)
  --rounds N           of each contender, 1 to 1000 (5)
  --transactions N     in the logs that recover reads, 1000 to 100000000 (1000000)
  --minutes N          of the soak, up to 1440 (10)
  --json FILE          writes the results there, an object a line
  --chart DIRECTORY    draws performance-WORK.svg there, for log and commit
  --help               this
`;

const MAX_CONCURRENCY = 16_384;

/**
 * Reads the command line.
 *
 * @returns What was asked for, or `"help"`.
 * @throws {UsageError} If it cannot be understood.
 */
export function readOptions(args: readonly string[]): LoadOptions | "help" {
  const values = parse(args);
  if (values.help === true) return "help";
  const whole = (text: string, what: string, least: number, most: number) => {
    const value = number(text, what, least, most);
    if (Number.isInteger(value)) return value;
    throw new UsageError(`Cannot take ${text} for ${what}: a whole number would be right`);
  };
  return {
    works: values.work.split(",").map(workOf),
    concurrency: values.concurrency === undefined
      ? null
      : values.concurrency.split(",").map((text) =>
        whole(text, "--concurrency", 1, MAX_CONCURRENCY)
      ),
    seconds: number(values.seconds, "--seconds", 0.1, 3600),
    rounds: whole(values.rounds, "--rounds", 1, 1000),
    transactions: whole(values.transactions, "--transactions", 1000, 100_000_000),
    minutes: number(values.minutes, "--minutes", 0.01, 1440),
    json: values.json ?? null,
    chart: values.chart ?? null,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        work: { type: "string", default: "commit" },
        concurrency: { type: "string" },
        seconds: { type: "string", default: "3" },
        rounds: { type: "string", default: "5" },
        transactions: { type: "string", default: "1000000" },
        minutes: { type: "string", default: "10" },
        json: { type: "string" },
        chart: { type: "string" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`Cannot read the command line: ${reason}`, { cause });
  }
}

function workOf(name: string): Work {
  const work = WORKS.find((one) => one === name);
  if (work !== undefined) return work;
  throw new UsageError(`Cannot measure "${name}": there are ${WORKS.join(", ")}`);
}

function number(text: string, what: string, least: number, most: number): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (value >= least && value <= most) return value;
  throw new UsageError(
    `Cannot take ${
      JSON.stringify(text)
    } for ${what}: a number from ${least} to ${most} would be right`,
  );
}
