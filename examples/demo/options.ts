/**
 * What the demo can be told on its command line. A mistake there is found before anything is started.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** How the demo runs. */
export interface DemoOptions {
  /** How often the worker is killed. */
  readonly rounds: number;
  /** What the run's choices come from. */
  readonly seed: number;
  /** Whether the result is one JSON object, on the last line of standard output. */
  readonly json: boolean;
  /** Whether the data stay where they are afterwards. */
  readonly keep: boolean;
  /** Two PostgreSQL databases; PGlite if `null`. */
  readonly postgres: readonly [string, string] | null;
}

/** The command line cannot be understood. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What `--help` prints. */
export const USAGE =
  `Money moves between two banks, each with its own database, in a process that is
killed with SIGKILL again and again. Afterwards every cent has to be where it belongs.

Usage: deno task demo [options]

  --rounds N          kill the process N times (default 14)
  --seed N            repeat the choices of the run with this seed
  --json              print one JSON object on standard output, all else on standard error
  --postgres URL      use a PostgreSQL database instead of PGlite; give it twice, with
                      two databases that have max_prepared_transactions above 0
  --keep              leave the data on disk and say where
  --help              print this

Exit code 0: all held. 1: something was violated, or the demo could not run. 2: wrong options.
`;

const DEFAULT_ROUNDS = 14;
const MAX_ROUNDS = 10_000;
const MAX_SEED = 2 ** 31 - 1;

const FLAGS = {
  rounds: { type: "string" },
  seed: { type: "string" },
  json: { type: "boolean", default: false },
  keep: { type: "boolean", default: false },
  postgres: { type: "string", multiple: true },
  help: { type: "boolean", default: false },
} as const;

/**
 * Reads the command line.
 *
 * @returns The options, or `"help"` if only the usage is asked for.
 * @throws {UsageError} If something there is wrong.
 */
export function parseOptions(args: readonly string[]): DemoOptions | "help" {
  const flags = parseFlags(args);
  if (flags.help) return "help";
  return {
    rounds: wholeNumber("rounds", flags.rounds, 1, MAX_ROUNDS) ?? DEFAULT_ROUNDS,
    seed: wholeNumber("seed", flags.seed, 0, MAX_SEED) ?? freshSeed(),
    json: flags.json,
    keep: flags.keep,
    postgres: databases(flags.postgres ?? []),
  };
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split(/[.\n]/)[0] : String(error);
    throw new UsageError(`Cannot read the options: ${reason}, --help lists what there is`);
  }
}

function wholeNumber(
  flag: string,
  text: string | undefined,
  low: number,
  high: number,
): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (number >= low && number <= high) return number;
  throw new UsageError(
    `Cannot use --${flag} ${
      JSON.stringify(text)
    }: it must be a whole number from ${low} to ${high}`,
  );
}

function freshSeed(): number {
  return 1 + Math.floor(Math.random() * 999_999);
}

function databases(urls: readonly string[]): readonly [string, string] | null {
  if (urls.length === 0) return null;
  const [north, south] = urls;
  if (north === undefined || south === undefined || urls.length > 2) {
    throw new UsageError(
      `Cannot use --postgres: it is given ${count(urls.length)}, it must be given twice, ` +
        "with one database for each bank",
    );
  }
  for (const url of urls) assertDatabaseUrl(url);
  return [north, south];
}

function count(times: number): string {
  return times === 1 ? "once" : `${times} times`;
}

/** The URL itself is not repeated in the message, since it may hold a password. */
function assertDatabaseUrl(url: string): void {
  const protocol = URL.canParse(url) ? new URL(url).protocol : "";
  if (protocol === "postgres:" || protocol === "postgresql:") return;
  throw new UsageError(
    "Cannot use --postgres: its value is not an address of a database, " +
      "it must look like postgres://user@host:5432/database",
  );
}
