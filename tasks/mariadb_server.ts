/**
 * Brings a MariaDB server of another version than this machine's Debian has.
 *
 * @module
 */

import { existsSync } from "@std/fs/exists";
import { join } from "node:path";
import { bring, debian, folderFor, type Source, wrap } from "./packages.ts";
import { output, ToolChainError } from "./tool_chain.ts";

/** The installer asks one of the client's programs for its defaults. */
const PACKAGES = ["mariadb-server-core", "mariadb-client-core"];

/** Which versions can be brought, and of whom: the one that is supported for long after the one of each test. */
const SOURCES = { "11.8": debian("trixie") } as const satisfies Record<string, Source>;

/** A version of MariaDB that can be brought. */
export type MariadbVersion = keyof typeof SOURCES;

/** All of them. */
export const MARIADB_VERSIONS = Object.keys(SOURCES) as readonly MariadbVersion[];

/** Those that the installer, a script, starts. The server comes last: where it is, everything is. */
const PROGRAMS = ["bin/my_print_defaults", "bin/resolveip", "sbin/mariadbd"];

/**
 * Brings a server unless it is there.
 *
 * @param version Its version.
 * @returns The folder with `bin/mariadb-install-db`, which must be told of it, and `sbin/mariadbd`.
 * @throws {ToolChainError} If it cannot be brought, or does not say that it is of this version.
 */
export async function ensureMariadb(version: MariadbVersion): Promise<string> {
  const folder = folderFor(`indoubt-mariadb/${version}`);
  const programs = join(folder, "root/usr");
  const server = join(programs, "sbin/mariadbd");
  if (!existsSync(`${server}.own`)) {
    const root = await bring(PACKAGES, SOURCES[version], folder);
    await wrap(root, PROGRAMS.map((name) => join(programs, name)));
  }
  const said = await output(server, ["--version"]) ?? "nothing";
  if (!said.includes(` Ver ${version}.`) || !said.includes("MariaDB")) {
    throw new ToolChainError(
      `Cannot use ${server}: it says ${said} of its version, remove ${folder} to have it brought again`,
    );
  }
  console.log(said);
  return programs;
}
