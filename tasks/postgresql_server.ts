/**
 * Brings a PostgreSQL server of another version than this machine's Debian has.
 *
 * @module
 */

import { existsSync } from "@std/fs/exists";
import { join } from "node:path";
import { bring, debian, folderFor, type Source, wrap } from "./packages.ts";
import { output, ToolChainError } from "./tool_chain.ts";

/** Which versions can be brought, and of whom: the oldest that takes part, and the newest. */
const SOURCES = { "13": debian("bullseye"), "18": debian("sid") } as const satisfies Record<
  string,
  Source
>;

/** A version of PostgreSQL that can be brought. */
export type PostgresqlVersion = keyof typeof SOURCES;

/** All of them. */
export const POSTGRESQL_VERSIONS = Object.keys(SOURCES) as readonly PostgresqlVersion[];

/** Those that start others, or are started. The server comes last: where it is, everything is. */
const PROGRAMS = ["initdb", "pg_basebackup", "pg_ctl", "postgres"];

/**
 * Brings a server unless it is there.
 *
 * @param version Its version.
 * @returns The folder with `initdb`, `pg_basebackup`, `pg_ctl` and `postgres`.
 * @throws {ToolChainError} If it cannot be brought, or does not say that it is of this version.
 */
export async function ensurePostgresql(version: PostgresqlVersion): Promise<string> {
  const folder = folderFor(`indoubt-postgresql/${version}`);
  const programs = join(folder, "root/usr/lib/postgresql", version, "bin");
  const server = join(programs, "postgres");
  if (!existsSync(`${server}.own`)) {
    const root = await bring([`postgresql-${version}`], SOURCES[version], folder);
    await wrap(root, PROGRAMS.map((name) => join(programs, name)));
  }
  const said = await output(server, ["--version"]) ?? "nothing";
  if (!said.includes(` ${version}.`)) {
    throw new ToolChainError(
      `Cannot use ${server}: it says ${said} of its version, remove ${folder} to have it brought again`,
    );
  }
  console.log(said);
  return programs;
}
