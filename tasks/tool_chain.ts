/**
 * The tools that build the WebAssembly core: present at their pinned versions, or made so.
 *
 * Guarantees: a tool is used only if it reports exactly the pinned version. A tool that is missing
 * is installed from the crate registry into a folder of its own in the user's cache, never
 * into the user's own tool folders. What cannot be installed is an error, never a step left out.
 */

import { join } from "node:path";

/** The wasm-bindgen tool; must equal the version of the crate in `wasm/Cargo.toml`. */
const WASM_BINDGEN = "0.2.129";
const WASM_PACK = "0.15.1";
const TARGET = "wasm32-unknown-unknown";

/** Something about the tool chain that the user has to put right. */
export class ToolChainError extends Error {
  /** Tells this error from others in a log. */
  override readonly name = "ToolChainError";
}

/**
 * Finds or installs everything that a build in the folder `crate` needs. Returns the folder that
 * holds wasm-pack and wasm-bindgen, to be put first in `PATH`.
 */
export async function ensureToolChain(crate: string): Promise<string> {
  await ensureTarget(crate);
  const root = join(cacheFolder(), "indoubt-tools");
  await ensureTool(root, { crate: "wasm-bindgen-cli", command: "wasm-bindgen" }, WASM_BINDGEN);
  await ensureTool(root, { crate: "wasm-pack", command: "wasm-pack" }, WASM_PACK);
  return join(root, "bin");
}

/**
 * Runs a task and sets the exit code to what it answers; 1 if there is something that the user has to put right,
 * which is said in a line.
 */
export async function runTask(task: () => Promise<number | void>): Promise<void> {
  try {
    Deno.exitCode = await task() ?? 0;
  } catch (error) {
    if (!(error instanceof ToolChainError)) throw error;
    console.error(error.message);
    Deno.exitCode = 1;
  }
}

/** Runs a command and lets its output through; throws if it does not end with success. */
export async function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<void> {
  const { code } = await start(command, args, options).status;
  if (code !== 0) {
    throw new ToolChainError(
      `Cannot run \`${command} ${args.join(" ")}\`: it ended with status ${code}, 0 would be right`,
    );
  }
}

/** `rust-toolchain.toml` names the compiler; rustup gets it and the target when they are missing. */
async function ensureTarget(crate: string): Promise<void> {
  if (await output("rustup", ["--version"]) === undefined) {
    throw new ToolChainError(
      "Cannot build the WebAssembly core: rustup is not there, get it from https://rustup.rs",
    );
  }
  const installed = await output("rustup", ["target", "list", "--installed"], crate);
  if (installed?.split("\n").includes(TARGET)) return;
  console.log(`Adding the target ${TARGET} to the compiler of wasm/rust-toolchain.toml`);
  await run("rustup", ["target", "add", TARGET], { cwd: crate });
}

async function ensureTool(
  root: string,
  tool: { crate: string; command: string },
  version: string,
): Promise<void> {
  const path = join(
    root,
    "bin",
    Deno.build.os === "windows" ? `${tool.command}.exe` : tool.command,
  );
  const wanted = `${tool.command} ${version}`;
  const found = await output(path, ["--version"]);
  if (found === wanted) return;
  console.log(`Installing ${wanted} into ${root} (${found ?? "nothing"} is there; some minutes)`);
  const place = ["--root", root, "--force"];
  await run("cargo", ["install", tool.crate, "--version", version, "--locked", ...place]);
  const installed = await output(path, ["--version"]);
  if (installed !== wanted) {
    throw new ToolChainError(
      `Cannot use ${path}: it says ${installed ?? "nothing"}, ${wanted} would be right`,
    );
  }
}

/** What a command prints, or undefined if there is none or it fails. */
export async function output(
  command: string,
  args: readonly string[],
  cwd?: string,
): Promise<string | undefined> {
  try {
    const options = cwd === undefined ? {} : { cwd };
    const child = new Deno.Command(command, { args: [...args], stderr: "null", ...options });
    const { success, stdout } = await child.output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function start(
  command: string,
  args: readonly string[],
  options: Deno.CommandOptions,
): Deno.ChildProcess {
  try {
    return new Deno.Command(command, { ...options, args: [...args] }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new ToolChainError(`Cannot run ${command}: it is not there, install it`, {
      cause: error,
    });
  }
}

/** Where the user's programs keep what they can get again. */
export function cacheFolder(): string {
  const named = Deno.env.get("XDG_CACHE_HOME");
  if (named !== undefined && named !== "") return named;
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE");
  if (home === undefined) {
    throw new ToolChainError(
      "Cannot place the tools: neither XDG_CACHE_HOME nor HOME is set, one would be right",
    );
  }
  return join(home, ".cache");
}
