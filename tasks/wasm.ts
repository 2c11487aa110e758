/**
 * Builds `wasm/pkg`, which is committed, from the Rust crate in `wasm/`.
 *
 *     deno task wasm            builds wasm/pkg
 *     deno task wasm --check    builds into a temporary folder and compares with wasm/pkg
 *
 * Guarantees: the same sources give the same bytes on every machine (pinned compiler, tools and
 * crates; no path of the machine in the output). The check fails if any file differs, is missing
 * or is left over, and also if it cannot build: it never passes for want of a tool.
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureToolChain, run, runTask } from "./tool_chain.ts";

const CRATE = fileURLToPath(new URL("../wasm", import.meta.url));
const COMMITTED = join(CRATE, "pkg");

await runTask(() => main(Deno.args));

async function main(args: readonly string[]): Promise<number> {
  const check = args.includes("--check");
  const unknown = args.find((argument) => argument !== "--check");
  if (unknown !== undefined) {
    console.error(`Cannot build the WebAssembly core: ${unknown} is unknown, --check is known`);
    return 1;
  }
  const folder = await Deno.makeTempDir({ prefix: "indoubt-wasm-" });
  try {
    await build(folder);
    if (check) return await compare(folder);
    await replace(folder);
    console.log("Built wasm/pkg");
    return 0;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function build(folder: string): Promise<void> {
  const tools = await ensureToolChain(CRATE);
  const separator = Deno.build.os === "windows" ? ";" : ":";
  const options = ["--mode", "no-install", "--no-opt", "--no-pack", "--no-gitignore"];
  const output = ["--target", "bundler", "--out-dir", folder, "--out-name", "core"];
  await run("wasm-pack", ["build", CRATE, ...options, "--release", ...output, "--", "--locked"], {
    cwd: CRATE,
    env: {
      PATH: `${tools}${separator}${Deno.env.get("PATH") ?? ""}`,
      CARGO_ENCODED_RUSTFLAGS: remappings().join("\x1f"),
      // A target folder from outside could hold something that was built with other flags.
      CARGO_TARGET_DIR: join(CRATE, "target"),
    },
  });
}

/** A panic message of a crate holds its path: give every machine the same one. */
function remappings(): string[] {
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE") ?? "";
  const cargo = Deno.env.get("CARGO_HOME") ?? join(home, ".cargo");
  return [`--remap-path-prefix=${cargo}=/cargo`, `--remap-path-prefix=${CRATE}=/wasm`];
}

/** Puts a finished build in the place of the committed one; a failed build leaves that alone. */
async function replace(built: string): Promise<void> {
  await Deno.remove(COMMITTED, { recursive: true }).catch(ignoreNotFound);
  await Deno.mkdir(COMMITTED);
  for (const name of await list(built)) {
    await Deno.copyFile(join(built, name), join(COMMITTED, name));
  }
}

/** Names every file that is not the same on both sides; the exit status. */
async function compare(built: string): Promise<number> {
  const names = new Set([...await list(built), ...await list(COMMITTED)]);
  let differences = 0;
  for (const name of [...names].sort()) {
    const fresh = await read(join(built, name));
    const committed = await read(join(COMMITTED, name));
    if (fresh !== undefined && committed !== undefined && equal(fresh, committed)) continue;
    differences++;
    const what = committed === undefined
      ? "is missing"
      : fresh === undefined
      ? "is not made by the build"
      : "differs from the build";
    console.error(`wasm/pkg/${name} ${what}: run \`deno task wasm\` and commit the result`);
  }
  if (differences === 0) console.log(`wasm/pkg is what the sources give (${names.size} files)`);
  return differences === 0 ? 0 : 1;
}

async function list(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) names.push(entry.name);
  } catch (error) {
    ignoreNotFound(error);
  }
  return names;
}

async function read(path: string): Promise<Uint8Array | undefined> {
  return await Deno.readFile(path).catch(ignoreNotFound);
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

function ignoreNotFound(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
