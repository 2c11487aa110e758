/**
 * Worker processes, one after another: there is always one, unless it was just killed.
 *
 * @module
 */

import { readLines } from "../../../examples/demo/lines.ts";
import { soon } from "../databases.ts";
import type { Account } from "./account.ts";
import type { Work } from "./worker.ts";

const PROGRAM = new URL("./worker.ts", import.meta.url).pathname;

/** How long a worker may take to end in order. */
const PATIENCE_MS = 60_000;

/** How many of its last lines are kept, to be shown when something is wrong. */
const LINES_KEPT = 30;

/** One worker process. */
export class Worker implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #listening: Promise<void>;
  readonly #complaints: Promise<string>;
  readonly #said: string[] = [];

  /** Starts it; the account hears what it says. */
  constructor(work: Work, account: Account) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", PROGRAM, JSON.stringify(work)],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#listening = this.#listen(account);
    this.#listening.catch(() => {}); // Looked at when it ends.
    this.#complaints = new Response(this.#process.stderr).text();
  }

  /** What it said last, and how it ended if it did without being asked. */
  async state(): Promise<string> {
    const running = await Promise.race([this.#process.status, Promise.resolve(null)]);
    if (running === null) return `it runs, and said last:\n${this.#said.join("\n")}`;
    return `it ended with ${running.code}: ${await this.#complaints}`;
  }

  /** Has it stand still for some time and go on as if nothing were, as a machine that is paused does. */
  async pause(milliseconds: number): Promise<void> {
    this.#process.kill("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    this.#process.kill("SIGCONT");
  }

  /** Lets it end in order: what is under way is ended, then the log is closed. */
  async stop(): Promise<void> {
    await this.#process.stdin.close();
    await soon("the worker ends", this.#listening, PATIENCE_MS);
    const { code } = await this.#process.status;
    if (code !== 0 || this.#said.at(-1) !== "closed") {
      throw new Error(
        `The worker ended with ${code} after "${this.#said.at(-1)}": ${await this.#complaints}`,
      );
    }
  }

  /** Ends it with SIGKILL if it runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#process.status;
    await this.#process.stdin.close().catch(() => {});
    await this.#complaints;
    // Fails if it has said what must not be.
    await this.#listening;
  }

  async #listen(account: Account): Promise<void> {
    for await (const line of readLines(this.#process.stdout)) {
      this.#said.push(line);
      if (this.#said.length > LINES_KEPT) this.#said.shift();
      account.note(line);
    }
  }
}
