/**
 * Runs the command as a user does, in this process or in one of its own.
 */

import { main } from "../../../src/cli/main.ts";

/** Path of the command's main module. */
export const MAIN: string = new URL("../../../src/cli/main.ts", import.meta.url).pathname;

/** What a run came to. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** Runs the command in this process. */
export async function run(...args: readonly string[]): Promise<Ran> {
  const stdout = new Collector();
  const stderr = new Collector();
  const code = await main(args, { stdout, stderr });
  return { code, out: stdout.text, error: stderr.text };
}

/** Runs it and reads each line as JSON. */
export async function runJson(...args: readonly string[]): Promise<Record<string, unknown>[]> {
  const { out } = await run(...args);
  return out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

/** A stream that keeps what it is given, and takes it in small pieces. */
export class Collector {
  readonly #decoder = new TextDecoder();
  text = "";

  write(bytes: Uint8Array): Promise<number> {
    const piece = bytes.subarray(0, 1000);
    this.text += this.#decoder.decode(piece, { stream: true });
    return Promise.resolve(piece.length);
  }
}
