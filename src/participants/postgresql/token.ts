/**
 * By what the outcome of a transaction of PostgreSQL is asked later: its id, and where that means it.
 *
 * An id alone is not enough: PostgreSQL gives it to another transaction when the record of the first was lost.
 * A standby that is promoted before it has everything begins a new timeline, in which ids are given out anew;
 * so does a restored backup. And a server that crashes forgets the ids of transactions of which nothing had
 * reached its disk: those that were not prepared. When it starts again, it reads its log up to a place that no
 * earlier start has ended at, and keeps that place in mind. So a token names the timeline, and that of a
 * transaction which is not prepared the place as well: where either has changed, "committed" may be said of
 * somebody else's transaction, and proves nothing.
 *
 * What is certain in any case: a transaction whose id the server has not given out yet, or calls aborted, has not
 * committed there, and never will.
 *
 * @module
 */

import type { TokenOutcome } from "../../coordinator/participant.ts";

/**
 * Which of its lives the server is in: the timeline, a dot, and where its recovery has ended, if there was one.
 * Without slashes, so that it can stand among others.
 */
export const LIFE = "concat(CASE WHEN pg_is_in_recovery() THEN '' ELSE " +
  "ltrim(left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), '0') END, '.', " +
  "replace(pg_last_wal_replay_lsn()::text, '/', '-'))";

/** A token, in its parts. */
interface Parts {
  readonly id: string;
  readonly timeline: string;
  /** `null` if the transaction was prepared, and so is in the server's log. */
  readonly recovered: string | null;
}

// Without a timeline if the process remembers its life from before its server was promoted.
const TOKEN = /^([0-9]{1,20})@([0-9A-F]{0,8})(?:\.([0-9A-F]+-[0-9A-F]+)?)?$/;

function partsOf(token: string): Parts | null {
  const parts = TOKEN.exec(token);
  if (parts === null) return null;
  const [, id, timeline, recovered] = parts;
  return {
    id: id!,
    timeline: timeline!,
    recovered: token.includes(".") ? recovered ?? "" : null,
  };
}

/**
 * The transaction's id in a token.
 *
 * @param token The token.
 * @returns The id; `null` if that is no token.
 */
export function idIn(token: string): string | null {
  return partsOf(token)?.id ?? null;
}

/**
 * The token of a transaction that was prepared.
 *
 * @param token What it had before.
 * @returns The token; `null` if that was none.
 */
export function tokenOfPrepared(token: string): string | null {
  const parts = partsOf(token);
  return parts === null ? null : `${parts.id}@${parts.timeline}`;
}

/**
 * What a server's answer means for the transaction that got the token.
 *
 * @param token The token.
 * @param status What the server says of the id; `null` if it does not know it any more, "future" if it has not
 * given it out yet.
 * @param life Which of its lives it is in, as {@linkcode LIFE} says.
 * @returns The outcome.
 */
export function outcomeIn(token: string, status: string | null, life: string): TokenOutcome {
  const parts = partsOf(token);
  if (parts === null) return "unknown";
  const [timeline, recovered] = life.split(".");
  const isSameLine = parts.timeline === timeline;
  const isSameLife = isSameLine && (parts.recovered ?? recovered) === recovered;
  switch (status) {
    case "committed":
      return isSameLife ? "committed" : "unknown";
    case "aborted":
      return "aborted";
    case "in progress":
      // What was not prepared has not survived; and what has the id now is another.
      if (isSameLife) return "in progress";
      return isSameLine ? "aborted" : "unknown";
    case "future":
      return isSameLife ? "unknown" : "aborted";
    default:
      return "unknown";
  }
}
