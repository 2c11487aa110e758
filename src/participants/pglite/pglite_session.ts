/**
 * PGlite's one session, held by one branch at a time through PGlite's own transaction queue.
 *
 * The hold lasts until no prepared branch is left by it: a branch that was prepared and whose settling
 * failed keeps the hold when its session is given back, and the statements that settle it later run in it. So
 * does one whose PREPARE was sent and not answered yet, as when time was up just then.
 *
 * @module
 */

import { BranchLostError } from "../../coordinator/errors.ts";
import type { PostgresqlSession, StatementResult } from "../postgresql/session.ts";
import { showsWriting, wholeTag } from "../postgresql/tags.ts";

/** The part of PGlite's `Transaction` that the application works with. */
export interface PgliteQueries {
  /** Runs one statement with parameters. */
  // deno-lint-ignore no-explicit-any -- PGlite's own signature
  query(query: string, params?: any[], options?: any): Promise<any>;
  /** Runs one or more statements without parameters. */
  // deno-lint-ignore no-explicit-any -- PGlite's own signature
  exec(query: string, options?: any): Promise<any>;
}

/** PGlite's `Transaction`, as its `transaction` hands it out. */
interface PgliteTransaction extends PgliteQueries {
  readonly closed: boolean;
  rollback(): Promise<void>;
}

/** What is read of a result of PGlite. */
interface PgliteResult {
  /** First word of the command tag. */
  readonly command?: string;
  /** Number of rows in the command tag. */
  readonly rowCount?: number;
}

/** What is used of a PGlite instance. */
export interface PgliteDatabase<Queries extends PgliteQueries> extends PgliteQueries {
  /** Runs a function with the session to itself. */
  transaction<T>(callback: (transaction: Queries) => Promise<T>): Promise<T>;
}

/**
 * Runs statements and gives back PostgreSQL's own words.
 *
 * @param queries PGlite, or its transaction.
 * @param statements The text.
 * @returns One result for each statement.
 */
export async function runOn(
  queries: PgliteQueries,
  statements: string,
): Promise<StatementResult[]> {
  const results: { command?: string; rows: (string | null)[][] }[] = await queries.exec(
    statements,
    {
      rowMode: "array",
    },
  );
  return results.map(({ command, rows }) => {
    if (command === undefined) {
      throw new TypeError(
        "Cannot read PGlite's answer: it has no command tag, use @electric-sql/pglite 0.5 or later",
      );
    }
    return { command: wholeTag(statements, command), rows };
  });
}

/** The session, held. */
export class PgliteSession<Queries extends PgliteQueries> implements PostgresqlSession<Queries> {
  readonly #transaction: PgliteTransaction;
  readonly #client: Queries;
  readonly #finished: PromiseWithResolvers<void>;
  readonly #onReleased: (session: PgliteSession<Queries>) => void;
  #open = true;
  #prepared = false;
  #wrote = false;
  #released = false;
  #ended = false;

  /** PGlite has sent BEGIN. */
  readonly begun = true;

  private constructor(
    transaction: Queries,
    finished: PromiseWithResolvers<void>,
    onReleased: (session: PgliteSession<Queries>) => void,
  ) {
    this.#transaction = transaction as unknown as PgliteTransaction;
    this.#finished = finished;
    this.#onReleased = onReleased;
    this.#client = this.#guard(transaction);
  }

  /**
   * Waits for the session and holds it.
   *
   * @param db The instance.
   * @param onReleased Is called when the branch gives it back, and when nothing is prepared in it any more.
   * @returns The session, in a transaction block.
   */
  static take<Queries extends PgliteQueries>(
    db: PgliteDatabase<Queries>,
    onReleased: (session: PgliteSession<Queries>) => void,
  ): Promise<PgliteSession<Queries>> {
    return new Promise((resolve, reject) => {
      const finished = Promise.withResolvers<void>();
      db.transaction(async (transaction) => {
        const session = new PgliteSession(transaction, finished, onReleased);
        resolve(session);
        await finished.promise;
        // Whatever state the session is in, nothing is committed by leaving; PGlite sends no COMMIT of
        // its own after this.
        if (!session.#transaction.closed) await session.#transaction.rollback();
      }).catch(reject);
    });
  }

  get client(): Queries {
    return this.#client;
  }

  /** Whether a branch is prepared in the session, or is about to be. */
  get prepared(): boolean {
    return this.#prepared;
  }

  get wrote(): boolean {
    return this.#wrote;
  }

  async run(statements: string): Promise<StatementResult[]> {
    // Outside of the hold it would run in somebody else's transaction.
    if (this.#ended) throw new BranchLostError();
    const prepares = statements.includes("PREPARE TRANSACTION ");
    let prepared = false;
    if (prepares) this.#prepared = true;
    try {
      const results = await runOn(this.#transaction, statements);
      const command = results.at(-1)?.command;
      prepared = command === "PREPARE TRANSACTION";
      if (command === "COMMIT PREPARED" || command === "ROLLBACK PREPARED") this.#prepared = false;
      return results;
    } finally {
      if (prepares) this.#prepared = prepared;
      if (this.#released && !this.#prepared) this.#onReleased(this);
    }
  }

  closeClient(): void {
    this.#open = false;
  }

  /** Does nothing: a statement of PGlite occupies the thread until it is done. */
  cancel(): Promise<void> {
    return Promise.resolve();
  }

  /** Whatever state the session is in, ending the hold rolls it back. */
  release(): void {
    this.#released = true;
    this.#onReleased(this);
  }

  /** Ends the hold. */
  finish(): void {
    this.#open = false;
    this.#ended = true;
    this.#finished.resolve();
  }

  /** Looks at the command tags on their way to the application. */
  #watch(answer: unknown): unknown {
    if (!(answer instanceof Promise)) return answer;
    return answer.then((value) => {
      const results: PgliteResult[] = Array.isArray(value) ? value : [value];
      this.#wrote ||= results.some((one) => showsWriting(one?.command, one?.rowCount));
      return value;
    });
  }

  #guard(transaction: Queries): Queries {
    return new Proxy(transaction, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== "function") return value;
        if (property === "rollback") return refuseRollback;
        return (...parameters: unknown[]) => {
          if (!this.#open) {
            throw new TypeError(
              "Cannot use this client: its branch has ended, begin another transaction",
            );
          }
          return this.#watch(Reflect.apply(value, target, parameters));
        };
      },
    });
  }
}

function refuseRollback(): never {
  throw new TypeError(
    "Cannot roll back one branch: throw from the function, or roll back the whole transaction",
  );
}
