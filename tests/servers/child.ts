/**
 * Starts `coordinator_child.ts` and listens to it. The process is gone at the end of the block, and
 * ends by itself if the test process does not get that far.
 *
 * @module
 */

import type { ChildTask } from "./coordinator_child.ts";
import { soon } from "./databases.ts";

/** How long a child may take to say the next thing. */
const PATIENCE_MS = 30_000;

/** A running child. */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  /** Everything that it has said so far. */
  readonly said: string[] = [];

  /** Starts a child, under another program where one is named, such as a tracer. */
  constructor(task: ChildTask, under: readonly string[] = []) {
    const program = new URL("./coordinator_child.ts", import.meta.url).pathname;
    const line = [...under, Deno.execPath(), "run", "-A", program, JSON.stringify(task)];
    this.#process = new Deno.Command(line[0]!, {
      args: line.slice(1),
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#reader = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Its number. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Waits until it says a line that begins like this; gives the rest of the line. */
  async heard(beginning: string): Promise<string> {
    while (true) {
      const line = await soon(`the child says "${beginning}"`, this.#next(), PATIENCE_MS);
      if (line === null) throw new Error(`The child ended before "${beginning}": ${this.said}`);
      if (line.startsWith(beginning)) return line.slice(beginning.length).trim();
    }
  }

  /** Waits for its end and gives the signal that ended it. */
  async ended(): Promise<Deno.Signal | null> {
    while (await soon("the child ends", this.#next(), PATIENCE_MS) !== null);
    return (await this.#process.status).signal;
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.ended();
  }

  /** Ends its input, which ends it in order. */
  async end(): Promise<void> {
    await this.#process.stdin.close();
    await this.ended();
  }

  /** Kills it if it runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#reader.cancel();
    await this.#process.stdin.close().catch(() => {});
    await this.#process.status;
  }

  async #next(): Promise<string | null> {
    while (!this.#text.includes("\n")) {
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#text += value;
    }
    const [line = "", ...rest] = this.#text.split("\n");
    this.#text = rest.join("\n");
    this.said.push(line);
    return line;
  }
}
