/**
 * {@linkcode TwoDatabases} with a proxy before each, through which the coordinator goes; the tests'
 * own questions go past them.
 *
 * @module
 */

import type { CoordinatorOptions } from "../../mod.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import type { PostgresCluster } from "./cluster.ts";
import { connect, type TestSql } from "./databases.ts";
import { Proxy } from "./proxy/proxy.ts";
import { type Both, type Name, type Opened, TwoDatabases } from "./two_databases.ts";

/** Two databases behind proxies. */
export class ProxiedDatabases implements AsyncDisposable {
  readonly #clusters: Readonly<Record<Name, PostgresCluster>>;
  readonly #clients: TestSql[] = [];

  /** The databases, without proxies. */
  readonly both: TwoDatabases;
  /** The proxies. */
  readonly proxies: Readonly<Record<Name, Proxy>>;

  private constructor(clusters: Readonly<Record<Name, PostgresCluster>>, both: TwoDatabases) {
    this.#clusters = clusters;
    this.both = both;
    this.proxies = {
      orders: Proxy.start(() => clusters.orders.port),
      billing: Proxy.start(() => clusters.billing.port),
    };
  }

  /** Connects to databases that exist, and empties them. */
  static async connect(
    clusters: Readonly<Record<Name, PostgresCluster>>,
  ): Promise<ProxiedDatabases> {
    return new ProxiedDatabases(clusters, await TwoDatabases.connect(clusters));
  }

  /** Where a database is reached through its proxy. */
  url(name: Name): string {
    return this.proxies[name].through(this.#clusters[name].url(name));
  }

  /** A new client through the proxy. */
  client(name: Name, max = 2): TestSql {
    const sql = connect(this.url(name), `proxied ${name}`, { max, backoff: () => 0.02 });
    this.#clients.push(sql);
    return sql;
  }

  /** Opens a coordinator on new clients through the proxies. */
  open(options: Partial<CoordinatorOptions<Both>> = {}): Promise<Opened> {
    const participants = {
      orders: postgres(this.client("orders")),
      billing: postgres(this.client("billing")),
    };
    return this.both.open({ participants, ...options });
  }

  /** All commands pass again. */
  pass(): void {
    for (const proxy of Object.values(this.proxies)) proxy.rule = () => "pass";
  }

  /** Ends the clients, the proxies and what is behind them. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const proxy of Object.values(this.proxies)) await proxy[Symbol.asyncDispose]();
    await Promise.all(this.#clients.map((sql) => sql[Symbol.asyncDispose]()));
    await this.both[Symbol.asyncDispose]();
  }
}
