/**
 * Takes clients out of a node-postgres pool for branches, and runs statements of the coordinator's own on any
 * of them; one that does not answer those in time is ended. From the first client on, errors of idle ones,
 * which the pool replaces by itself, do not end the process for want of a listener.
 *
 * @module
 */

import { type Clock, systemClock } from "../../platform/clock.ts";
import { answerInTime } from "./answer_limit.ts";
import { type NodePostgresClient, NodePostgresSession } from "./node_postgres_session.ts";
import type { StatementResult, StatementRunner } from "./session.ts";

/** What is used of a pool of node-postgres. */
export interface NodePostgresPool {
  /** Takes a client out of the pool. */
  connect(): Promise<NodePostgresClient>;
  /** Hears of errors of clients that nobody uses. */
  on(event: "error", listener: (error: Error) => void): unknown;
  /** Hears of them no longer. */
  removeListener(event: "error", listener: (error: Error) => void): unknown;
}

/** A pool, as a participant uses it. */
export class WatchedPool<Client> implements StatementRunner {
  readonly #pool: NodePostgresPool;
  readonly #clock: Clock;
  readonly #ignore = () => {};
  /** What the gids of the coordinators begin with that were seen since one has let go. */
  readonly #seen = new Set<string>();
  /** How many coordinators use the pool, as far as they were seen. */
  #users = 0;
  #listens = false;

  /**
   * Begins with nothing listened to.
   *
   * @param pool The pool.
   * @param clock Limits the waiting.
   */
  constructor(pool: NodePostgresPool, clock: Clock = systemClock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  /** Takes a client; waits for one to be free. */
  async take(): Promise<NodePostgresSession<Client>> {
    if (!this.#listens) this.#pool.on("error", this.#ignore);
    this.#listens = true;
    const client = await this.#pool.connect();
    return new NodePostgresSession(client as NodePostgresClient & Client);
  }

  async run(statements: string): Promise<StatementResult[]> {
    const session = await this.take();
    try {
      return await answerInTime(this.#clock, session.run(statements));
    } finally {
      // One that has not answered is ended.
      session.release(true);
    }
  }

  /**
   * Hears of a coordinator, as often as it likes.
   *
   * @param gidPrefix What its gids begin with.
   */
  attach(gidPrefix: string): void {
    this.#seen.add(gidPrefix);
    this.#users = Math.max(this.#users, this.#seen.size);
  }

  /** Lets go of what is listened to, unless another coordinator uses the pool. */
  detach(): void {
    this.#users--;
    // Nobody knows which of them it was. Those that stay, or come again, will be seen again.
    this.#seen.clear();
    if (this.#users > 0) return;
    this.#users = 0;
    this.#pool.removeListener("error", this.#ignore);
    this.#listens = false;
  }
}
