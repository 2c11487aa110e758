/**
 * PGlite, PostgreSQL embedded in the process: `pglite(db)` makes an instance into a participant.
 *
 * PGlite has one session. A statement that waits for a row which a prepared branch holds would stop the
 * whole thread for ever, timers included. So a branch has the instance to itself from before BEGIN until
 * its COMMIT PREPARED or ROLLBACK PREPARED is done: every other statement, the application's own direct
 * ones too, waits in PGlite's queue. And a branch does not begin while any prepared transaction is there.
 *
 * Who asks about the instance while a branch has it is answered without it: an instance in this process is
 * the one that it was, and holds nothing prepared while a branch is not. So a long transaction is no outage.
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
import { checkPostgresql, type PostgresqlCheck } from "../postgresql/check.ts";
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
  /** What the last check has found. */
  #checked: PostgresqlCheck | null = null;
  /** The session of the branch that has the instance. */
  #active: PgliteSession<Queries> | null = null;
  /** Who is to hear when a branch has it. */
  readonly #waiting = new Set<() => void>();
  /** The session whose prepared branch is not settled; nobody else may use the instance meanwhile. */
  #held: PgliteSession<Queries> | null = null;
  readonly #runner: StatementRunner = { run: (statements) => this.#run(statements) };

  constructor(db: PgliteDatabase<Queries>) {
    this.#db = db;
  }

  async check(gidPrefix: string): Promise<{ identity: string }> {
    const ask = () => checkPostgresql(this.#runner, gidPrefix);
    this.#checked = this.#checked === null
      ? await ask()
      : await this.#unlessTaken(ask, this.#checked);
    return { identity: this.#checked.identity };
  }

  async acquire(): Promise<Branch<Queries>> {
    const session = await PgliteSession.take(this.#db, (released) => this.#onReleased(released));
    try {
      const [foreign] = await listPrepared(session, "");
      if (foreign === undefined) {
        // Anew, since an isolation level must be set before the first query.
        await session.run("ROLLBACK AND CHAIN");
        this.#active = session;
        for (const tell of this.#waiting) tell();
        return new PostgresqlBranch(session, this.#checked?.role ?? null);
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
    return this.#unlessTaken(() => listPrepared(this.#runner, gidPrefix), []);
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

  /**
   * Asks, unless a branch has the instance or comes to have it first: its application may take its time.
   *
   * @param ask Asks.
   * @param answer What is known without asking as long as a branch is there and not prepared.
   */
  async #unlessTaken<Answer>(ask: () => Promise<Answer>, answer: Answer): Promise<Answer> {
    if (this.#active !== null && !this.#active.prepared) return answer;
    const taken = Promise.withResolvers<Answer>();
    const tell = () => taken.resolve(answer);
    this.#waiting.add(tell);
    try {
      return await Promise.race([ask(), taken.promise]);
    } finally {
      this.#waiting.delete(tell);
    }
  }

  #onReleased(session: PgliteSession<Queries>): void {
    if (this.#active === session) this.#active = null;
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
