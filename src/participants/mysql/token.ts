/**
 * Outcome tokens: by what the outcome of a branch can be asked when the branch itself is gone.
 *
 * @module
 */

import { isSafeGid } from "../../coordinator/gid.ts";

/** A session of a server, over all its runs. */
export interface ServerSession {
  /** Number of the session, unique in one run of the server. */
  readonly connection: string;
  /** When the server was started, in seconds since 1970 by its own clock. */
  readonly serverStart: number;
}

/** What is in a token. */
export interface OutcomeToken {
  /** The branch. */
  readonly gid: string;
  /** The session that began it. */
  readonly session: ServerSession;
  /** When its row of the outcome table was written, in milliseconds since 1970; `null` if it has none. */
  readonly writtenAt: number | null;
}

/**
 * Makes a token.
 *
 * @param token What is in it.
 * @returns The text.
 */
export function makeToken({ gid, session, writtenAt }: OutcomeToken): string {
  return `${gid}:${session.connection}:${session.serverStart}:${writtenAt ?? "-"}`;
}

/**
 * Reads a token.
 *
 * @param token The text.
 * @returns What is in it; `null` if this is no token.
 */
export function parseToken(token: string): OutcomeToken | null {
  const match = /^([^:]+):(\d{1,20}):(\d{1,12}):(-|\d{1,16})$/.exec(token);
  const [, gid, connection, serverStart, writtenAt] = match ?? [];
  if (gid === undefined || connection === undefined || !isSafeGid(gid)) return null;
  return {
    gid,
    session: { connection, serverStart: Number(serverStart) },
    writtenAt: writtenAt === "-" ? null : Number(writtenAt),
  };
}
