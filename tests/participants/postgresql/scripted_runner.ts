/**
 * A session that answers from a script, for what a real PostgreSQL cannot be brought to say.
 *
 * @module
 */

import type {
  PostgresqlSession,
  StatementResult,
} from "../../../src/participants/postgresql/session.ts";

/** What is answered to a text: one row, a whole result or several, or an error. */
export type Answer =
  | readonly (string | null)[]
  | StatementResult
  | { readonly results: readonly StatementResult[] }
  | Error;

/** An error as a driver makes it of PostgreSQL's. */
export function answered(code: string, severity = "ERROR"): Error {
  return Object.assign(new Error(code), { code, severity });
}

/** Answers the first statement that holds a key of the script with the key's answer. */
export class ScriptedSession implements PostgresqlSession<string> {
  /** Every text that was run. */
  readonly ran: string[] = [];
  /** How the session was given back; `null` while it was not. */
  releasedClean: boolean | null = null;
  readonly client = "client";
  readonly begun = false;
  readonly wrote = false;

  /** Begins with a script, which may be changed between statements. */
  constructor(readonly script: Record<string, Answer>) {}

  run(text: string): Promise<StatementResult[]> {
    this.ran.push(text);
    const answer = Object.entries(this.script).find(([key]) => text.includes(key))?.[1];
    if (answer === undefined) throw new Error(`Nothing is written down for: ${text}`);
    if (answer instanceof Error) return Promise.reject(answer);
    if ("results" in answer) return Promise.resolve([...answer.results]);
    const result = "command" in answer ? answer : { command: "SELECT", rows: [answer] };
    return Promise.resolve([result]);
  }

  closeClient(): void {}

  cancel(): Promise<void> {
    return Promise.resolve();
  }

  release(clean: boolean): void {
    this.releasedClean = clean;
  }
}
