/**
 * Runs the commands of the steps, one after another, with their output shown as it comes. Every
 * command ends: at the latest when its own time or that of the whole run is over, and then with
 * everything that it has started.
 *
 * @module
 */

import { ROOT } from "../project.ts";
import { killStrays } from "./strays.ts";

/** The longest time of one command; the slowest by far builds tools from source. */
const COMMAND_MS = 20 * 60_000;

/** The longest time of a whole run. */
const RUN_MS = 45 * 60_000;

/** How long the output of a command may go on after its end. */
const PATIENCE_MS = 2000;

/** How a command ended. */
export interface Outcome {
  /** Not 0 also if the time was over. */
  readonly code: number;
  /** What it printed on its standard output, which was shown too. */
  readonly stdout: string;
}

/** Where the output goes, in pieces of any size. */
export type Show = (piece: Uint8Array) => void;

/** Runs commands on behalf of one run. */
export class Runner {
  /** The run's own folder, which the environment of every command names. */
  readonly folder: string;
  readonly #show: Show;
  readonly #limit: number;
  readonly #deadline = performance.now() + RUN_MS;
  #failures: string[] = [];

  /** `limit` is the longest time of one command, in milliseconds. */
  constructor(folder: string, show: Show = toStandardOutput, limit: number = COMMAND_MS) {
    this.folder = folder;
    this.#show = show;
    this.#limit = limit;
  }

  /** Shows a line of text. */
  say(line: string): void {
    this.#show(new TextEncoder().encode(`${line}\n`));
  }

  /** Shows what failed, and keeps it for the end of the run. */
  fail(what: string): void {
    this.say(`Failed: ${what}`);
    this.#failures.push(what);
  }

  /** What failed since this was asked last. */
  takeFailures(): string[] {
    const failures = this.#failures;
    this.#failures = [];
    return failures;
  }

  /** Runs a command in the project's folder. */
  async run(
    [program = "", ...args]: readonly string[],
    env: Record<string, string> = {},
  ): Promise<Outcome> {
    const time = Math.min(this.#limit, this.#deadline - performance.now());
    if (time <= 0) {
      this.fail(`not run, as the ${RUN_MS / 60_000} minutes of the whole run are over`);
      return { code: 124, stdout: "" };
    }
    const options = {
      args,
      cwd: ROOT,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    } as const;
    const child = new Deno.Command(program, options).spawn();
    const kept: Uint8Array[] = [];
    const outputs = [
      follow(child.stdout, (piece) => {
        kept.push(piece);
        this.#show(piece);
      }),
      follow(child.stderr, this.#show),
    ];
    let stopped: Promise<void> | undefined;
    const timer = setTimeout(() => {
      this.fail(`stopped after ${Math.round(time / 1000)} s`);
      stopped = killStrays(this.folder);
    }, time);
    const { code } = await child.status;
    clearTimeout(timer);
    await stopped;
    // A process that was left behind may hold the pipes open; it is found and ended after the step.
    const patience = setTimeout(() => outputs.forEach(({ stop }) => stop()), PATIENCE_MS);
    await Promise.all(outputs.map(({ done }) => done));
    clearTimeout(patience);
    return { code, stdout: await new Blob(kept as BlobPart[]).text() };
  }
}

function toStandardOutput(piece: Uint8Array): void {
  for (let start = 0; start < piece.length;) {
    start += Deno.stdout.writeSync(piece.subarray(start));
  }
}

/** Passes on what comes, until it ends or is stopped. */
function follow(
  stream: ReadableStream<Uint8Array>,
  show: Show,
): { done: Promise<void>; stop: () => void } {
  const reader = stream.getReader();
  const pass = async (): Promise<void> => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) show(next.value);
  };
  return { done: pass(), stop: () => void reader.cancel() };
}
