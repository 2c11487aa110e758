/**
 * The same statements as a commit of the library over two PostgreSQL servers, sent by hand in the best
 * order, without a log and without any care for failures: BEGIN and the INSERT in one go to both, PREPARE to
 * both, COMMIT PREPARED to both. Every caller has its own session in each, kept for ever.
 *
 * @module
 */

import driver from "postgres";
import type { Contender, ContenderSettings } from "../contender.ts";

/** One caller's sessions. */
type Sessions = readonly driver.ReservedSql[];

/** Connects. */
export async function openByHand({ concurrency, urls }: ContenderSettings): Promise<Contender> {
  const clients = urls.map((url) => driver(url, { max: concurrency, onnotice: () => {} }));
  const idle: Sessions[] = await Promise.all(
    Array.from({ length: concurrency }, () => Promise.all(clients.map((sql) => sql.reserve()))),
  );
  const run = `${Deno.pid}_${Date.now()}`;
  let count = 0;
  const operate = async () => {
    const sessions = idle.pop();
    if (sessions === undefined) throw new Error("Cannot begin: every session is busy");
    const value = ++count;
    await both(sessions, (sql) => [
      sql.unsafe("BEGIN"),
      sql`INSERT INTO entry VALUES ('bench', ${value})`,
    ]);
    const gid = `by_hand_${run}_${value}`;
    await both(sessions, (sql, index) => [sql.unsafe(`PREPARE TRANSACTION '${gid}_${index}'`)]);
    await both(sessions, (sql, index) => [sql.unsafe(`COMMIT PREPARED '${gid}_${index}'`)]);
    idle.push(sessions);
  };
  return {
    counts: null,
    operate,
    [Symbol.asyncDispose]: async () => {
      for (const sessions of idle) for (const sql of sessions) sql.release();
      await Promise.all(clients.map((sql) => sql.end()));
    },
  };
}

/** Sends to every session at once what `send` sends to one, and waits for all answers. */
async function both(
  sessions: Sessions,
  send: (sql: driver.ReservedSql, index: number) => PromiseLike<unknown>[],
): Promise<void> {
  await Promise.all(sessions.flatMap(send));
}
