/**
 * A standby of a PostgreSQL for tests: follows its primary until it is told to fall behind, and can be
 * promoted. Like its primary it leaves nothing when it is disposed of, or when the test process ends.
 *
 * @module
 */

import { freePort, type PostgresCluster } from "./cluster.ts";
import { findHost, handOver, type Host, runProgram } from "./cluster_host.ts";
import { GuardedFolder } from "./cluster_watchdog.ts";
import { connect, until } from "./databases.ts";

/** A standby. Made by {@linkcode Standby.start}. */
export class Standby implements AsyncDisposable {
  readonly #host: Host;
  readonly #folder: GuardedFolder;

  /** The port on 127.0.0.1. */
  readonly port: number = freePort();

  private constructor(host: Host) {
    this.#host = host;
    this.#folder = new GuardedFolder("indoubt_standby_", host.user);
  }

  /** Copies a primary and follows it. */
  static async start(primary: PostgresCluster): Promise<Standby> {
    const standby = new Standby(await findHost());
    try {
      await handOver(standby.#host, standby.#folder.path);
      const from = ["-h", "127.0.0.1", "-p", String(primary.port), "-U", "postgres"];
      const how = ["-R", "-X", "stream", "-c", "fast", "--no-sync"];
      await standby.#run("pg_basebackup", ["-D", standby.#data, ...how, ...from]);
      const own = `-p ${standby.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=`;
      const log = `${standby.#folder.path}/log`;
      await standby.#run("pg_ctl", ["start", "-D", standby.#data, "-w", "-l", log, "-o", own]);
    } catch (error) {
      await standby[Symbol.asyncDispose]();
      throw error;
    }
    return standby;
  }

  /** What a client connects to. */
  url(database = "postgres"): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  /** Hears nothing of its primary any more. */
  async fallBehind(): Promise<void> {
    await using sql = connect(this.url(), "standby", { max: 1 });
    await sql.unsafe("ALTER SYSTEM SET primary_conninfo = ''");
    await sql.unsafe("SELECT pg_reload_conf()");
    await until("the standby is alone", async () => {
      const receivers = await sql.unsafe("SELECT pid FROM pg_stat_wal_receiver");
      return receivers.length === 0;
    });
  }

  /** Becomes a primary. */
  async promote(): Promise<void> {
    await this.#run("pg_ctl", ["promote", "-D", this.#data, "-w"]);
  }

  /** Stops the server at once and removes all its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }

  get #data(): string {
    return `${this.#folder.path}/data`;
  }

  async #run(program: string, args: string[]): Promise<void> {
    const { success, text } = await runProgram(this.#host, this.#folder.path, program, args);
    if (!success) throw new Error(`Cannot run ${program} for a standby: ${text}`);
  }
}
