/**
 * Brings a MySQL server to a machine whose Debian has none: the packages of Debian unstable, unpacked into a folder
 * of their own with the C library that they were made for.
 *
 * Guarantees: nothing is installed, and nothing outside of that folder is changed; apt checks the signatures of
 * what it gets. A server is used only if it says that it is MySQL.
 *
 * @module
 */

import { existsSync } from "@std/fs/exists";
import { isAbsolute, join } from "node:path";
import { cacheFolder, output, run, ToolChainError } from "./tool_chain.ts";

const MIRROR = "http://deb.debian.org/debian";
const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";
const PACKAGE = "mysql-server-core";

/** Where the packages of the one architecture that was tried have their libraries. */
const LIBRARIES = "usr/lib/x86_64-linux-gnu";
const LOADER = "usr/lib64/ld-linux-x86-64.so.2";

/**
 * Finds the server that INDOUBT_MYSQL names, or else brings one.
 *
 * @returns Path of a program that takes the options of `mysqld`.
 * @throws {ToolChainError} If it cannot be used, or not be brought.
 */
export async function ensureMysql(): Promise<string> {
  const named = Deno.env.get("INDOUBT_MYSQL") ?? "";
  if (named !== "") return await tried(named, "INDOUBT_MYSQL must name a MySQL server's full path");
  // Root's own folders cannot be read by the user that a server runs as.
  const folder = join(Deno.uid() === 0 ? "/var/cache" : cacheFolder(), "indoubt-mysql");
  const program = join(folder, "mysqld");
  if (!existsSync(program)) await bring(folder, program);
  return await tried(program, `remove ${folder} to have it brought again`);
}

/** A program, if it says that it is MySQL. */
async function tried(program: string, remedy: string): Promise<string> {
  const version = isAbsolute(program) ? await output(program, ["--version"]) : undefined;
  if (version === undefined || version.includes("MariaDB")) {
    const said = version ?? "nothing";
    throw new ToolChainError(`Cannot use ${program}: it says ${said} of its version, ${remedy}`);
  }
  console.log(version);
  return program;
}

/** The program comes last: where it is, everything is. */
async function bring(folder: string, program: string): Promise<void> {
  assertPossible();
  console.log(`Bringing ${PACKAGE} of Debian unstable into ${folder} (90 MiB, 330 unpacked)`);
  // What an earlier try has left may be half of something.
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  const root = join(folder, "root");
  await unpack(await download(folder), root);
  await Deno.remove(join(folder, "var"), { recursive: true });
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

/** Has apt get the package with all that it needs, as if nothing were installed; answers where the files are. */
async function download(folder: string): Promise<string> {
  const archives = join(folder, "var/cache/apt/archives");
  const status = join(folder, "var/lib/dpkg/status");
  const folders = ["etc/apt/apt.conf.d", "etc/apt/preferences.d", "var/lib/apt/lists/partial"];
  for (const one of [...folders, "var/lib/dpkg", "var/cache/apt/archives/partial"]) {
    await Deno.mkdir(join(folder, one), { recursive: true });
  }
  await Deno.writeTextFile(status, "");
  const source = `deb [signed-by=${KEYS}] ${MIRROR} sid main\n`;
  await Deno.writeTextFile(join(folder, "etc/apt/sources.list"), source);
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
  await run("apt-get", [...args, "-qq", "--yes", "--download-only", "install", PACKAGE]);
  return archives;
}

async function unpack(archives: string, root: string): Promise<void> {
  const names = [...Deno.readDirSync(archives)].map(({ name }) => name);
  for (const name of names.filter((name) => name.endsWith(".deb"))) {
    await run("dpkg-deb", ["--extract", join(archives, name), root]);
  }
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
