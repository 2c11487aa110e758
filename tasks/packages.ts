/**
 * Brings programs to a machine whose Debian does not have them: the packages of another release, unpacked into a
 * folder of their own with the C library that they were made for.
 *
 * Guarantees: nothing is installed, and nothing outside of that folder is changed; apt checks the signatures of
 * what it gets, and Ubuntu's keys come from Debian.
 *
 * @module
 */

import { existsSync } from "@std/fs/exists";
import { join } from "node:path";
import { cacheFolder, run, ToolChainError } from "./tool_chain.ts";

/** Where packages come from. */
export interface Source {
  /** Its name, for people. */
  readonly name: string;
  /** The mirror's address. */
  readonly mirror: string;
  /** The suites there. */
  readonly suites: readonly string[];
  /** The package of Debian's in which its keys are; `null` if they are Debian's own, which are there. */
  readonly keyring: string | null;
}

/** A release of Debian. */
export function debian(suite: string): Source {
  const mirror = "http://deb.debian.org/debian";
  return { name: `Debian ${suite}`, mirror, suites: [suite], keyring: null };
}

/** A release of Ubuntu. */
export function ubuntu(suite: string): Source {
  return {
    name: `Ubuntu ${suite}`,
    mirror: "http://archive.ubuntu.com/ubuntu",
    suites: [suite, `${suite}-updates`],
    keyring: "ubuntu-archive-keyring",
  };
}

const KEYRINGS = "usr/share/keyrings";
const KEYS = `/${KEYRINGS}/debian-archive-keyring.gpg`;

/** Where the packages of the one architecture that was tried have their libraries. */
const LIBRARIES = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
const LOADER = "ld-linux-x86-64.so.2";

/**
 * The folder for what is brought under a name.
 *
 * @param name The name; may have parts.
 * @returns The folder; root's own could not be read by the user that a server runs as.
 */
export function folderFor(name: string): string {
  return join(Deno.uid() === 0 ? "/var/cache" : cacheFolder(), name);
}

/**
 * The versions that a task is to run on.
 *
 * @param versions All that can be brought.
 * @param asked The one that was asked for; absent if all are meant.
 * @returns That one, or all.
 * @throws {ToolChainError} If it is none of them.
 */
export function chooseVersions<Version extends string>(
  versions: readonly Version[],
  asked: string | undefined,
): readonly Version[] {
  const chosen = versions.filter((version) => version === (asked ?? version));
  if (chosen.length > 0) return chosen;
  throw new ToolChainError(
    `Cannot test: --version is ${asked}, it must be ${versions.join(" or ")}`,
  );
}

/**
 * Brings packages with all that they need.
 *
 * @param names The packages.
 * @param source Where it comes from.
 * @param folder What it is brought into; what is there is taken away.
 * @returns The folder that stands for the root of its files.
 * @throws {ToolChainError} If it cannot be brought.
 */
export async function bring(
  names: readonly string[],
  source: Source,
  folder: string,
): Promise<string> {
  const title = names.join(" and ");
  assertPossible(title);
  console.log(`Bringing ${title} of ${source.name} into ${folder} (some hundred MiB)`);
  // What an earlier try has left may be half of something.
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  const root = join(folder, "root");
  let keys = KEYS;
  if (source.keyring !== null) {
    const owner = join(folder, "keys");
    await unpack([source.keyring], debian("sid"), KEYS, join(folder, "apt-keys"), owner);
    keys = join(owner, KEYRINGS, `${source.keyring}.gpg`);
  }
  await unpack(names, source, keys, join(folder, "apt"), root);
  return root;
}

/**
 * A shell's command that runs a program which was brought, with its own C library.
 *
 * @param root The folder that stands for the root of its files.
 * @param program The program's path.
 * @param privately More folders with libraries, below `root`.
 * @returns The command, to be followed by arguments.
 */
export function runner(root: string, program: string, privately: readonly string[] = []): string {
  const libraries = [...LIBRARIES, ...privately].map((library) => join(root, library));
  const loader = libraries.map((library) => join(library, LOADER)).find((path) => existsSync(path));
  if (loader === undefined) {
    throw new ToolChainError(`Cannot run ${program}: there is no ${LOADER} beside it`);
  }
  return `"${loader}" --library-path "${libraries.join(":")}" "${program}"`;
}

/**
 * Puts scripts in the place of programs which were brought, for programs that start one another: each runs the
 * program with its own C library. What a script calls is beside it, with `.own` behind its name.
 *
 * @param root The folder that stands for the root of their files.
 * @param programs Their paths. The last one is done last.
 */
export async function wrap(root: string, programs: readonly string[]): Promise<void> {
  for (const program of programs) {
    const script = `#!/bin/sh\nexec ${runner(root, `${program}.own`)} "$@"\n`;
    await Deno.rename(program, `${program}.own`);
    await Deno.writeTextFile(program, script, { mode: 0o755 });
  }
}

function assertPossible(title: string): void {
  const missing = Deno.build.os !== "linux" || Deno.build.arch !== "x86_64"
    ? `this is ${Deno.build.os} on ${Deno.build.arch}, it must be Linux on x86_64`
    : existsSync(KEYS)
    ? null
    : `${KEYS} is not there, install Debian's package debian-archive-keyring`;
  if (missing === null) return;
  throw new ToolChainError(
    `Cannot bring ${title}: ${missing}, or run the tests on a server of your own, by naming its program in ` +
      "INDOUBT_MYSQL, or the folder of its programs in INDOUBT_MARIADB or INDOUBT_POSTGRESQL " +
      "(deno task test:servers)",
  );
}

/** Has apt get packages with all that they need, as if nothing were installed, and unpacks them. */
async function unpack(
  names: readonly string[],
  source: Source,
  keys: string,
  folder: string,
  root: string,
): Promise<void> {
  const archives = await download(names, source, keys, folder);
  const files = [...Deno.readDirSync(archives)].map(({ name }) => name);
  for (const file of files.filter((file) => file.endsWith(".deb"))) {
    await run("dpkg-deb", ["--extract", join(archives, file), root]);
  }
  await Deno.remove(folder, { recursive: true });
}

/** Answers where the files are. */
async function download(
  names: readonly string[],
  { mirror, suites }: Source,
  keys: string,
  folder: string,
): Promise<string> {
  const archives = join(folder, "var/cache/apt/archives");
  const status = join(folder, "var/lib/dpkg/status");
  const folders = ["etc/apt/apt.conf.d", "etc/apt/preferences.d", "var/lib/apt/lists/partial"];
  for (const one of [...folders, "var/lib/dpkg", "var/cache/apt/archives/partial"]) {
    await Deno.mkdir(join(folder, one), { recursive: true });
  }
  await Deno.writeTextFile(status, "");
  const lines = suites.map((suite) => `deb [signed-by=${keys}] ${mirror} ${suite} main\n`);
  await Deno.writeTextFile(join(folder, "etc/apt/sources.list"), lines.join(""));
  const options = {
    "Dir": folder,
    "Dir::State::status": status,
    "APT::Install-Recommends": "false",
    // A mirror may lie behind.
    "Acquire::Check-Valid-Until": "false",
    "APT::Sandbox::User": "",
  };
  const args = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  await run("apt-get", [...args, "-qq", "update"]);
  await run("apt-get", [...args, "-qq", "--yes", "--download-only", "install", ...names]);
  return archives;
}
