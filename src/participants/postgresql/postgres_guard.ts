/**
 * The client that the application works with inside a branch: the reserved connection's own, which refuses
 * every statement once the branch has ended.
 *
 * A query of postgres.js is sent when it is awaited, not when it is made. So the guard stands where a query
 * is sent (its `handler`): one made in the branch and awaited after its end is refused too. The guard also
 * knows which queries are under way, to cancel them over a connection of their own, to end their waiting
 * when the connection is lost, and to see from their command tags whether the branch wrote.
 *
 * @module
 */

import type { PostgresConnections } from "./postgres_connections.ts";
import type { ReservedPostgresSql } from "./postgres_statements.ts";
import { showsWriting } from "./tags.ts";

/** What the guard uses of a query of postgres.js. */
interface Query {
  handler(query: Query): unknown;
  resolve(value: unknown): unknown;
  reject(error: unknown): unknown;
  canceller: ((query: Query) => unknown) | null;
  /** Whether the server is at it; another one that was sent comes behind that. */
  readonly active: boolean;
  /** Rows of a step; a cursor has it, and no other query. */
  readonly cursorRows?: unknown;
}

/** Stands between the application and a reserved connection. */
export class QueryGuard<Reserved extends ReservedPostgresSql> {
  readonly #connections: PostgresConnections;
  readonly #underWay = new Set<Query>();
  /** Makes the error with which everything is refused; made when it is needed, since most branches never do. */
  #refusal: (() => Error) | null = null;
  #wrote = false;

  /** The application's client. */
  readonly client: Reserved;

  /**
   * Guards a connection.
   *
   * @param reserved The connection.
   * @param connections Hear what fails, and say when nothing can be sent.
   */
  constructor(reserved: Reserved, connections: PostgresConnections) {
    this.#connections = connections;
    this.client = new Proxy(reserved, {
      apply: (target, self, parameters) => {
        this.#assertOpen();
        return this.#watch(
          Reflect.apply(target as unknown as CallableFunction, self, parameters),
        );
      },
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property);
        if (property === "release") return refuseRelease;
        if (typeof value !== "function") return value;
        return (...parameters: unknown[]) => {
          this.#assertOpen();
          return this.#watch(Reflect.apply(value, target, parameters));
        };
      },
    });
  }

  /** Whether a command tag has shown that a statement wrote. */
  get wrote(): boolean {
    return this.#wrote;
  }

  /** Refuses every further statement. */
  close(): void {
    this.#refusal ??= refuseUse;
  }

  /**
   * Refuses every further statement and ends the waiting for those under way.
   *
   * @param error Why.
   */
  lose(error: Error): void {
    this.#refusal ??= () => error;
    for (const query of [...this.#underWay]) query.reject(error);
  }

  /**
   * Asks the server, over another connection, to stop what it is doing. What comes behind that fails by itself,
   * and to cancel it too would confuse the driver's own order of answers.
   *
   * @returns Resolves when the server has taken the request, or cannot; never rejects.
   */
  async cancel(): Promise<void> {
    const query = [...this.#underWay].find(({ active }) => active);
    const canceller = query?.canceller ?? null;
    if (query === undefined || canceller === null) return;
    query.canceller = null;
    try {
      // Not by the query's own `cancel`, whose failure nobody could catch.
      await canceller(query);
    } catch {
      // The statement goes on; the session is ended if it lasts too long.
    }
  }

  #assertOpen(): void {
    if (this.#refusal !== null) throw this.#refusal();
  }

  #watch(value: unknown): unknown {
    if (!isQuery(value)) return value;
    const send = value.handler;
    const sendIfOpen = (query: Query) => {
      if (this.#refusal !== null) return query.reject(this.#refusal());
      this.#follow(query);
      return send(query);
    };
    value.handler = (query) => {
      const { steady } = this.#connections;
      return steady === null ? sendIfOpen(query) : steady.then(() => sendIfOpen(query));
    };
    return value;
  }

  #follow(query: Query): void {
    this.#underWay.add(query);
    if (query.cursorRows !== undefined) return this.#followSteps(query);
    const { resolve, reject } = query;
    query.resolve = (value) => {
      this.#onAnswer(query, value);
      return resolve(value);
    };
    query.reject = (error) => {
      this.#onError(query, error);
      return reject(error);
    };
  }

  /** A cursor sets `resolve` and `reject` anew for each of its steps, hence accessors. */
  #followSteps(query: Query): void {
    let { resolve, reject } = query;
    Object.defineProperties(query, {
      resolve: {
        set: (next: Query["resolve"]) => resolve = next,
        get: () => (value: unknown) => {
          this.#onAnswer(query, value);
          return resolve(value);
        },
      },
      reject: {
        set: (next: Query["reject"]) => reject = next,
        get: () => (error: unknown) => {
          this.#onError(query, error);
          return reject(error);
        },
      },
    });
  }

  #onAnswer(query: Query, value: unknown): void {
    this.#underWay.delete(query);
    this.#wrote ||= resultsIn(value).some(({ command, count }) => showsWriting(command, count));
  }

  #onError(query: Query, error: unknown): void {
    this.#underWay.delete(query);
    this.#connections.fail(error);
  }
}

/** One statement gives a result, which is an array of rows; several give an array of results. */
function resultsIn(value: unknown): { command?: unknown; count?: unknown }[] {
  if (!Array.isArray(value)) return [];
  return "command" in value
    ? [value]
    : value.filter((one) => Array.isArray(one) && "command" in one);
}

function isQuery(value: unknown): value is Query {
  return typeof value === "object" && value !== null && "handler" in value &&
    typeof value.handler === "function" && "reject" in value;
}

function refuseUse(): Error {
  return new TypeError("Cannot use this client: its branch has ended, begin another transaction");
}

function refuseRelease(): never {
  throw new TypeError(
    "Cannot release a branch's connection: it is given back when the transaction has ended",
  );
}
