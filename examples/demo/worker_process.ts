/**
 * The worker as the demo sees it: a child process that is given one order, reports, and can be killed at
 * any moment. It never outlives this object, nor the demo's own process.
 *
 * @module
 */

import { readLines } from "./lines.ts";
import type { WorkerMessage, WorkerOrder } from "./messages.ts";

/** A worker that reports nothing for so long is taken to hang. */
const SILENCE_MS = 30_000;

/** A child process of the demo. */
export class WorkerProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #complaints: Promise<string>;
  #silent = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#complaints = new Response(child.stderr).text();
  }

  /** Starts a worker and gives it its order. */
  static async start(order: WorkerOrder): Promise<WorkerProcess> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `${import.meta.dirname}/worker.ts`],
      // What it complains of is shown in messages and in JSON.
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const worker = new WorkerProcess(child);
    // Not on the command line, where everybody on the machine could read a database's password. The
    // pipe stays open: its end tells the worker that the demo is gone.
    await worker.#input.write(new TextEncoder().encode(JSON.stringify(order) + "\n"));
    return worker;
  }

  /** Yields what the worker reports, until it ends. */
  async *messages(): AsyncGenerator<WorkerMessage> {
    let watch = this.#watch();
    try {
      for await (const line of readLines(this.#child.stdout)) {
        clearTimeout(watch);
        yield JSON.parse(line) as WorkerMessage;
        watch = this.#watch();
      }
    } finally {
      clearTimeout(watch);
    }
  }

  /** Kills the worker with SIGKILL; does nothing if it has ended. */
  kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /**
   * Waits for the worker's end.
   *
   * @throws If it ended otherwise than in order or by SIGKILL.
   */
  async end(): Promise<{ readonly signal: string | null; readonly code: number }> {
    const { signal, code } = await this.#child.status;
    if (this.#silent) {
      throw new Error(
        `Cannot go on: the worker reported nothing for ${SILENCE_MS / 1000} s and was killed, ` +
          `it should report every transfer${await this.#said()}`,
      );
    }
    if (code !== 0 && signal !== "SIGKILL") {
      throw new Error(
        `Cannot go on: the worker ended with ${signal ?? `exit code ${code}`}, ` +
          `it should end with 0 or be killed${await this.#said()}`,
      );
    }
    return { signal, code };
  }

  /** What the worker has complained about, once it has ended. */
  async complaints(): Promise<string> {
    return (await this.#complaints).trim();
  }

  /** Ends the worker. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.#child.status;
    await this.#complaints;
    await this.#input.close().catch(() => {});
  }

  async #said(): Promise<string> {
    const text = await this.complaints();
    return text === "" ? "" : `; it said:\n${text}`;
  }

  #watch(): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.#silent = true;
      this.kill();
    }, SILENCE_MS);
  }
}
