/**
 * What the torture asks of the two databases, of whatever kind they are.
 *
 * @module
 */

import type { CoordinatorEvent } from "../../../mod.ts";
import type { StopMode } from "../cluster.ts";
import type { Proxy } from "../proxy/proxy.ts";
import type { Name } from "../two_databases.ts";
import type { Contents } from "./account.ts";
import type { Work } from "./worker.ts";

/** A server that can be ended and comes again with what it had. */
export interface TortureServer {
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again; resolves when it takes connections. */
  start(): Promise<void>;
  /** Stops and starts it. */
  restart(mode: StopMode): Promise<void>;
}

/** A coordinator that settles what the workers have left. */
export interface Settler extends AsyncDisposable {
  readonly coordinator: {
    readonly unsettled: number;
    status(id: string): string;
  };
  readonly events: readonly CoordinatorEvent[];
}

/** The two databases, each with the tables `counter` and `event`. */
export interface TortureDatabases extends AsyncDisposable {
  /** The log directory. */
  readonly directory: string;
  /** Their servers. */
  readonly servers: Readonly<Record<Name, TortureServer>>;
  /** What stands between a worker and each of them. */
  readonly proxies: Readonly<Record<Name, Proxy>>;
  /** Where a worker reaches them, through the proxies. */
  readonly addresses: Pick<Work, Name>;
  /** Opens a coordinator that goes past the proxies. */
  open(): Promise<Settler>;
  /** What their servers hold prepared. */
  prepared(): Promise<readonly string[]>;
  /** What a database holds. */
  contents(name: Name): Promise<Contents>;
}
