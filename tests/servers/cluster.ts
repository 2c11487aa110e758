/**
 * A real PostgreSQL on 127.0.0.1 for tests: made from Debian's packages in a temporary folder,
 * startable, stoppable and killable at will. When it is disposed of, or when the test process ends
 * in any way, SIGKILL included, no process and no file of it stays.
 *
 * ```ts ignore
 * await using cluster = await PostgresCluster.start({ settings: { fsync: "off" } });
 * const sql = postgres(cluster.url());
 * ```
 *
 * @module
 */

import {
  descendants,
  findProcess,
  isRunning,
  listProcesses,
  signal,
  waitUntil,
} from "../../tasks/processes.ts";
import { findHost, handOver, type Host, runProgram } from "./cluster_host.ts";
import { GuardedFolder } from "./cluster_watchdog.ts";

/** How to make a cluster. */
export interface ClusterOptions {
  /**
   * Lines for `postgresql.conf`, over the defaults here. Where the server listens cannot be
   * changed.
   */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * How a server is asked to stop: `fast` breaks off the sessions, `immediate` leaves recovery to the
 * next start.
 */
export type StopMode = "smart" | "fast" | "immediate";

const DEFAULTS: Readonly<Record<string, string>> = {
  max_prepared_transactions: "100",
  // As files in the data folder instead of /dev/shm, where a killed server would leave them.
  dynamic_shared_memory_type: "mmap",
};

/** How long a killed predecessor may stay visible to a server that starts. */
const PREDECESSOR_MS = 30_000;

/**
 * A port that was free a moment ago. It is below those that the kernel gives to outgoing
 * connections, one of which could otherwise take the port while the server is stopped.
 */
export function freePort(): number {
  for (let attempt = 1;; attempt++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse) || attempt === 100) throw error;
    }
  }
}

function configurationLine([name, value]: [string, string]): string {
  return `${name} = '${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'\n`;
}

/** One PostgreSQL server with its own data. Made by {@linkcode PostgresCluster.start}. */
export class PostgresCluster implements AsyncDisposable {
  readonly #host: Host;
  readonly #folder: GuardedFolder;
  #port = 0;

  private constructor(host: Host, folder: GuardedFolder) {
    this.#host = host;
    this.#folder = folder;
  }

  /** Makes the data folder and starts the server. */
  static async start(options: ClusterOptions = {}): Promise<PostgresCluster> {
    const host = await findHost();
    const cluster = new PostgresCluster(host, new GuardedFolder("indoubt_postgresql_", host.user));
    try {
      await cluster.#initialize({ ...DEFAULTS, ...options.settings });
      await cluster.start();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  /** The port on 127.0.0.1, the same for the life of the cluster. */
  get port(): number {
    return this.#port;
  }

  /** The server's data folder. */
  get dataFolder(): string {
    return `${this.#folder.path}/data`;
  }

  /** The process number of the postmaster, or `undefined` while no server runs. */
  get postmaster(): number | undefined {
    let file: string;
    try {
      file = Deno.readTextFileSync(`${this.dataFolder}/postmaster.pid`);
    } catch {
      return undefined;
    }
    // The file of a killed server stays, and its number may belong to somebody else by now.
    const pid = Number.parseInt(file);
    return isRunning(pid) && findProcess(pid)?.command.includes(this.dataFolder) ? pid : undefined;
  }

  /** What a client connects to. Any password is right. */
  url(database = "postgres", user = "postgres"): string {
    const [name, path] = [user, database].map(encodeURIComponent);
    return `postgres://${name}@127.0.0.1:${this.#port}/${path}`;
  }

  /**
   * Starts the server again, after {@linkcode stop} or {@linkcode kill}, and waits until it takes
   * connections.
   */
  async start(): Promise<void> {
    const running = this.postmaster;
    if (running !== undefined) {
      throw new Error(
        `Cannot start PostgreSQL on port ${this.#port}: it runs already, as process ${running}`,
      );
    }
    const deadline = performance.now() + PREDECESSOR_MS;
    while (true) {
      const failure = await this.#tryToStart();
      if (failure === undefined) return;
      // The killed postmaster is dead, yet seen until its parent has collected it.
      const waiting = failure.includes("lock file") && performance.now() < deadline;
      if (!waiting) {
        throw new Error(`Cannot start PostgreSQL on port ${this.#port}: ${failure}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Stops the server in an orderly way. */
  async stop(mode: StopMode = "fast"): Promise<void> {
    const { success, text } = await this.#control("stop", "-w", "-m", mode);
    if (!success) throw new Error(`Cannot stop PostgreSQL on port ${this.#port}: ${text}`);
  }

  /** Stops the server, then starts it again on the same port. */
  async restart(mode: StopMode = "fast"): Promise<void> {
    await this.stop(mode);
    await this.start();
  }

  /**
   * Ends the postmaster and all its children with SIGKILL, and returns when none runs any more. Nobody is
   * told, as when a machine dies: a child that saw its postmaster's end would say so to its client.
   */
  async kill(): Promise<void> {
    const postmaster = this.postmaster;
    if (postmaster === undefined) {
      throw new Error(`Cannot kill PostgreSQL on port ${this.#port}: it does not run`);
    }
    // Stopped first, so that it neither makes a child unseen nor reacts to the end of one.
    signal(postmaster, "SIGSTOP");
    const pids = [...descendants(listProcesses(), postmaster).map(({ pid }) => pid), postmaster];
    for (const pid of pids) signal(pid, "SIGKILL");
    const gone = await waitUntil(() => !pids.some(isRunning), 10_000);
    if (!gone) throw new Error(`Cannot kill PostgreSQL on port ${this.#port}: ${pids} still run`);
  }

  /** Stops the server at once and removes all its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }

  async #initialize(settings: Readonly<Record<string, string>>): Promise<void> {
    await handOver(this.#host, this.#folder.path);
    const { success, text } = await runProgram(this.#host, this.#folder.path, "initdb", [
      ...["-D", this.dataFolder, "-U", "postgres", "-A", "trust"],
      ...["-E", "UTF8", "--locale=C", "--no-sync"],
    ]);
    if (!success) throw new Error(`Cannot initialize PostgreSQL: ${text}`);
    const lines = Object.entries(settings).map(configurationLine).join("");
    await Deno.writeTextFile(`${this.dataFolder}/postgresql.conf`, lines, { append: true });
  }

  /**
   * Tries once, and with another port as long as none has been settled; gives the reason of a
   * failure.
   */
  async #tryToStart(): Promise<string | undefined> {
    const settled = this.#port !== 0;
    for (let attempt = 1;; attempt++) {
      const port = settled ? this.#port : freePort();
      await Deno.remove(this.#log).catch(() => {});
      // On the command line, which no setting can overrule.
      const listening = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=`;
      const answer = await this.#control(
        "start",
        "-w",
        "-t",
        "60",
        "-l",
        this.#log,
        "-o",
        listening,
      );
      if (answer.success) {
        this.#port = port;
        return undefined;
      }
      const log = await Deno.readTextFile(this.#log).catch(() => "");
      if (!log.includes("could not bind") || settled || attempt === 5) {
        return `${answer.text}\n${log}`.trim();
      }
    }
  }

  get #log(): string {
    return `${this.#folder.path}/log`;
  }

  #control(action: string, ...args: string[]): Promise<{ success: boolean; text: string }> {
    return runProgram(this.#host, this.#folder.path, "pg_ctl", [
      ...[action, "-D", this.dataFolder],
      ...args,
    ]);
  }
}
