/**
 * Brings a MySQL server to a machine whose Debian has none: the packages of another release, unpacked into a folder
 * of their own with the C library that they were made for.
 *
 * Guarantees: nothing is installed, and nothing outside of that folder is changed; apt checks the signatures of
 * what it gets, and Ubuntu's keys come from Debian. A server is used only if it says that it is MySQL.
 *
 * @module
 */

import { existsSync } from "@std/fs/exists";
import { isAbsolute, join } from "node:path";
import { cacheFolder, output, run, ToolChainError } from "./tool_chain.ts";

/** Where packages come from. */
interface Source {
  readonly name: string;
  readonly mirror: string;
  readonly suites: readonly string[];
  /** The package of Debian's in which its keys are; `null` if they are Debian's own, which are there. */
  readonly keyring: string | null;
}

const DEBIAN: Source = {
  name: "Debian unstable",
  mirror: "http://deb.debian.org/debian",
  suites: ["sid"],
  keyring: null,
};
const UBUNTU: Source = {
  name: "Ubuntu 26.04",
  mirror: "http://archive.ubuntu.com/ubuntu",
  suites: ["resolute", "resolute-updates"],
  keyring: "ubuntu-archive-keyring",
};
/** Which versions can be brought, and of whom: the one that is supported for long, and the newest. */
const SOURCES = { "8.4": UBUNTU, "9": DEBIAN } as const satisfies Record<string, Source>;

/** A version of MySQL that can be brought. */
export type MysqlVersion = keyof typeof SOURCES;

/** All of them. */
export const MYSQL_VERSIONS = Object.keys(SOURCES) as readonly MysqlVersion[];

const KEYRINGS = "usr/share/keyrings";
const KEYS = `/${KEYRINGS}/debian-archive-keyring.gpg`;
const PACKAGE = "mysql-server-core";

/** Where the packages of the one architecture that was tried have their libraries. */
const LIBRARIES = "usr/lib/x86_64-linux-gnu";
const LOADER = "usr/lib64/ld-linux-x86-64.so.2";

/**
 * Takes the server that INDOUBT_MYSQL names.
 *
 * @returns Path of a program that takes the options of `mysqld`; `null` if none is named.
 * @throws {ToolChainError} If it cannot be used.
 */
export async function namedMysql(): Promise<string | null> {
  const named = Deno.env.get("INDOUBT_MYSQL") ?? "";
  if (named === "") return null;
  return await tried(named, "", "INDOUBT_MYSQL must name a MySQL server's full path");
}

/**
 * Brings a server unless it is there.
 *
 * @param version Its version.
 * @returns Path of a program that takes the options of `mysqld`.
 * @throws {ToolChainError} If it cannot be brought.
 */
export async function ensureMysql(version: MysqlVersion): Promise<string> {
  // Root's own folders cannot be read by the user that a server runs as.
  const cache = Deno.uid() === 0 ? "/var/cache" : cacheFolder();
  const folder = join(cache, "indoubt-mysql", version);
  const program = join(folder, "mysqld");
  if (!existsSync(program)) await bring(SOURCES[version], folder, program);
  return await tried(program, `${version}.`, `remove ${folder} to have it brought again`);
}

/** A program, if it says that it is MySQL, of a version that begins so. */
async function tried(program: string, beginning: string, remedy: string): Promise<string> {
  const said = isAbsolute(program) ? await output(program, ["--version"]) ?? "nothing" : "nothing";
  if (said.includes("MariaDB") || !said.includes(` Ver ${beginning}`)) {
    throw new ToolChainError(`Cannot use ${program}: it says ${said} of its version, ${remedy}`);
  }
  console.log(said);
  return program;
}

/** The program comes last: where it is, everything is. */
async function bring(source: Source, folder: string, program: string): Promise<void> {
  assertPossible();
  console.log(`Bringing ${PACKAGE} of ${source.name} into ${folder} (90 MiB, 330 unpacked)`);
  // What an earlier try has left may be half of something.
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  const root = join(folder, "root");
  let keys = KEYS;
  if (source.keyring !== null) {
    const owner = join(folder, "keys");
    await fetchPackage(source.keyring, DEBIAN, KEYS, join(folder, "apt-keys"), owner);
    keys = join(owner, KEYRINGS, `${source.keyring}.gpg`);
  }
  await fetchPackage(PACKAGE, source, keys, join(folder, "apt"), root);
  await Deno.writeTextFile(program, script(root), { mode: 0o755 });
}

function assertPossible(): void {
  const missing = Deno.build.os !== "linux" || Deno.build.arch !== "x86_64"
    ? `this is ${Deno.build.os} on ${Deno.build.arch}, it must be Linux on x86_64`
    : existsSync(KEYS)
    ? null
    : `${KEYS} is not there, install Debian's package debian-archive-keyring`;
  if (missing === null) return;
  throw new ToolChainError(
    `Cannot bring MySQL: ${missing}, or name the program of a server in INDOUBT_MYSQL`,
  );
}

/** Has apt get a package with all that it needs, as if nothing were installed, and unpacks it. */
async function fetchPackage(
  name: string,
  source: Source,
  keys: string,
  folder: string,
  root: string,
): Promise<void> {
  const archives = await download(name, source, keys, folder);
  for (
    const { name } of [...Deno.readDirSync(archives)].filter(({ name }) => name.endsWith(".deb"))
  ) {
    await run("dpkg-deb", ["--extract", join(archives, name), root]);
  }
  await Deno.remove(folder, { recursive: true });
}

/** Answers where the files are. */
async function download(
  name: string,
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
  await run("apt-get", [...args, "-qq", "--yes", "--download-only", "install", name]);
  return archives;
}

/** Starts the server with its own C library, wherever it lies. */
function script(root: string): string {
  const libraries = [LIBRARIES, `${LIBRARIES}/mysql`, "usr/lib/mysql/private"];
  const path = libraries.map((library) => join(root, library)).join(":");
  const places = `--basedir="$root/usr" --lc-messages-dir="$root/usr/share/mysql"`;
  return "#!/bin/sh\n" +
    `root="${root}"\n` +
    `exec "$root/${LOADER}" --library-path "${path}" "$root/usr/sbin/mysqld" "$@" ${places}\n`;
}
