/**
 * The client that the application works with inside a branch: mysql2's own connection, which refuses every
 * statement once the branch has ended, and whatever would end the branch or give the connection away.
 *
 * The guard also sees the answers: whether rows were changed, to which database the session has gone, and whether
 * a statement is still under way.
 *
 * @module
 */

import type { Mysql2Queries } from "./mysql2_statements.ts";
import { databaseIn, saysChanged } from "./mysql2_statements.ts";

/** What the application must leave to the coordinator, with what to do instead. */
const REFUSED: Readonly<Record<PropertyKey, string>> = {
  beginTransaction: "begin a transaction in a branch: the branch is in one already",
  commit: "commit one branch: return from the function, or commit the whole transaction",
  rollback: "roll back one branch: throw from the function, or roll back the whole transaction",
  changeUser: "change the user of a branch's connection: give the coordinator a pool of that user",
  reset: "reset a branch's connection: that would roll the branch back",
  release: "release a branch's connection: it is given back when the transaction has ended",
  destroy: "destroy a branch's connection: roll back the transaction instead",
  close: "close a branch's connection: roll back the transaction instead",
  end: "end a branch's connection: it is given back when the transaction has ended",
  [Symbol.asyncDispose]:
    "dispose of a branch's connection: it is given back when the transaction has ended",
};

/** The connection below, with callbacks, would go around the guard. */
const HIDDEN = "connection";

/** Stands between the application and a connection. */
export class ConnectionGuard<Connection extends Mysql2Queries> {
  readonly #gone = Promise.withResolvers<never>();
  #open = true;
  #underWay = 0;
  #changed = false;
  #movedTo: string | null = null;

  /** The application's client. */
  readonly client: Connection;

  /**
   * Guards a connection.
   *
   * @param connection The connection.
   */
  constructor(connection: Connection) {
    this.#gone.promise.catch(() => {});
    this.client = this.#guard(connection);
  }

  /** Whether a statement of the application was answered with changed rows. */
  get changed(): boolean {
    return this.#changed;
  }

  /** The database that an answer to the application has named last as the session's new one; `null` if none did. */
  get movedTo(): string | null {
    return this.#movedTo;
  }

  /** How many statements are not answered. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Refuses every further statement. */
  close(): void {
    this.#open = false;
  }

  /**
   * Refuses every further statement and ends the waiting for those under way: mysql2 does not, after the
   * connection was destroyed.
   *
   * @param error Why.
   */
  lose(error: Error): void {
    this.#open = false;
    this.#gone.reject(error);
  }

  /**
   * Waits for an answer, as long as the connection is there.
   *
   * @param answer The driver's promise.
   * @returns The same answer.
   */
  async watch<Answer>(answer: Promise<Answer>): Promise<Answer> {
    this.#underWay++;
    answer.catch(() => {});
    try {
      return await Promise.race([answer, this.#gone.promise]);
    } finally {
      this.#underWay--;
    }
  }

  #guard<Target extends object>(target: Target): Target {
    return new Proxy(target, {
      get: (target, property) => {
        const refusal = isStatement(target) ? undefined : REFUSED[property];
        if (refusal !== undefined && property in target) {
          return () => {
            throw new TypeError(`Cannot ${refusal}`);
          };
        }
        if (property === HIDDEN && property in target) {
          throw new TypeError(
            "Cannot use the connection below a branch's client: its statements could not be refused " +
              "after the branch's end, use the client's own methods",
          );
        }
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== "function") return value;
        if (isStatement(target) && property === "close") return value.bind(target);
        return (...parameters: unknown[]) => this.#call(target, value, parameters);
      },
    });
  }

  #call(target: object, method: CallableFunction, parameters: unknown[]): unknown {
    if (!this.#open) {
      throw new TypeError(
        "Cannot use this client: its branch has ended, begin another transaction",
      );
    }
    const answer: unknown = Reflect.apply(method, target, parameters);
    if (answer === target) return this.client;
    return answer instanceof Promise ? this.#note(answer) : answer;
  }

  async #note(answer: Promise<unknown>): Promise<unknown> {
    const value = await this.watch(answer);
    if (isStatement(value)) return this.#guard(value);
    if (Array.isArray(value)) {
      if (saysChanged(value[0])) this.#changed = true;
      this.#movedTo = databaseIn(value[0]) ?? this.#movedTo;
    }
    return value;
  }
}

/** A prepared statement of mysql2, which may be closed at any time. */
function isStatement(value: unknown): value is object {
  return typeof value === "object" && value !== null && "execute" in value &&
    !("query" in value);
}
