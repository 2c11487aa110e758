/**
 * The other end of `contender_child.ts`: starts it, asks for rounds, and sees to its end.
 *
 * @module
 */

import type { ContenderTask } from "./contender_child.ts";
import { processFlags } from "./contenders.ts";
import type { Round } from "./round.ts";
import { TextLineStream } from "./text_lines.ts";

/** How much longer than its seconds a round may take, and how long a child may take to be ready. */
const PATIENCE_MS = 120_000;

/** A contender in a process of its own. */
export class ContenderProcess implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  /** What it runs. */
  readonly task: ContenderTask;

  private constructor(task: ContenderTask) {
    this.task = task;
    const program = new URL("./contender_child.ts", import.meta.url).pathname;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", ...processFlags(task.name), program, JSON.stringify(task)],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = this.#process.stdout
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream())
      .getReader();
    this.#writer = this.#process.stdin.getWriter();
  }

  /** Starts one and waits until it is ready. */
  static async start(task: ContenderTask): Promise<ContenderProcess> {
    const contender = new ContenderProcess(task);
    try {
      await contender.#next(PATIENCE_MS);
      return contender;
    } catch (error) {
      await contender[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Lets it run a round of so many seconds. */
  async round(seconds: number): Promise<Round> {
    await this.#writer.write(new TextEncoder().encode(`${seconds}\n`));
    return JSON.parse(await this.#next(PATIENCE_MS + seconds * 1000)) as Round;
  }

  /** Lets it close what it has open, and waits for its end; it is killed if it does not come to one. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    const timer = setTimeout(() => this.#kill(), PATIENCE_MS);
    try {
      while (!(await this.#lines.read()).done);
      await this.#process.status;
    } finally {
      clearTimeout(timer);
    }
  }

  async #next(milliseconds: number): Promise<string> {
    const timer = setTimeout(() => this.#kill(), milliseconds);
    try {
      const { value } = await this.#lines.read();
      if (value !== undefined) return value;
    } finally {
      clearTimeout(timer);
    }
    const { code, signal } = await this.#process.status;
    throw new Error(
      `Cannot measure "${this.task.name}" at ${this.task.concurrency}: its process ended ` +
        (signal === null
          ? `with code ${code}`
          : `by ${signal}, after ${milliseconds} ms or by hand`),
    );
  }

  #kill(): void {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}
