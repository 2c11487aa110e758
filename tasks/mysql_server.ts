/**
 * Brings a MySQL server to a machine whose Debian has none. It is used only if it says that it is MySQL.
 *
 * @module
 */

import { existsSync } from "@std/fs/exists";
import { isAbsolute, join } from "node:path";
import { bring, debian, folderFor, runner, type Source, ubuntu } from "./packages.ts";
import { output, ToolChainError } from "./tool_chain.ts";

const PACKAGE = "mysql-server-core";
/** Where its own libraries are. */
const LIBRARIES = ["usr/lib/x86_64-linux-gnu/mysql", "usr/lib/mysql/private"];

/** Which versions can be brought, and of whom: the one that is supported for long, and the newest. */
const SOURCES = { "8.4": ubuntu("resolute"), "9": debian("sid") } as const satisfies Record<
  string,
  Source
>;

/** A version of MySQL that can be brought. */
export type MysqlVersion = keyof typeof SOURCES;

/** All of them. */
export const MYSQL_VERSIONS = Object.keys(SOURCES) as readonly MysqlVersion[];

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
  const folder = folderFor(`indoubt-mysql/${version}`);
  const program = join(folder, "mysqld");
  if (!existsSync(program)) {
    const root = await bring([PACKAGE], SOURCES[version], folder);
    // The program comes last: where it is, everything is.
    await Deno.writeTextFile(program, script(root), { mode: 0o755 });
  }
  return await tried(program, `${version}.`, `remove ${folder} to have it brought again`);
}

/** A program, if it says that it is MySQL, of a version that begins so. */
async function tried(program: string, beginning: string, remedy: string): Promise<string> {
  const said = isAbsolute(program) ? await output(program, ["--version"]) ?? "nothing" : "nothing";
  if (said.includes("MariaDB") || !said.includes(` Ver ${beginning}`)) {
    throw new ToolChainError(
      `Cannot use ${program}: it says ${said.split("\n")[0]} of its version, ${remedy}`,
    );
  }
  console.log(said);
  return program;
}

/** Starts the server, wherever it lies. */
function script(root: string): string {
  const command = runner(root, join(root, "usr/sbin/mysqld"), LIBRARIES);
  const places = `--basedir="${root}/usr" --lc-messages-dir="${root}/usr/share/mysql"`;
  return `#!/bin/sh\nexec ${command} "$@" ${places}\n`;
}
