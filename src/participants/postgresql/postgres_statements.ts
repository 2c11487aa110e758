/**
 * Statements of the coordinator's own through postgres.js, with the answers in PostgreSQL's own text:
 * `raw()` gives bytes, which no type, column or value transform of the application's client touches.
 *
 * @module
 */

import { ParticipantConfigurationError } from "../../coordinator/errors.ts";
import type { StatementResult } from "./session.ts";

/** A statement that was given to postgres.js, not yet awaited. */
export interface PendingStatement {
  /** Asks for rows as bytes. */
  raw(): PromiseLike<unknown>;
  /** Whether its connection is at it; another one that was sent comes behind somebody else's. */
  readonly active?: boolean;
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

const utf8 = new TextDecoder();

function toText(value: unknown): string | null {
  if (value === null) return null;
  return value instanceof Uint8Array ? utf8.decode(value) : refuseTransform();
}

function refuseTransform(): never {
  throw new ParticipantConfigurationError(
    "",
    "its client has a transform of rows, which also changes what the coordinator reads, " +
      "give the coordinator a client without `transform.row`",
  );
}

/**
 * What PostgreSQL answered to one statement.
 *
 * @param result The driver's result.
 * @returns Tag and rows.
 */
export function toStatementResult(result: RawResult): StatementResult {
  const { command } = result;
  const rows = Array.from(result, (row: unknown) => {
    return Array.isArray(row) ? Array.from(row, toText) : refuseTransform();
  });
  return { command, rows };
}

/**
 * The driver's results.
 *
 * @param answer What awaiting a statement gave.
 * @returns One result for each statement of the text.
 */
export function asResults(answer: unknown): RawResult[] {
  // Of several statements the driver gives an array of results, of one the result, itself an array.
  const several = Array.isArray(answer) && !("command" in answer);
  return (several ? answer : [answer]) as RawResult[];
}

/**
 * Sends a statement and gives back PostgreSQL's own words.
 *
 * @param pending The statement.
 * @returns One result for each statement of its text.
 */
export async function resultsOf(pending: PendingStatement): Promise<StatementResult[]> {
  return asResults(await pending.raw()).map(toStatementResult);
}
