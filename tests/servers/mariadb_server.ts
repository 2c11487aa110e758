/**
 * A real MariaDB, or MySQL (`brand.ts`), on 127.0.0.1 for tests: made in a temporary folder, startable,
 * stoppable and killable at will. When it is disposed of, or when the test process ends in any way, SIGKILL
 * included, no process and no file of it stays.
 *
 * ```ts ignore
 * await using server = await MariadbServer.start({ settings: { "log-bin": "binlog" } });
 * const pool = createPool(server.options("orders"));
 * ```
 *
 * @module
 */

import { findProcess, isRunning, signal, waitUntil } from "../../tasks/processes.ts";
import { freePort } from "./cluster.ts";
import { GuardedFolder } from "./cluster_watchdog.ts";
import { brand } from "./brand.ts";
import { findMariadbHost, type MariadbHost, run } from "./mariadb_host.ts";

/** How to make a server. */
export interface MariadbOptions {
  /** Options of the server, without dashes, over the defaults here. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** What a client connects to. */
export interface MariadbAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

const DEFAULTS: Readonly<Record<string, string>> = {
  "innodb-buffer-pool-size": "32M",
  "performance-schema": "OFF",
  "skip-name-resolve": "ON",
  // A statement of a test that waits for something that a failed test has left fails.
  "innodb-lock-wait-timeout": "20",
};

const START_MS = 60_000;
const STOP_MS = 60_000;

/** One server with its own data. Made by {@linkcode MariadbServer.start}. */
export class MariadbServer implements AsyncDisposable {
  readonly #host: MariadbHost;
  readonly #folder: GuardedFolder;
  readonly #settings: Readonly<Record<string, string>>;
  #port = 0;

  private constructor(host: MariadbHost, folder: GuardedFolder, options: MariadbOptions) {
    this.#host = host;
    this.#folder = folder;
    this.#settings = { ...DEFAULTS, ...brand.settings, ...options.settings };
  }

  /** Makes the data folder and starts the server. */
  static async start(options: MariadbOptions = {}): Promise<MariadbServer> {
    const host = await findMariadbHost();
    const folder = new GuardedFolder("indoubt_mariadb_", host.user);
    const server = new MariadbServer(host, folder, options);
    try {
      await server.#initialize();
      await server.start();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** The port on 127.0.0.1, the same for the life of the server. */
  get port(): number {
    return this.#port;
  }

  /** What a client connects to; root needs no password. */
  options(database: string, user = "root"): MariadbAddress {
    return { host: "127.0.0.1", port: this.#port, user, database };
  }

  /** The process number of the server, or `undefined` while none runs. */
  get pid(): number | undefined {
    let pid: number;
    try {
      pid = Number.parseInt(Deno.readTextFileSync(`${this.#data}/server.pid`));
    } catch {
      return undefined;
    }
    // The file of a killed server stays, and its number may belong to somebody else by now.
    return isRunning(pid) && findProcess(pid)?.command.includes(this.#data) ? pid : undefined;
  }

  /** Starts the server, and waits until it takes connections. */
  async start(): Promise<void> {
    if (this.pid !== undefined) {
      throw new Error(`Cannot start ${brand.name} on port ${this.#port}: it runs already`);
    }
    for (let attempt = 1;; attempt++) {
      const port = this.#port || freePort();
      const log = await this.#tryToStart(port);
      if (log === undefined) {
        this.#port = port;
        return;
      }
      if (this.#port !== 0 || attempt === 5 || !log.includes("Address already in use")) {
        throw new Error(`Cannot start ${brand.name} on port ${port}: ${log}`);
      }
    }
  }

  /** Stops the server in an orderly way. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** Ends the server with SIGKILL, and returns when it does not run any more. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Stops the server at once and removes all its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }

  get #data(): string {
    return `${this.#folder.path}/data`;
  }

  /** Servers that share a folder for temporary tables take each other's away. */
  get #temporary(): string {
    return `${this.#folder.path}/tmp`;
  }

  async #initialize(): Promise<void> {
    const { installer, user } = this.#host;
    const folders = [this.#data, this.#temporary];
    for (const folder of folders) await Deno.mkdir(folder);
    if (user !== undefined) {
      const { success, text } = await run("chown", [user, this.#folder.path, ...folders]);
      if (!success) throw new Error(`Cannot give '${this.#data}' to ${user}: ${text}`);
    }
    const sql = `${this.#folder.path}/install.sql`;
    if (brand.installingSql !== null) await Deno.writeTextFile(sql, brand.installingSql);
    const { success, text } = await run(installer, [
      "--no-defaults",
      `--datadir=${this.#data}`,
      ...brand.installing,
      ...(brand.installingSql === null ? [] : [`--init-file=${sql}`]),
      ...this.#asUser,
    ], { TMPDIR: this.#temporary });
    if (!success) throw new Error(`Cannot initialize ${brand.name}: ${text}`);
  }

  get #asUser(): string[] {
    return this.#host.user === undefined ? [] : [`--user=${this.#host.user}`];
  }

  /** Starts the server apart from this process; gives its log if it does not come up. */
  async #tryToStart(port: number): Promise<string | undefined> {
    const log = `${this.#data}/server.err`;
    await Deno.remove(log).catch(() => {});
    // MySQL keeps a lock beside its socket, which a SIGKILL leaves there.
    await Deno.remove(`${this.#data}/server.sock.lock`).catch(() => {});
    const args = [
      "--no-defaults",
      ...this.#asUser,
      `--datadir=${this.#data}`,
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      `--socket=${this.#data}/server.sock`,
      `--pid-file=${this.#data}/server.pid`,
      `--log-error=${log}`,
      `--tmpdir=${this.#temporary}`,
      ...Object.entries(this.#settings).map(([name, value]) => `--${name}=${value}`),
    ];
    // The shell ends at once: no process of a test outlives the test, as far as its sanitizers see.
    const { success, text } = await run("sh", [
      "-c",
      'exec setsid "$0" "$@" </dev/null >/dev/null 2>&1 &',
      this.#host.server,
      ...args,
    ]);
    if (!success) return text;
    const read = () => {
      try {
        return Deno.readTextFileSync(log);
      } catch {
        return "";
      }
    };
    const ended = () => /ready for connections|\[ERROR\] (?:Aborting|.*Can't start)/.test(read());
    await waitUntil(ended, START_MS);
    return read().includes("ready for connections") ? undefined : read();
  }

  async #end(name: Deno.Signal): Promise<void> {
    const { pid } = this;
    if (pid === undefined) {
      throw new Error(`Cannot end ${brand.name} on port ${this.#port}: it does not run`);
    }
    signal(pid, name);
    if (await waitUntil(() => !isRunning(pid), STOP_MS)) return;
    throw new Error(`Cannot end ${brand.name} on port ${this.#port}: process ${pid} still runs`);
  }
}
