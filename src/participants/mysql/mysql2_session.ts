/**
 * A connection of a mysql2 pool as a session. mysql2 never connects a lost connection again: whatever is
 * sent on it fails, so nothing can come to run outside of the branch.
 *
 * @module
 */

import { BranchLostError } from "../../coordinator/errors.ts";
import { systemClock } from "../../platform/clock.ts";
import { errorNumberOf } from "./answers.ts";
import { ConnectionGuard } from "./mysql2_guard.ts";
import { type Mysql2Queries, runOn } from "./mysql2_statements.ts";
import { OwnStatements } from "./own_statements.ts";
import type { MysqlResult, MysqlSession } from "./session.ts";
import { askServerSession, waitForEnd } from "./statements.ts";
import type { ServerSession } from "./token.ts";

/** What is used of a connection of a mysql2 pool with promises. */
export interface MysqlConnection extends Mysql2Queries {
  /** The server's number of the session. */
  readonly threadId: number;
  /** Gives the connection back to the pool. */
  release(): void;
  /** Ends the connection. */
  destroy(): void;
}

/** What is used of a mysql2 pool: the result of `createPool` of `mysql2/promise`. */
export interface MysqlPool<Connection extends MysqlConnection> extends Mysql2Queries {
  /** Takes a connection out of the pool. */
  getConnection(): Promise<Connection>;
}

/** What mysql2 says when it has not sent a statement, since the connection is closed. */
const NOT_SENT = /^Can't add new command when connection is in closed state/;

/** Which sessions of their server the connections are; asked once for each. */
const serverSessions = new WeakMap<object, ServerSession>();

/** A connection, for one branch. */
export class Mysql2Session<Connection extends MysqlConnection> implements MysqlSession<Connection> {
  readonly #pool: MysqlPool<Connection>;
  readonly #connection: Connection;
  readonly #guard: ConnectionGuard<Connection>;
  /** False once a statement has failed without an answer of the server's own. */
  #sound = true;
  /** As the server's last OK to a statement of the coordinator's own says. */
  #autocommit = true;
  #released = false;

  /**
   * Takes over a connection.
   *
   * @param pool Where it comes from.
   * @param connection The connection.
   */
  constructor(pool: MysqlPool<Connection>, connection: Connection) {
    this.#pool = pool;
    this.#connection = connection;
    this.#guard = new ConnectionGuard(connection);
  }

  get client(): Connection {
    return this.#guard.client;
  }

  get wrote(): boolean {
    return this.#guard.changed;
  }

  get movedTo(): string | null {
    return this.#guard.movedTo;
  }

  async run(text: string): Promise<MysqlResult> {
    try {
      const result = await this.#guard.watch(runOn(this.#connection, text));
      this.#autocommit = result.autocommit ?? this.#autocommit;
      return result;
    } catch (error) {
      if (errorNumberOf(error) === null) this.#sound = false;
      const unsent = error instanceof Error && NOT_SENT.test(error.message);
      throw unsent ? new BranchLostError({ cause: error }) : error;
    }
  }

  async identify(): Promise<ServerSession> {
    // The pool hands out each connection in a new object around the one that lasts.
    const { connection: lasting = this.#connection } = this.#connection as { connection?: object };
    const known = serverSessions.get(lasting);
    if (known !== undefined) return known;
    const session = await askServerSession(this);
    serverSessions.set(lasting, session);
    return session;
  }

  closeClient(): void {
    this.#guard.close();
  }

  async interrupt(): Promise<void> {
    // Who interrupts has no use for the reason of a failure, and waits for the statement either way.
    if (this.#isBusy) await this.#killQuery().catch(() => {});
  }

  async end(gid: string): Promise<boolean> {
    const session = await this.identify();
    this.release(false);
    return await new OwnStatements(this.#pool).use((runner) =>
      waitForEnd(runner, gid, session, systemClock)
    );
  }

  release(clean: boolean): void {
    if (this.#released) return;
    this.#released = true;
    // Without autocommit whoever gets it next is in a transaction that nobody ends.
    const isSound = this.#sound && this.#autocommit && this.#guard.underWay === 0;
    if (clean && isSound) this.#connection.release();
    else {
      this.#connection.destroy();
      this.#guard.lose(
        new Error("Cannot wait for a statement: its branch has ended, and the connection with it"),
      );
    }
  }

  get #isBusy(): boolean {
    return !this.#released && this.#guard.underWay > 0;
  }

  #killQuery(): Promise<void> {
    return new OwnStatements(this.#pool).use(async (runner) => {
      if (!this.#isBusy) return;
      // It may reach the server late and hit another statement: this session runs nobody else's.
      this.#sound = false;
      await runner.run(`KILL QUERY ${Number(this.#connection.threadId)}`).catch(() => {});
    });
  }
}
