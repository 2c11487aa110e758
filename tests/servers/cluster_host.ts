/**
 * How PostgreSQL's programs are found and run on this machine: never as root, in the C locale, from
 * a folder that the server's user may enter.
 *
 * @module
 */

/** The user PostgreSQL runs as when the tests run as root, which it refuses to run as. */
const SERVER_USER = "postgres";

/** Everything needed to run one of PostgreSQL's programs. */
export interface Host {
  /** The folder with `initdb`, `pg_ctl` and `postgres`. */
  readonly programs: string;
  /** The user to become first, or `undefined` to stay what we are. */
  readonly user: string | undefined;
}

/** What one of the programs answered. */
export interface Answer {
  readonly success: boolean;
  /** Both outputs, one after the other. */
  readonly text: string;
}

async function run(command: string, args: string[], cwd: string): Promise<Answer> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    env: { LC_ALL: "C" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { success, text: (decoder.decode(stdout) + decoder.decode(stderr)).trim() };
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/**
 * Debian keeps the server's programs out of PATH, in one folder per version; the newest comes
 * first.
 */
function debianFolders(): string[] {
  try {
    return [...Deno.readDirSync("/usr/lib/postgresql")]
      .map((entry) => entry.name)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => `/usr/lib/postgresql/${version}/bin`);
  } catch {
    return [];
  }
}

async function installedFolders(): Promise<string[]> {
  const configured = await run("pg_config", ["--bindir"], "/").catch(() => undefined);
  return [...(configured?.success ? [configured.text] : []), ...debianFolders()];
}

async function findPrograms(): Promise<string> {
  // `deno task postgresql` brings those of other versions.
  const named = Deno.env.get("INDOUBT_POSTGRESQL") ?? "";
  const folders = named === "" ? await installedFolders() : [named];
  const found = folders.find((folder) => exists(`${folder}/initdb`));
  if (found !== undefined) return found;
  throw new Error(
    `Cannot find PostgreSQL's server programs: no initdb in ${
      folders.join(", ") || "pg_config --bindir and /usr/lib/postgresql"
    }, install them with 'apt-get install postgresql postgresql-contrib'`,
  );
}

/** Looks for the programs and decides about the user; fails with what to install. */
export async function findHost(): Promise<Host> {
  const programs = await findPrograms();
  if (Deno.uid() !== 0) return { programs, user: undefined };
  const { success } = await run("id", [SERVER_USER], "/");
  if (success) return { programs, user: SERVER_USER };
  throw new Error(
    `Cannot run PostgreSQL as root: there is no user '${SERVER_USER}' to become, ` +
      "install Debian's package postgresql or run the tests as another user",
  );
}

/** Gives the folder to the server's user, and makes sure that this user can get there. */
export async function handOver(host: Host, folder: string): Promise<void> {
  if (host.user === undefined) return;
  const { success, text } = await run("chown", [host.user, folder], "/");
  if (!success) throw new Error(`Cannot give '${folder}' to ${host.user}: ${text}`);
  const entered = await run("runuser", ["-u", host.user, "--", "test", "-w", folder], "/");
  if (entered.success) return;
  throw new Error(
    `Cannot run PostgreSQL in '${folder}': the user '${host.user}' may not enter a folder on the ` +
      "way, let it with 'chmod o+x' or set TMPDIR to another place",
  );
}

/** Runs one of PostgreSQL's programs to its end. */
export function runProgram(host: Host, cwd: string, name: string, args: string[]): Promise<Answer> {
  const program = `${host.programs}/${name}`;
  return host.user === undefined
    ? run(program, args, cwd)
    : run("runuser", ["-u", host.user, "--", program, ...args], cwd);
}
