/**
 * Makes a copy of the project with some safeguards taken away, and runs tests in it in a process of
 * its own.
 */

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Patch, Suite } from "./canary.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What the tests of the log and the simulator need. */
const COPIED = [
  "deno.json",
  "deno.lock",
  "mod.ts",
  "src",
  "stand_ins",
  "tasks/simulate.ts",
  "tests/canaries/typescript_core.ts",
  "tests/coordinator/support/process_clock.ts",
  "tests/defects",
  "tests/fuzz",
  "tests/simulation",
  "tests/wal",
  "wasm/pkg",
];

/** Longest time that a suite may take, in milliseconds: a build that hangs is caught too. */
const LONGEST = 240_000;

/** What a suite said about a build. */
export interface Outcome {
  readonly passed: boolean;
  /** What was found first; the last words of the suite if it passed. */
  readonly words: string;
}

/** A copy of the project in a directory of its own. */
export class Build implements AsyncDisposable {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Copies the project. */
  static async make(): Promise<Build> {
    const directory = await Deno.makeTempDir();
    for (const path of COPIED) await copy(`${ROOT}${path}`, `${directory}/${path}`);
    return new Build(directory);
  }

  /** Replaces a text that must be there exactly once. */
  async patch({ file, find, replace }: Patch): Promise<void> {
    const path = `${this.#directory}/${file}`;
    const parts = (await Deno.readTextFile(path)).split(find);
    if (parts.length !== 2) {
      throw new Error(
        `Cannot patch ${file}: ${parts.length - 1} places say ${JSON.stringify(find)}, ` +
          "exactly one must: the canary has to follow the code",
      );
    }
    await Deno.writeTextFile(path, parts.join(replace));
  }

  /** Replaces a file. */
  async replace({ file, text }: { readonly file: string; readonly text: string }): Promise<void> {
    await Deno.stat(`${this.#directory}/${file}`);
    await Deno.writeTextFile(`${this.#directory}/${file}`, text);
  }

  /** Runs tests on it. */
  async run(suite: Suite): Promise<Outcome> {
    const { INDOUBT_SEED: _, ...environment } = Deno.env.toObject();
    const command = new Deno.Command(Deno.execPath(), {
      args: [...suite.arguments],
      cwd: this.#directory,
      // All seeds, also where one was asked for.
      env: { ...environment, NO_COLOR: "1" },
      clearEnv: true,
      stdin: "null",
      signal: AbortSignal.timeout(LONGEST),
    });
    const { success, stdout, stderr } = await command.output();
    const decoder = new TextDecoder();
    const text = `${decoder.decode(stdout)}\n${decoder.decode(stderr)}`;
    return { passed: success, words: success ? lastLine(text) : firstFailure(text) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#directory, { recursive: true });
  }
}

async function copy(from: string, to: string): Promise<void> {
  if ((await Deno.stat(from)).isFile) {
    await Deno.mkdir(dirname(to), { recursive: true });
    return await Deno.copyFile(from, to);
  }
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) await copy(`${from}/${name}`, `${to}/${name}`);
}

/** The line in which a suite says what went wrong and after how many cases. */
function firstFailure(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  const said = lines.find((line) => /INDOUBT_SEED=[0-9]+:|^error: .*Error/.test(line));
  return (said ?? lastLine(text)).slice(0, 200);
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.trim() ?? "";
}
