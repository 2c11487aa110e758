/**
 * The example `examples/sigterm` as a process: it takes orders over HTTP and ends on signals.
 *
 * @module
 */

import { readLines } from "../../examples/demo/lines.ts";
import { soon } from "./databases.ts";

const PROGRAM = new URL("../../examples/sigterm/main.ts", import.meta.url).pathname;

/** The example's process. */
export class Service implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: AsyncGenerator<string>;
  #port = 0;

  private constructor(env: Record<string, string>) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", PROGRAM],
      env: { ...env, PORT: "0", NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = readLines(this.#process.stdout);
  }

  /** Starts it and waits until it takes orders. */
  static async start(env: Record<string, string>): Promise<Service> {
    const service = new Service(env);
    service.#port = Number(await service.heard("listening on "));
    return service;
  }

  /** Waits until it says a line that begins like this; gives the rest of the line. */
  async heard(beginning: string): Promise<string> {
    while (true) {
      const { value, done } = await soon(`it says "${beginning}"`, this.#lines.next(), 30_000);
      if (done) throw new Error(`The service ended before "${beginning}"`);
      if (value.startsWith(beginning)) return value.slice(beginning.length);
    }
  }

  /** Orders something; gives the answer. */
  async order(sku: string): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/${sku}`, { method: "POST" });
    return await response.text();
  }

  /** Asks it to end. */
  signal(): void {
    this.#process.kill("SIGTERM");
  }

  /** Waits for its end; gives its exit code. */
  async ended(): Promise<number> {
    return (await soon("it ends", this.#process.status, 30_000)).code;
  }

  /** Kills it if it runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    for await (const _ of this.#lines);
    await this.#process.status;
  }
}
