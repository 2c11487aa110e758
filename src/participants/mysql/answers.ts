/**
 * What the answers of MariaDB and MySQL mean for a branch: one table of error numbers, looked up here and
 * nowhere else.
 *
 * An error counts as the server's own only if it carries a number and a five-letter SQLSTATE, and does not
 * say that the session is being ended: then what became of the statement is not known. Everything
 * else (a connection reset, a driver's own error) is no answer at all.
 *
 * @module
 */

import {
  BranchEndedError,
  BranchLostError,
  ParticipantConfigurationError,
  ParticipantIdentityError,
} from "../../coordinator/errors.ts";
import { someCause } from "../../coordinator/causes.ts";

/** What one error number means. */
export interface NumberMeaning {
  /** The server's name for it, and when it comes. */
  readonly name: string;
  /**
   * About a branch before its vote and at it: no for good, no but the same transaction begun again may
   * succeed, or not known.
   */
  readonly vote: "no" | "again" | "unknown";
  /**
   * About a prepared branch: `nothing` if the server had nothing to end under a name that it has now
   * forgotten; `ask` if it may know the branch all the same; otherwise as in {@linkcode SettleAnswer}.
   */
  readonly settling: "nothing" | "ask" | "later" | "operator";
  /**
   * Whether the statement was refused as such, before it did anything, and the roll-back behind it may be, too: then
   * the end of the session rolls back.
   */
  readonly undone?: boolean;
  /** Whether another server may be answering than the one that prepared, or in another place. */
  readonly suspect?: boolean;
}

function sessionEnds(name: string): NumberMeaning {
  return { name, vote: "unknown", settling: "later" };
}

function conflict(name: string): NumberMeaning {
  return { name, vote: "again", settling: "later" };
}

function forbidden(name: string): NumberMeaning {
  return { name, vote: "no", settling: "operator" };
}

function readOnly(name: string): NumberMeaning {
  return { name, vote: "no", settling: "later", undone: true, suspect: true };
}

/** What each error number means that the servers are known to answer. */
export const NUMBERS: Readonly<Record<number, NumberMeaning>> = {
  1020: conflict("ER_CHECKREAD, MariaDB: a snapshot is out of date, the branch is rolled back"),
  1040: sessionEnds("ER_CON_COUNT_ERROR, at connecting"),
  1053: sessionEnds("ER_SERVER_SHUTDOWN"),
  1080: sessionEnds("ER_FORCING_CLOSE"),
  1142: forbidden("ER_TABLEACCESS_DENIED_ERROR"),
  1143: forbidden("ER_COLUMNACCESS_DENIED_ERROR"),
  1152: sessionEnds("ER_ABORTING_CONNECTION"),
  1158: sessionEnds("ER_NET_READ_ERROR"),
  1159: sessionEnds("ER_NET_READ_INTERRUPTED"),
  1160: sessionEnds("ER_NET_ERROR_ON_WRITE"),
  1161: sessionEnds("ER_NET_WRITE_INTERRUPTED"),
  1184: sessionEnds("ER_NEW_ABORTING_CONNECTION"),
  1205: {
    ...conflict(
      "ER_LOCK_WAIT_TIMEOUT, and MariaDB's NOWAIT; voting: nobody may commit, for a backup",
    ),
    undone: true,
  },
  1213: conflict("ER_LOCK_DEADLOCK: the branch is rolled back"),
  1227: forbidden("ER_SPECIFIC_ACCESS_DENIED_ERROR"),
  1290: readOnly("ER_OPTION_PREVENTS_STATEMENT: a read-only server, after a failover"),
  1317: conflict("ER_QUERY_INTERRUPTED: KILL QUERY"),
  1397: { name: "ER_XAER_NOTA: no such branch, or another session's", vote: "no", settling: "ask" },
  1398: { name: "ER_XAER_INVAL: ONE PHASE without a branch", vote: "no", settling: "later" },
  1399: { name: "ER_XAER_RMFAIL: not in this state", vote: "no", settling: "later" },
  1400: { name: "ER_XAER_OUTSIDE: in another transaction", vote: "no", settling: "later" },
  1401: forbidden("ER_XAER_RMERR: MySQL's XA RECOVER without XA_RECOVER_ADMIN"),
  1402: {
    name: "ER_XA_RBROLLBACK: rolled back; settling: it had changed nothing",
    vote: "no",
    settling: "nothing",
  },
  1440: conflict("ER_XAER_DUPID: another transaction has another gid"),
  1613: { name: "ER_XA_RBTIMEOUT: rolled back", vote: "again", settling: "nothing" },
  1614: { name: "ER_XA_RBDEADLOCK: rolled back", vote: "again", settling: "nothing" },
  1836: readOnly("ER_READ_ONLY_MODE"),
  1927: sessionEnds("ER_CONNECTION_KILLED, MariaDB"),
  1969: conflict("ER_STATEMENT_TIMEOUT, MariaDB"),
  3024: conflict("ER_QUERY_TIMEOUT, MySQL"),
  3169: sessionEnds("ER_SESSION_WAS_KILLED, MySQL"),
  3572: conflict("ER_LOCK_NOWAIT, MySQL"),
  4031: sessionEnds("ER_CLIENT_INTERACTION_TIMEOUT, MySQL"),
};

/** A number that is not in the table: the server said no, and may say yes later. */
const OTHER: NumberMeaning = { name: "", vote: "no", settling: "later" };

/**
 * The number of an error with which the server answered a statement.
 *
 * @param error What the driver threw.
 * @returns The number, or `null` if the server did not answer.
 */
export function errorNumberOf(error: unknown): number | null {
  const number = sentNumberOf(error);
  return number === null || NUMBERS[number]?.vote === "unknown" ? null : number;
}

/** The same, also where the server says that it ends the session. */
function sentNumberOf(error: unknown): number | null {
  if (typeof error !== "object" || error === null) return null;
  const { errno, sqlState } = error as { errno?: unknown; sqlState?: unknown };
  if (typeof errno !== "number" || typeof sqlState !== "string") return null;
  return /^[0-9A-Z]{5}$/.test(sqlState) ? errno : null;
}

/**
 * What an error with which the server answered means.
 *
 * @param error What the driver threw.
 * @returns The meaning; `null` if the server did not answer.
 */
export function meaningOf(error: unknown): NumberMeaning | null {
  const number = errorNumberOf(error);
  return number === null ? null : NUMBERS[number] ?? OTHER;
}

/**
 * Whether the server answered that somebody else holds the row.
 *
 * @param error What the driver threw.
 * @returns True for a lock that could not be had at once or in time.
 */
export function saysLocked(error: unknown): boolean {
  const number = errorNumberOf(error);
  return number === 1205 || number === 3572;
}

/**
 * What an error means before PREPARE or COMMIT was sent: if the session is gone, the database rolls back
 * what was done in it, and nothing is in doubt.
 *
 * @param error What the session threw.
 * @returns A {@linkcode BranchLostError} in the place of an error that is no answer of the server's, and
 * every other as it was.
 */
export function beforeVote(error: unknown): unknown {
  const isOther = OWN_ERRORS.some((kind) => error instanceof kind);
  return isOther || errorNumberOf(error) !== null ? error : new BranchLostError({ cause: error });
}

/** Errors that this library throws itself, whatever became of the session. */
const OWN_ERRORS = [
  BranchEndedError,
  BranchLostError,
  ParticipantConfigurationError,
  ParticipantIdentityError,
  RangeError,
  TypeError,
];

/** Codes that mysql2 and the runtime give to a connection that broke or never came. */
const LOSS_CODES: ReadonlySet<unknown> = new Set([
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "PROTOCOL_CONNECTION_LOST",
]);

/** What mysql2 says of a connection that is lost already; it gives no code. */
const LOSS_MESSAGE = /^Can't add new command when connection is in closed state/;

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

function meansTryAgain(error: Error & { code?: unknown }): boolean {
  if (error instanceof BranchLostError || LOSS_CODES.has(error.code)) return true;
  const number = sentNumberOf(error);
  if (number === null) return LOSS_MESSAGE.test(error.message);
  // A branch that a deadlock or a lock's timeout has rolled back answers so to every later statement, and
  // nothing else brings it there. Names of states are not translated.
  if (number === 1399) return error.message.includes("ROLLBACK ONLY");
  return (NUMBERS[number] ?? OTHER).vote !== "no";
}
