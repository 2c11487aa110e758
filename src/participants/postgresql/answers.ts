/**
 * What PostgreSQL's answers mean for a branch: one table of SQLSTATEs, looked up here and nowhere else.
 *
 * An error counts as PostgreSQL's own only if it carries a severity and a five-letter SQLSTATE; with
 * severity FATAL or PANIC the session ended, and what became of the statement is not known. Everything
 * else (a connection reset, a driver's own error) is no answer at all. And a state counts as a no to
 * PREPARE or COMMIT only if it can come from nobody but PostgreSQL: a pooler that loses its server after it has
 * passed the statement on answers with a severity and a state, too.
 *
 * @module
 */

import {
  BranchEndedError,
  BranchLostError,
  ParticipantConfigurationError,
  ParticipantIdentityError,
} from "../../coordinator/errors.ts";
import type { SettleAnswer, VoteAnswer } from "../../coordinator/participant.ts";
import { someCause } from "../../coordinator/causes.ts";

/** What one SQLSTATE means. */
export interface StateMeaning {
  /** PostgreSQL's name for it, and when it comes. */
  readonly name: string;
  /**
   * As an answer to PREPARE TRANSACTION or COMMIT: refused for good, refused but the same transaction
   * begun again may succeed, or not known, since somebody between us and PostgreSQL says it.
   */
  readonly vote: "no" | "again" | "unknown";
  /** As an answer to COMMIT PREPARED or ROLLBACK PREPARED; see {@linkcode SettleAnswer}. */
  readonly settling: "absent" | "later" | "operator";
  /** Whether another server or database may be answering than the one that prepared. */
  readonly suspect?: boolean;
}

/** What each SQLSTATE means that PostgreSQL is known to answer. */
export const STATES: Readonly<Record<string, StateMeaning>> = {
  "0A000": {
    name: "feature_not_supported: what cannot be prepared; settling: another database's branch",
    vote: "no",
    settling: "operator",
    suspect: true,
  },
  "22023": {
    name: "invalid_parameter_value: no name of a prepared transaction",
    vote: "no",
    settling: "operator",
  },
  "23503": { name: "foreign_key_violation, deferred", vote: "no", settling: "later" },
  "23505": { name: "unique_violation, deferred", vote: "no", settling: "later" },
  "25001": { name: "active_sql_transaction", vote: "no", settling: "later" },
  "25006": {
    name: "read_only_sql_transaction: a standby answers, after a failover",
    vote: "no",
    settling: "later",
    suspect: true,
  },
  "25P01": { name: "no_active_sql_transaction", vote: "no", settling: "later" },
  "25P02": { name: "in_failed_sql_transaction", vote: "no", settling: "later" },
  "25P03": {
    name: "idle_in_transaction_session_timeout, from a pooler",
    vote: "unknown",
    settling: "later",
  },
  "25P04": { name: "transaction_timeout, from a pooler", vote: "unknown", settling: "later" },
  "40001": { name: "serialization_failure", vote: "again", settling: "later" },
  "40003": { name: "statement_completion_unknown", vote: "unknown", settling: "later" },
  "40P01": { name: "deadlock_detected", vote: "again", settling: "later" },
  "42501": {
    name: "insufficient_privilege; settling: another role prepared it",
    vote: "no",
    settling: "operator",
  },
  "42704": {
    name: "undefined_object; settling: no such prepared transaction",
    vote: "no",
    settling: "absent",
  },
  "42710": { name: "duplicate_object: the gid is taken", vote: "no", settling: "later" },
  "53100": { name: "disk_full", vote: "no", settling: "later" },
  "53200": {
    name: "out_of_memory: also that max_prepared_transactions is reached",
    vote: "again",
    settling: "later",
  },
  "53300": { name: "too_many_connections, from a pooler", vote: "unknown", settling: "later" },
  "55000": {
    name: "object_not_in_prerequisite_state: PREPARE is disabled; settling: busy",
    vote: "no",
    settling: "later",
  },
  "55P03": { name: "lock_not_available", vote: "again", settling: "later" },
  "57014": {
    name: "query_canceled: statement_timeout and the like",
    vote: "again",
    settling: "later",
  },
  "57P01": { name: "admin_shutdown, from a pooler", vote: "unknown", settling: "later" },
  "57P02": { name: "crash_shutdown, from a pooler", vote: "unknown", settling: "later" },
  "57P03": { name: "cannot_connect_now, from a pooler", vote: "unknown", settling: "later" },
  "57P05": { name: "idle_session_timeout, from a pooler", vote: "unknown", settling: "later" },
  "58000": {
    name: "system_error, from a pooler that has lost its server",
    vote: "unknown",
    settling: "later",
  },
};

/**
 * Classes of what a statement does wrong, and so a constraint or a trigger that PREPARE or COMMIT comes to:
 * nobody but PostgreSQL says that.
 */
const STATEMENTS = /^(?:09|0A|2[0-7BDF]|34|38|39|3B|3F|40|42|44|54|55|HV|P0)/;
/** A state of those classes that is not in the table: PostgreSQL said no, and may say yes later. */
const OTHER: StateMeaning = { name: "", vote: "no", settling: "later" };
/** Class 08, connection exceptions: a pooler speaks in PostgreSQL's place. */
const CONNECTION: StateMeaning = { name: "", vote: "unknown", settling: "later" };
/**
 * What is wrong with a server, its resources or its configuration, and what nobody knows: it may be a
 * pooler's word of what befell it after it had passed the statement on.
 */
const STRANGE: StateMeaning = { name: "", vote: "unknown", settling: "later" };

function meaningOf(state: string): StateMeaning {
  const known = STATES[state];
  if (known !== undefined) return known;
  if (state.startsWith("08")) return CONNECTION;
  return STATEMENTS.test(state) ? OTHER : STRANGE;
}

/** In PostgreSQL's own words: it is no error. */
const NO_ERRORS: ReadonlySet<string> = new Set(["DEBUG", "INFO", "LOG", "NOTICE", "WARNING"]);
/** In PostgreSQL's own words: the session has ended. */
const ENDS: ReadonlySet<string> = new Set(["FATAL", "PANIC"]);

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
  if (severity === "ERROR") return code;
  if (typeof severity !== "string" || NO_ERRORS.has(severity) || ENDS.has(severity)) return null;
  // node-postgres gives the severity in the server's language. None of these comes with FATAL to a vote.
  return code in STATES && STATES[code]?.vote !== "unknown" ? code : null;
}

/** An answer to a vote that is no yes. */
export type NoVote = Exclude<VoteAnswer, { readonly kind: "done" }>;

/**
 * What an error means as an answer to PREPARE TRANSACTION or COMMIT.
 *
 * @param error What the session threw.
 * @returns Refused if PostgreSQL said so or was never asked, unknown otherwise.
 */
export function voteOf(error: unknown): NoVote {
  if (error instanceof BranchLostError) return { kind: "refused", error, retryable: true };
  const state = sqlStateOf(error);
  const vote = state === null ? "unknown" : meaningOf(state).vote;
  if (vote === "unknown") return { kind: "unknown", error };
  return { kind: "refused", error, retryable: vote === "again" };
}

/**
 * What an error means as an answer to COMMIT PREPARED or ROLLBACK PREPARED.
 *
 * @param error What the driver threw.
 * @returns The answer; later for everything that is not in the table.
 */
export function settleAnswerOf(error: unknown): SettleAnswer {
  const state = sqlStateOf(error);
  if (state === null) return { kind: "later", error };
  const { settling: kind, suspect } = meaningOf(state);
  if (kind === "absent") return { kind };
  return suspect === true ? { kind, error, suspect } : { kind, error };
}

/**
 * What an error means before PREPARE or COMMIT was sent: if the session is gone, the database rolls back
 * what was done in it, and nothing is in doubt.
 *
 * @param error What the session threw.
 * @returns A {@linkcode BranchLostError} in the place of an error that is no answer of PostgreSQL's, and
 * every other as it was.
 */
export function beforeVote(error: unknown): unknown {
  const isOther = error instanceof TypeError || error instanceof RangeError ||
    error instanceof BranchEndedError || error instanceof ParticipantConfigurationError ||
    error instanceof ParticipantIdentityError;
  const state = sqlStateOf(error);
  const isAnswer = state !== null && meaningOf(state) === STRANGE;
  if (isOther || isAnswer || voteOf(error).kind !== "unknown") return error;
  return new BranchLostError({ cause: error });
}

/** Codes that postgres.js, node-postgres and the runtime give to a connection that broke or never came. */
const LOSS_CODES: ReadonlySet<unknown> = new Set([
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECT_TIMEOUT",
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EAI_AGAIN",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETRESET",
  "ENETUNREACH",
  "EPIPE",
  "ETIMEDOUT",
]);

/** SQLSTATEs with which a server ends a session, or does not begin one, and that say nothing of the next. */
const LOST_SESSIONS = /^(?:08|53|57P|25P0[34])/;

/** What node-postgres says then; it gives no code. */
const LOSS_MESSAGES = /^(?:Connection terminated|Client has encountered a connection error)/;

/**
 * Whether an error before PREPARE means that the same transaction, begun again, may succeed; also one that
 * a library above the driver has wrapped.
 *
 * @param error What the application or a branch got.
 * @returns True for a conflict with another transaction and for a lost connection.
 */
export function isRetryable(error: unknown): boolean {
  return someCause(error, meansTryAgain);
}

function meansAgain(meaning: StateMeaning): boolean {
  return meaning.vote === "again" || (meaning.vote === "unknown" && meaning !== STRANGE);
}

function meansTryAgain(error: Error & { code?: unknown; severity?: unknown }): boolean {
  if (error instanceof BranchLostError || LOSS_CODES.has(error.code)) return true;
  const state = sqlStateOf(error);
  if (state !== null) return meansAgain(meaningOf(state));
  const { code, severity } = error;
  if (typeof severity === "string" && !NO_ERRORS.has(severity)) {
    // The session has ended, by whatever name in the server's language; what is wrong with the connection
    // itself stays wrong (28P01, 3D000).
    return LOST_SESSIONS.test(String(code));
  }
  return LOSS_MESSAGES.test(error.message);
}
