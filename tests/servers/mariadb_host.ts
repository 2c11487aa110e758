/**
 * How MariaDB's programs, or MySQL's, are found and run on this machine: never as root.
 *
 * @module
 */

import { brand } from "./brand.ts";

/** The user a server runs as when the tests run as root. */
const SERVER_USER = "mysql";

/** Debian keeps the server out of the PATH of ordinary users. */
const FOLDERS = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];

/** Everything needed to run a server. */
export interface MariadbHost {
  /** The server. */
  readonly server: string;
  /** The program that makes a data folder. */
  readonly installer: string;
  /** The user to become first, or `undefined` to stay what we are. */
  readonly user: string | undefined;
}

/** Runs a program to its end. */
export async function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ success: boolean; text: string }> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: "/",
    env: { LC_ALL: "C", ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { success, text: (decoder.decode(stdout) + decoder.decode(stderr)).trim() };
}

function findProgram(name: string): string {
  if (name.startsWith("/")) return name;
  for (const folder of FOLDERS) {
    try {
      if (Deno.statSync(`${folder}/${name}`).isFile) return `${folder}/${name}`;
    } catch {
      // Not in this one.
    }
  }
  throw new Error(
    `Cannot find MariaDB's server programs: no ${name} in ${FOLDERS.join(", ")}, ` +
      "install them with 'apt-get install mariadb-server'",
  );
}

/** Looks for the programs and decides about the user; fails with what to install. */
export async function findMariadbHost(): Promise<MariadbHost> {
  const [server, installer] = [findProgram(brand.server), findProgram(brand.installer)];
  if (Deno.uid() !== 0) return { server, installer, user: undefined };
  const { success } = await run("id", [SERVER_USER]);
  if (success) return { server, installer, user: SERVER_USER };
  throw new Error(
    `Cannot run ${brand.name} as root: there is no user '${SERVER_USER}' to become, ` +
      "install Debian's package mariadb-server or run the tests as another user",
  );
}
