/**
 * Watches the connections of a postgres.js pool, and makes up for what the driver (3.4) does with lost ones.
 * All of it are open issues of the driver:
 *
 * - A connection that dies in the turn in which a statement was given to it never sends anything shorter
 *   than 1 KiB again, not even the message with which it would reconnect: the pool's slot hangs for ever. So
 *   that message is made longer, by a setting that has no meaning.
 * - Statements given to a connection between its error and its end are neither sent nor rejected, and get the
 *   answers to others when it is connected again; over TLS, the slot hangs for ever. So after an error that
 *   is not the server's, nothing is sent until its end must have come; and then each connection is told once
 *   more that it has ended.
 * - What a server says when it ends a session in which a statement runs is told again to the statement that
 *   connects anew, which is not sent at all. So it is sent once more.
 * - Without fetching types, a `reserve` that connects is never answered, and the connection is gone for ever.
 *   So a plain statement connects in its place.
 *
 * @module
 */

import type { Clock } from "../../platform/clock.ts";
import { answerInTime } from "./answer_limit.ts";
import { sqlStateOf } from "./answers.ts";
import { type ReservedPostgresSql, resultsOf, type UnsafeSql } from "./postgres_statements.ts";
import type { StatementResult } from "./session.ts";

/** What is used of a postgres.js client: the result of calling its default export. */
export interface PostgresSql<Reserved extends ReservedPostgresSql> extends UnsafeSql {
  /** Takes a connection out of the pool. */
  reserve(): Promise<Reserved>;
}

/** What is used of a connection of the driver, which its query option `onexecute` hands out. */
export interface PoolConnection {
  /** The driver's number of it. */
  readonly id: number;
  /** Is called when it has closed, before the pool is told. */
  onclose?: ((error: unknown) => void) | null;
  /** Connects it for what waits, a query or a `reserve`. */
  connect(waiting: unknown): void;
  /** Ends it, and rejects every statement that it has; these also if it has ended already. */
  terminate(): void;
}

interface PoolOptions {
  max?: unknown;
  fetch_types?: unknown;
  connection?: Record<string, unknown>;
  onclose?: (id: number) => void;
}

/** The driver writes a message of this length at once, whatever state it believes to be in. */
const PADDING = "x".repeat(1024);

/** More connections than this are not reckoned with. */
const MOST = 100;

/** What a server says to a session that it ends: SQLSTATEs that nobody is answered who connects. */
const LAST_WORDS: ReadonlySet<unknown> = new Set(["25P03", "25P04", "57P01", "57P02", "57P05"]);

/** The connections of one pool. */
export class PostgresConnections {
  readonly #sql: UnsafeSql;
  readonly #used = new Map<number, PoolConnection>();
  /** Numbers of those that were closed and have not answered since. */
  readonly #closed = new Set<number>();
  readonly #waiting = new Set<() => void>();
  readonly #fetchesTypes: boolean;
  #answered = false;
  #dying: Promise<void> | null = null;

  /** How many there are at most. */
  readonly max: number = 10;

  /**
   * Begins to watch.
   *
   * @param sql The pool's client.
   * @param padded Whether the message that opens a connection is made longer.
   */
  constructor(sql: UnsafeSql, padded: boolean) {
    this.#sql = sql;
    const options = (sql as { options?: PoolOptions }).options;
    // Connections of a client that cannot be watched are never known to be whole.
    this.#fetchesTypes = typeof options === "object" && options.fetch_types !== false;
    if (typeof options !== "object") return;
    if (typeof options.max === "number") this.max = Math.min(options.max, MOST);
    if (padded) options.connection = { ...options.connection, "indoubt.padding": PADDING };
    const { onclose } = options;
    options.onclose = (id) => {
      this.#lose(id);
      onclose?.(id);
    };
  }

  /** Whether, as far as anybody knows, no connection is lost, so that `reserve` alone may be used. */
  get whole(): boolean {
    return this.#fetchesTypes && this.#answered && this.#closed.size === 0;
  }

  /** Hears that a statement is given to a connection. */
  use(connection: PoolConnection): void {
    if (this.#used.has(connection.id)) return;
    this.#used.set(connection.id, connection);
    if (!this.#fetchesTypes) this.#connectPlainly(connection);
  }

  /** Hears that a connection has answered: whatever there was before, it is whole. */
  answer({ id }: PoolConnection): void {
    this.#answered = true;
    this.#closed.delete(id);
  }

  /** Is awaited before anything is sent: resolves when no connection is between its error and its end. */
  get steady(): Promise<void> | null {
    return this.#dying;
  }

  /** Hears why a statement has failed. */
  fail(error: unknown): void {
    if (sqlStateOf(error) !== null) return;
    this.#dying ??= new Promise((resolve) =>
      setTimeout(() => {
        this.#dying = null;
        resolve();
      }, 0)
    );
  }

  /**
   * Calls back when the next connection closes.
   *
   * @param callback Is called at most once.
   */
  whenClosed(callback: () => void): void {
    this.#waiting.add(callback);
  }

  /**
   * Takes back what {@linkcode whenClosed} was given.
   *
   * @returns Whether it was not called.
   */
  forget(callback: () => void): boolean {
    return this.#waiting.delete(callback);
  }

  #lose(id: number): void {
    this.#closed.add(id);
    this.#used.get(id)?.terminate();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const tell of waiting) tell();
  }

  #connectPlainly(connection: PoolConnection): void {
    const connect = connection.connect;
    connection.connect = (waiting) => {
      if (!isReservation(waiting)) return connect(waiting);
      const query = this.#sql.unsafe("SELECT 1") as unknown as { executed: boolean };
      // The connection is its only way, not the pool's.
      query.executed = true;
      (query as unknown as Promise<unknown>).catch(waiting.reject);
      connect(query);
    };
  }
}

function isReservation(waiting: unknown): waiting is { reject(error: unknown): void } {
  return typeof waiting === "object" && waiting !== null && "reserve" in waiting;
}

/**
 * Runs statements on any connection of a pool. One that does not answer in time is ended, unless it is busy
 * with somebody else's statement, behind which the driver has sent this one.
 *
 * @param sql The pool's client.
 * @param connections Hear of their use.
 * @param clock Limits the waiting.
 * @param statements The text.
 * @param again How often it is sent again if it was rejected unsent: each lost connection does that once.
 * @returns One result for each.
 * @throws {NoAnswerError} If there is no answer in time.
 */
export async function runWatched(
  sql: UnsafeSql,
  connections: PostgresConnections,
  clock: Clock,
  statements: string,
  again: number = connections.max,
): Promise<StatementResult[]> {
  for (let left = again;; left--) {
    let used: PoolConnection | null = null;
    const onexecute = (connection: PoolConnection) => {
      used = connection;
      connections.use(connection);
      return true;
    };
    if (connections.steady !== null) await connections.steady;
    const pending = sql.unsafe(statements, [], { onexecute });
    const giveUp = () => {
      if (pending.active === true) (used as PoolConnection | null)?.terminate();
    };
    try {
      const results = await answerInTime(clock, resultsOf(pending), giveUp);
      if (used !== null) connections.answer(used);
      return results;
    } catch (error) {
      connections.fail(error);
      const wasSent = used !== null;
      if (wasSent || left <= 0 || !LAST_WORDS.has((error as { code?: unknown }).code)) throw error;
    }
  }
}
