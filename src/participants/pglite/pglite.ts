/**
 * PGlite, PostgreSQL embedded in the process: `pglite(db)` makes an instance into a participant.
 *
 * PGlite has one session. A statement that waits for a row which a prepared branch holds would stop the
 * whole thread for ever, timers included. So a branch has the instance to itself from before BEGIN until
 * its COMMIT PREPARED or ROLLBACK PREPARED is done: every other statement, the application's own direct
 * ones too, waits in PGlite's queue. And a branch does not begin while any prepared transaction is there.
 *
 * @example
 * ```ts
 * import { PGlite } from "@electric-sql/pglite";
 * import { pglite } from "@indoubt/coordinator/pglite";
 *
 * const db = await PGlite.create({
 *   startParams: [...PGlite.defaultStartParams, "-c", "max_prepared_transactions=10"],
 * });
 * console.assert(pglite(db).kind === "pglite");
 * await db.close();
 * ```
 *
 * @module
 */

import type {
  Branch,
  Participant,
  PreparedBranch,
  SettleAnswer,
  TokenOutcome,
} from "../../coordinator/participant.ts";
import { isRetryable } from "../postgresql/answers.ts";
import { PostgresqlBranch } from "../postgresql/branch.ts";
import { checkPostgresql } from "../postgresql/check.ts";
import { listPrepared, outcomeOf } from "../postgresql/questions.ts";
import type { StatementRunner } from "../postgresql/session.ts";
import { settleBranch } from "../postgresql/statements.ts";
import { type PgliteDatabase, type PgliteQueries, PgliteSession, runOn } from "./pglite_session.ts";

export type { PgliteDatabase, PgliteQueries } from "./pglite_session.ts";

/** A PGlite instance that takes part. */
export type PgliteParticipant<Queries extends PgliteQueries = PgliteQueries> = Participant<Queries>;

/**
 * Makes a PGlite instance into a participant.
 *
 * The instance must be created with `max_prepared_transactions` above 0, since PGlite's default is 0:
 * `startParams: [...PGlite.defaultStartParams, "-c", "max_prepared_transactions=10"]`. It stays the
 * application's: closing the coordinator does not close it. Close the coordinator first. PGlite does not
 * sync its files: what it holds survives the process, not a loss of power.
 *
 * @typeParam Queries PGlite's type for a transaction; inferred.
 * @param db The instance.
 * @returns The participant. In a transaction its client is PGlite's own transaction object.
 *
 * @example
 * ```ts
 * import { PGlite } from "@electric-sql/pglite";
 * import { pglite } from "@indoubt/coordinator/pglite";
 *
 * const db = await PGlite.create({
 *   startParams: [...PGlite.defaultStartParams, "-c", "max_prepared_transactions=10"],
 * });
 * const participants = { orders: pglite(db) };
 * console.assert(participants.orders.kind === "pglite");
 * await db.close();
 * ```
 */
export function pglite<Queries extends PgliteQueries>(
  db: PgliteDatabase<Queries>,
): PgliteParticipant<Queries> {
  return new Pglite(db);
}

class Pglite<Queries extends PgliteQueries> implements Participant<Queries> {
  readonly kind = "pglite";
  readonly #db: PgliteDatabase<Queries>;
  /** The session whose prepared branch is not settled; nobody else may use the instance meanwhile. */
  #held: PgliteSession<Queries> | null = null;
  readonly #runner: StatementRunner = { run: (statements) => this.#run(statements) };

  constructor(db: PgliteDatabase<Queries>) {
    this.#db = db;
  }

  check(gidPrefix: string): Promise<{ identity: string }> {
    return checkPostgresql(this.#runner, gidPrefix);
  }

  async acquire(): Promise<Branch<Queries>> {
    const session = await PgliteSession.take(this.#db, (released) => this.#onReleased(released));
    try {
      const [foreign] = await listPrepared(session, "");
      if (foreign === undefined) {
        // Anew, since an isolation level must be set before the first query.
        await session.run("ROLLBACK AND CHAIN");
        return new PostgresqlBranch(session);
      }
      throw new Error(
        `Cannot begin a branch: PGlite holds ${foreign.gid} prepared, and a statement that waits for ` +
          "its rows would stop the whole process, settle it first",
      );
    } catch (error) {
      session.finish();
      throw error;
    }
  }

  listPrepared(gidPrefix: string): Promise<PreparedBranch[]> {
    return listPrepared(this.#runner, gidPrefix);
  }

  commitPrepared(gid: string): Promise<SettleAnswer> {
    return settleBranch(this.#runner, "COMMIT", gid);
  }

  rollbackPrepared(gid: string): Promise<SettleAnswer> {
    return settleBranch(this.#runner, "ROLLBACK", gid);
  }

  outcomeOf(token: string, identity: string): Promise<TokenOutcome> {
    return outcomeOf(this.#runner, token, identity);
  }

  isRetryable(error: unknown): boolean {
    return isRetryable(error);
  }

  detach(): void {
    this.#held?.finish();
    this.#held = null;
  }

  #onReleased(session: PgliteSession<Queries>): void {
    if (session.prepared) this.#held = session;
    else {
      if (this.#held === session) this.#held = null;
      session.finish();
    }
  }

  #run(statements: string) {
    return this.#held === null ? runOn(this.#db, statements) : this.#held.run(statements);
  }
}
