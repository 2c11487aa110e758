/**
 * Reading values out of PostgreSQL's answers: what is not as it must be is an error, never a guess.
 *
 * @module
 */

import type { StatementResult } from "./session.ts";

/**
 * The only row of the last result.
 *
 * @param results What PostgreSQL answered.
 * @returns The row.
 */
export function single(results: readonly StatementResult[]): readonly (string | null)[] {
  const row = results.at(-1)?.rows[0];
  if (row === undefined) throw new TypeError("Cannot read PostgreSQL's answer: it has no row");
  return row;
}

/**
 * A value that is never null.
 *
 * @param value The value.
 * @returns The same, as text.
 */
export function text(value: string | null | undefined): string {
  if (typeof value === "string") return value;
  throw new TypeError(`Cannot read PostgreSQL's answer: a value is ${value}, it must be text`);
}
