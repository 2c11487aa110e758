/**
 * A session that answers from a script, for what a real server cannot be brought to say.
 *
 * @module
 */

import type { MysqlResult, MysqlSession } from "../../../src/participants/mysql/session.ts";
import type { ServerSession } from "../../../src/participants/mysql/token.ts";

/** What is answered to a statement: rows, the number of changed rows, an error, or these in turn. */
export type Answer =
  | readonly (readonly (string | null)[])[]
  | number
  | Error
  | { readonly inTurn: Answer[] };

/** An error as mysql2 makes it of the server's. */
export function answered(errno: number, message = String(errno)): Error {
  return Object.assign(new Error(message), { errno, sqlState: "HY000", code: "ER" });
}

/** An error of mysql2's own. */
export function lost(): Error {
  return Object.assign(new Error("Connection lost"), { code: "PROTOCOL_CONNECTION_LOST" });
}

/** What is answered where a script says nothing: everything goes well, and nothing was written. */
const GOOD: Readonly<Record<string, Answer>> = {
  "SHOW SESSION STATUS": counters(0),
  "SET TRANSACTION": 0,
  "INSERT INTO": 1,
  "XA START": 0,
  "XA END": 0,
  "XA PREPARE": 0,
  "XA COMMIT": 0,
  "XA ROLLBACK": 0,
  "XA RECOVER": [],
};

/** The session's counters, of which one has this value. */
export function counters(writes: number): [string, string][] {
  return [["Handler_delete", "1"], ["Handler_update", "2"], ["Handler_write", String(writes)]];
}

/** Answers a statement with what stands under the first key that it begins with. */
export class ScriptedSession implements MysqlSession<string> {
  /** Every statement that was run. */
  readonly ran: string[] = [];
  /** How the session was given back; `null` while it was not. */
  releasedClean: boolean | null = null;
  /** Whether the client refuses use. */
  closed = false;
  wrote = false;
  /** Whether the server is seen to be rid of it when it is ended. */
  ending: Promise<boolean> = Promise.resolve(true);
  movedTo: string | null = null;
  readonly client = "client";
  readonly #script: Readonly<Record<string, Answer>>;

  /** Begins with a script, over one in which everything goes well. */
  constructor(script: Readonly<Record<string, Answer>> = {}) {
    this.#script = { ...script, ...GOOD, ...script };
  }

  run(text: string): Promise<MysqlResult> {
    this.ran.push(text);
    const answer = Object.entries(this.#script).find(([key]) => text.startsWith(key))?.[1];
    if (answer === undefined) throw new Error(`Nothing is written down for: ${text}`);
    return this.#give(answer);
  }

  identify(): Promise<ServerSession> {
    return Promise.resolve({ connection: "7", serverStart: 1000 });
  }

  closeClient(): void {
    this.closed = true;
  }

  interrupt(): Promise<void> {
    return Promise.resolve();
  }

  end(_gid: string): Promise<boolean> {
    this.ran.push("ended");
    return this.ending;
  }

  release(clean: boolean): void {
    this.releasedClean = clean;
  }

  #give(answer: Answer): Promise<MysqlResult> {
    if (answer instanceof Error) return Promise.reject(answer);
    if (typeof answer === "number") return Promise.resolve({ affectedRows: answer, rows: [] });
    if ("inTurn" in answer) {
      const next = answer.inTurn.length > 1 ? answer.inTurn.shift() : answer.inTurn[0];
      if (next === undefined) throw new Error("Nothing is left of what is answered in turn");
      return this.#give(next);
    }
    return Promise.resolve({ affectedRows: 0, rows: answer });
  }
}
