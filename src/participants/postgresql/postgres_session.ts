/**
 * A reserved connection of postgres.js as a session.
 *
 * Two things are needed that postgres.js does not offer by name. Rows as PostgreSQL's own text: `raw()`,
 * which no type or transform of the application touches. And word of a lost connection: after a loss the
 * pool gives the same object a new connection, on which a later statement would run outside of the
 * transaction. postgres.js's own `begin` hears of the loss through the query option `onexecute`, which
 * hands out the connection, and the connection's `onclose`; so does this. A driver that does not call
 * `onexecute` is refused when a branch begins.
 *
 * @module
 */

import type { PostgresqlSession, StatementResult } from "./session.ts";

/** A statement that was given to postgres.js, not yet awaited. */
export interface PendingStatement {
  /** Asks for rows as bytes. */
  raw(): PromiseLike<unknown>;
}

/** The part of a postgres.js client that runs statements from text. */
export interface UnsafeSql {
  /** Runs a text as it is. */
  // deno-lint-ignore no-explicit-any -- the driver's own type has private option types here
  unsafe(query: string, parameters?: any[], options?: any): PendingStatement;
}

/** What is used of a reserved connection of postgres.js. */
export interface ReservedPostgresSql extends UnsafeSql {
  /** Gives the connection back to the pool. */
  release(): void;
}

interface RawResult extends Iterable<readonly (Uint8Array | null)[]> {
  readonly command: string;
  readonly state?: { readonly pid: number };
}

interface Connection {
  onclose?: ((error: unknown) => void) | null;
}

function toText(result: RawResult): StatementResult {
  const decoder = new TextDecoder();
  return {
    command: result.command,
    rows: Array.from(
      result,
      (row) => Array.from(row, (value) => value === null ? null : decoder.decode(value)),
    ),
  };
}

function asResults(answer: unknown): RawResult[] {
  // Of several statements the driver gives an array of results, of one the result, itself an array.
  const several = Array.isArray(answer) && !("command" in answer);
  return (several ? answer : [answer]) as RawResult[];
}

/**
 * Runs statements on a client and gives back PostgreSQL's own words.
 *
 * @param sql The client.
 * @param statements The text.
 * @returns One result for each statement.
 */
export async function runOn(sql: UnsafeSql, statements: string): Promise<StatementResult[]> {
  return asResults(await sql.unsafe(statements).raw()).map(toText);
}

/** A reserved connection, for one branch. */
export class PostgresJsSession<Reserved extends ReservedPostgresSql>
  implements PostgresqlSession<Reserved> {
  readonly #pool: UnsafeSql;
  readonly #reserved: Reserved;
  readonly #client: Reserved;
  #open = true;
  #connection: Connection | null = null;
  #lost = false;
  #released = false;
  #pid: number | null = null;
  #underWay = 0;

  /** BEGIN is the branch's to send. */
  readonly begun = false;

  /**
   * Takes over a connection.
   *
   * @param pool The client that the connection belongs to.
   * @param reserved The connection.
   */
  constructor(pool: UnsafeSql, reserved: Reserved) {
    this.#pool = pool;
    this.#reserved = reserved;
    this.#client = this.#guard(reserved);
  }

  get client(): Reserved {
    return this.#client;
  }

  get lost(): boolean {
    return this.#lost;
  }

  async run(statements: string): Promise<StatementResult[]> {
    this.#assertConnected();
    this.#underWay++;
    try {
      const options = this.#connection === null ? { onexecute: this.#watch } : {};
      const results = asResults(await this.#reserved.unsafe(statements, [], options).raw());
      if (this.#connection === null) {
        throw new TypeError(
          "Cannot watch the connection: this postgres.js does not call onexecute, use postgres@3",
        );
      }
      this.#pid ??= results[0]?.state?.pid ?? null;
      return results.map(toText);
    } finally {
      this.#underWay--;
      if (this.#released && this.#underWay === 0) this.#giveBack();
    }
  }

  closeClient(): void {
    this.#open = false;
  }

  async cancel(): Promise<void> {
    if (this.#pid === null || this.#lost) return;
    try {
      await runOn(this.#pool, `SELECT pg_cancel_backend(${this.#pid})`);
    } catch {
      // The roll-back that waits behind it has a limit of its own.
    }
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    if (this.#underWay === 0) this.#giveBack();
  }

  readonly #watch = (connection: Connection): boolean => {
    this.#connection = connection;
    connection.onclose = () => {
      this.#lost = true;
      this.#open = false;
    };
    return true;
  };

  #giveBack(): void {
    // A lost connection is the pool's again already; giving it back would hand it out while it is closed.
    if (this.#lost) return;
    if (this.#connection !== null) this.#connection.onclose = null;
    this.#reserved.release();
  }

  #assertConnected(): void {
    if (this.#lost) throw new Error("Cannot run a statement: the branch's connection was lost");
  }

  #assertOpen(): void {
    this.#assertConnected();
    if (!this.#open) {
      throw new TypeError(
        "Cannot use this client: its branch has ended, begin another transaction",
      );
    }
  }

  #guard(reserved: Reserved): Reserved {
    return new Proxy(reserved, {
      apply: (target, self, parameters) => {
        this.#assertOpen();
        return Reflect.apply(target as unknown as CallableFunction, self, parameters);
      },
      get: (target, property) => {
        if (property === "release") return refuseRelease;
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== "function") return value;
        return (...parameters: unknown[]) => {
          this.#assertOpen();
          return Reflect.apply(value, target, parameters);
        };
      },
    });
  }
}

function refuseRelease(): never {
  throw new TypeError(
    "Cannot release a branch's connection: it is given back when the transaction has ended",
  );
}
