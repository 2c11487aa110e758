/**
 * A commit over two PostgreSQL servers, sent by hand in the best order, without a log and without any care for
 * failures: BEGIN and the INSERT in one go to both, PREPARE to both, COMMIT PREPARED to both. Every caller has
 * its own session in each, kept for ever.
 *
 * @module
 */

import driver from "postgres";
import type { Contender, ContenderSettings } from "../contender.ts";

/** One caller's sessions. */
export type Sessions = readonly driver.ReservedSql[];

/** Commits one INSERT of `value` in each session, prepared under `gid` and the session's number. */
export type CommitByHand = (sessions: Sessions, value: number, gid: string) => Promise<void>;

/** Connects. */
export function openByHand(settings: ContenderSettings): Promise<Contender> {
  return openSessions(settings, commitBarely);
}

/** Connects, for commits of some kind. */
export async function openSessions(
  { concurrency, urls }: ContenderSettings,
  commit: CommitByHand,
): Promise<Contender> {
  const clients = urls.map((url) => driver(url, { max: concurrency, onnotice: () => {} }));
  const idle: Sessions[] = await Promise.all(
    Array.from({ length: concurrency }, () => Promise.all(clients.map((sql) => sql.reserve()))),
  );
  const run = `${Deno.pid}_${Date.now()}`;
  let count = 0;
  return {
    counts: null,
    async operate() {
      const sessions = idle.pop();
      if (sessions === undefined) throw new Error("Cannot begin: every session is busy");
      const value = ++count;
      await commit(sessions, value, `by_hand_${run}_${value}`);
      idle.push(sessions);
    },
    async [Symbol.asyncDispose]() {
      for (const sessions of idle) for (const sql of sessions) sql.release();
      await Promise.all(clients.map((sql) => sql.end()));
    },
  };
}

async function commitBarely(sessions: Sessions, value: number, gid: string): Promise<void> {
  await both(sessions, (sql) => [
    sql.unsafe("BEGIN"),
    sql`INSERT INTO entry VALUES ('bench', ${value})`,
  ]);
  await both(sessions, (sql, index) => [sql.unsafe(`PREPARE TRANSACTION '${gid}_${index}'`)]);
  await both(sessions, (sql, index) => [sql.unsafe(`COMMIT PREPARED '${gid}_${index}'`)]);
}

/** Sends to every session at once what `send` sends to one, and waits for all answers. */
async function both(
  sessions: Sessions,
  send: (sql: driver.ReservedSql, index: number) => PromiseLike<unknown>[],
): Promise<void> {
  await Promise.all(sessions.flatMap(send));
}
