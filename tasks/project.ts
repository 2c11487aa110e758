/**
 * What the other tasks need to know about this project: where it is, its configuration, its files,
 * and how to run Deno and git in it.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

/** The project's folder, with a slash at the end. */
export const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** The part of `deno.json` that the tasks read. */
export interface Configuration {
  readonly name: string;
  readonly exports: Readonly<Record<string, string>>;
}

/** Reads `deno.json`. */
export async function readConfiguration(): Promise<Configuration> {
  return JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)) as Configuration;
}

/** The files of the entry points, as paths from the project's folder. */
export async function entryPoints(): Promise<string[]> {
  const { exports } = await readConfiguration();
  return [...new Set(Object.values(exports))].map((path) => path.replace(/^\.\//, ""));
}

/**
 * Runs the same Deno as the current one in the project's folder, with its output shown; gives the
 * exit code.
 */
export async function deno(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<number> {
  const command = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env,
    stdin: "null",
  });
  return (await command.spawn().status).code;
}

/**
 * What a command prints that runs in the project's folder; throws with its messages if it fails.
 */
export async function outputOf(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (success) return decoder.decode(stdout);
  throw new Error(`Cannot run '${command} ${args.join(" ")}': ${decoder.decode(stderr).trim()}`);
}

/** Every file that git knows or would take, as a path from the project's folder. */
export async function projectFiles(): Promise<string[]> {
  const options = ["--cached", "--others", "--exclude-standard", "-z"];
  const listed = (await outputOf("git", "ls-files", ...options)).split("\0");
  const deleted = (await outputOf("git", "ls-files", "--deleted", "-z")).split("\0");
  return listed.filter((path) => path !== "" && !deleted.includes(path)).sort();
}

/** What differs from the last commit, one file a line; empty in a clean tree. */
export async function uncommitted(): Promise<string> {
  return (await outputOf("git", "status", "--porcelain")).trimEnd();
}
