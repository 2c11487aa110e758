/**
 * What PostgreSQL's answers mean for a branch: one table of SQLSTATEs, looked up here and nowhere else.
 *
 * An error counts as PostgreSQL's own only if it carries a severity and a five-letter SQLSTATE; with
 * severity FATAL or PANIC the session ended, and what became of the statement is not known. Everything
 * else (a connection reset, a driver's own error) is no answer at all.
 *
 * @module
 */

import type { SettleAnswer, VoteAnswer } from "../../coordinator/participant.ts";

/** States after which the same transaction, begun again, may succeed. */
const RETRYABLE_STATES: ReadonlySet<string> = new Set([
  "40001", // serialization_failure
  "40P01", // deadlock_detected
  "53200", // out_of_memory: also "maximum number of prepared transactions reached"
  "55P03", // lock_not_available
  "57014", // query_canceled: statement_timeout and the like
]);

/** What a state means as an answer to COMMIT PREPARED or ROLLBACK PREPARED; others mean "later". */
const SETTLE_STATES: Readonly<Record<string, "absent" | "operator">> = {
  "42704": "absent", // undefined_object: no such prepared transaction
  "42501": "operator", // insufficient_privilege: another role prepared it
  "0A000": "operator", // feature_not_supported: it belongs to another database of this server
  "22023": "operator", // invalid_parameter_value: no name of a prepared transaction
};

/**
 * The SQLSTATE of an error with which PostgreSQL answered a statement.
 *
 * @param error What the driver threw.
 * @returns The state, or `null` if PostgreSQL did not answer.
 */
export function sqlStateOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null) return null;
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  if (typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code)) return null;
  return severity === "ERROR" ? code : null;
}

/**
 * What an error means as an answer to PREPARE TRANSACTION or COMMIT.
 *
 * @param error What the driver threw.
 * @returns Refused if PostgreSQL said so, unknown otherwise.
 */
export function voteOf(error: unknown): Exclude<VoteAnswer, { kind: "done" }> {
  const state = sqlStateOf(error);
  if (state === null) return { kind: "unknown", error };
  return { kind: "refused", error, retryable: RETRYABLE_STATES.has(state) };
}

/**
 * What an error means as an answer to COMMIT PREPARED or ROLLBACK PREPARED.
 *
 * @param error What the driver threw.
 * @returns The answer; later for everything that is not in the table.
 */
export function settleAnswerOf(error: unknown): SettleAnswer {
  const state = sqlStateOf(error);
  const kind = state === null ? undefined : SETTLE_STATES[state];
  if (kind === "absent") return { kind };
  return { kind: kind ?? "later", error };
}
