/**
 * MariaDB and MySQL through mysql2 (`npm:mysql2`): `mysql(pool)` makes a pool that the application has
 * made into a participant.
 *
 * A branch has a connection of the pool to itself, from before XA START until XA COMMIT has been answered.
 * A connection whose branch was prepared and not ended goes back to nobody: it is closed, since MariaDB lets
 * another session end the branch only then.
 *
 * @module
 */

import type {
  Branch,
  Participant,
  ParticipantCheck,
  PreparedBranch,
  SettleAnswer,
  TokenOutcome,
} from "../../coordinator/participant.ts";
import { systemClock } from "../../platform/clock.ts";
import { isRetryable } from "./answers.ts";
import { MysqlBranch } from "./branch.ts";
import { checkMysql, identify, type Known } from "./check.ts";
import { Mysql2Session, type MysqlConnection, type MysqlPool } from "./mysql2_session.ts";
import { OutcomeTable } from "./outcome_table.ts";
import { OwnStatements } from "./own_statements.ts";
import { Settling } from "./settling.ts";
import { isUnderWay, recover } from "./statements.ts";
import { parseToken } from "./token.ts";

export type { MysqlConnection, MysqlPool } from "./mysql2_session.ts";
export type { Mysql2Queries } from "./mysql2_statements.ts";

/** A MariaDB or MySQL database that takes part through mysql2. */
export type MysqlParticipant<Connection extends MysqlConnection = MysqlConnection> = Participant<
  Connection
>;

/** How long the rows of an outcome table are kept by default. */
const OUTCOME_DAYS = 7;

/** How a mysql2 pool takes part. */
export interface MysqlOptions {
  /**
   * Name of a table in the same database in which each branch that is prepared leaves a row. With it a branch that
   * is gone can be told to have been committed or not; without it, only to be over. It costs one INSERT
   * for each branch. How it is created is in the error that is thrown where it is missing.
   *
   * @default {undefined} No proof.
   */
  readonly outcomeTable?: string;
  /**
   * For how many days rows of the outcome table are kept, 1 to 365. That a branch was *not* committed can be
   * proved as long as no row of that age was deleted, by whomever.
   *
   * @default {7}
   */
  readonly outcomeDays?: number;
  /**
   * What the server is called in the database's identity, 1 to 64 characters of `[A-Za-z0-9_.:+/=-]`. Give it
   * where MariaDB's own name for itself will not do: that is a hash of the network card's
   * address and the port, which changes with either, and is the same in containers with the same address.
   *
   * @default {undefined} MySQL's `server_uuid`, MariaDB's `server_uid`.
   */
  readonly server?: string;
}

/**
 * Makes a mysql2 pool into a participant: MariaDB 10.11 or later, or MySQL 8.4 or later.
 *
 * The pool must be one of `mysql2/promise`, name a database, and allow as many connections as transactions run at
 * once and one more for settling. It stays the application's: closing the coordinator does not end it.
 *
 * @typeParam Connection The driver's type for a connection of the pool; inferred.
 * @param pool The pool.
 * @param options Proof of outcomes, and the server's name.
 * @returns The participant. In a transaction its client is the connection itself; whatever ends or gives away the
 * connection is refused on it.
 * @throws {RangeError} If a name in the options has other characters than it may.
 * @throws {TypeError} If the pool is one with callbacks.
 *
 * @example
 * ```ts
 * import { createPool } from "mysql2/promise";
 * import { mysql } from "@indoubt/coordinator/mysql";
 *
 * const pool = createPool({ host: "localhost", user: "app", database: "orders" });
 * const participants = { orders: mysql(pool, { outcomeTable: "indoubt_outcome" }) };
 * console.assert(participants.orders.kind === "mysql");
 * await pool.end();
 * ```
 */
export function mysql<Connection extends MysqlConnection>(
  pool: MysqlPool<Connection>,
  options: MysqlOptions = {},
): MysqlParticipant<Connection> {
  return new Mysql(pool, options);
}

class Mysql<Connection extends MysqlConnection> implements Participant<Connection> {
  readonly #pool: MysqlPool<Connection>;
  readonly #own: OwnStatements;
  /** The database is known from the first check on: a pool connects to the same one always. */
  #known: Known;
  /** In that database. */
  #outcomeTable: OutcomeTable | null;
  readonly #settling = new Settling(systemClock);
  /** When each branch that is listed was listed first. */
  #seen: ReadonlyMap<string, Date> = new Map();

  readonly kind = "mysql";

  constructor(pool: MysqlPool<Connection>, { outcomeTable, outcomeDays, server }: MysqlOptions) {
    if (server !== undefined && !/^[A-Za-z0-9_.:+/=-]{1,64}$/.test(server)) {
      throw new RangeError(
        `Cannot call a server ${JSON.stringify(server)}: ` +
          "its name must have 1 to 64 characters of [A-Za-z0-9_.:+/=-]",
      );
    }
    if ("promise" in pool) {
      throw new TypeError(
        "Cannot use a mysql2 pool with callbacks: give its promise(), or one of mysql2/promise",
      );
    }
    this.#pool = pool;
    this.#own = new OwnStatements(pool);
    this.#known = { server: server ?? null, database: null };
    this.#outcomeTable = outcomeTable === undefined
      ? null
      : new OutcomeTable(outcomeTable, outcomeDays ?? OUTCOME_DAYS, Date.now);
  }

  check(gidPrefix: string): Promise<ParticipantCheck> {
    return this.#own.use(async (runner) => {
      const { identity, database, brand } = await checkMysql(runner, this.#known);
      await this.#outcomeTable?.check(runner, gidPrefix);
      this.#known = { ...this.#known, database };
      this.#outcomeTable = this.#outcomeTable?.in(database) ?? null;
      if (brand === "mariadb") this.#settling.beware(this.#outcomeTable);
      return { identity };
    });
  }

  async acquire(): Promise<Branch<Connection>> {
    const session = new Mysql2Session(this.#pool, await this.#pool.getConnection());
    return new MysqlBranch(
      session,
      this.#outcomeTable,
      async (runner) => (await identify(runner, this.#known)).identity,
      this.#known.database,
      this.#settling.leave,
    );
  }

  listPrepared(gidPrefix: string): Promise<PreparedBranch[]> {
    return this.#own.use(async (runner) => {
      const gids = await recover(runner, gidPrefix);
      const now = new Date();
      this.#seen = new Map(gids.map((gid) => [gid, this.#seen.get(gid) ?? now]));
      // Nothing depends on it now, so the list is given even if it could not be done.
      await this.#outcomeTable?.clean(runner).catch(() => {});
      return [...this.#seen].map(([gid, since]) => ({ gid, since }));
    });
  }

  commitPrepared(gid: string): Promise<SettleAnswer> {
    return this.#settle("COMMIT", gid);
  }

  rollbackPrepared(gid: string): Promise<SettleAnswer> {
    return this.#settle("ROLLBACK", gid);
  }

  async outcomeOf(token: string, identity: string): Promise<TokenOutcome> {
    const parsed = parseToken(token);
    if (parsed === null) return "unknown";
    const { gid, session, writtenAt } = parsed;
    return await this.#own.use(async (runner) => {
      const found = await identify(runner, this.#known);
      if (found.identity !== identity) return "other database";
      if (this.#outcomeTable !== null && writtenAt !== null) {
        return await this.#outcomeTable.in(found.database).outcomeOf(runner, gid, writtenAt);
      }
      return await isUnderWay(runner, gid, session) ? "in progress" : "unproven";
    });
  }

  async #settle(verb: "COMMIT" | "ROLLBACK", gid: string): Promise<SettleAnswer> {
    try {
      return await this.#own.use((runner) => this.#settling.settle(runner, verb, gid));
    } catch (error) {
      return { kind: "later", error };
    }
  }

  isRetryable(error: unknown): boolean {
    return isRetryable(error);
  }

  detach(): void {}
}
