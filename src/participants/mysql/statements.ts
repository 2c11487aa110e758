/**
 * The statements that the coordinator sends to MariaDB and MySQL, over any driver.
 *
 * XA statements take no parameters; a gid stands in the text, after its alphabet was checked.
 *
 * @module
 */

import { assertSafeGid, isSafeGid } from "../../coordinator/gid.ts";
import type { BranchOptions, IsolationLevel, SettleAnswer } from "../../coordinator/participant.ts";
import { type Clock, sleep } from "../../platform/clock.ts";
import { meaningOf } from "./answers.ts";
import { isIn, moveTo } from "./database.ts";
import { type MysqlResult, single, type StatementRunner, text } from "./session.ts";
import type { ServerSession } from "./token.ts";
import { gidOfRecovered, xidOf } from "./xid.ts";

/** Two statements are needed to learn when the server was started, and both round down. */
const START_TOLERANCE_SECONDS = 3;

/** How often it is looked whether a session has ended, and milliseconds in between. */
const END_LOOKS = 100;
const END_LOOK_MS = 20;

const ISOLATION_LEVELS: Readonly<Record<IsolationLevel, string>> = {
  "read committed": "READ COMMITTED",
  "repeatable read": "REPEATABLE READ",
  "serializable": "SERIALIZABLE",
};

/**
 * Statement that sets how the session's next transaction runs.
 *
 * @param options How the branch begins.
 * @returns The text, or `null` if nothing is to be set.
 * @throws {RangeError} If there is no such isolation level.
 */
export function transactionCharacteristics(
  { isolationLevel, readOnly }: BranchOptions,
): string | null {
  const characteristics: string[] = [];
  if (isolationLevel !== undefined) {
    const level = ISOLATION_LEVELS[isolationLevel];
    if (level === undefined) {
      throw new RangeError(
        `Cannot begin a branch with isolation level ${JSON.stringify(isolationLevel)}: ` +
          `it must be one of ${JSON.stringify(Object.keys(ISOLATION_LEVELS))}`,
      );
    }
    characteristics.push(`ISOLATION LEVEL ${level}`);
  }
  if (readOnly) characteristics.push("READ ONLY");
  return characteristics.length === 0 ? null : `SET TRANSACTION ${characteristics.join(", ")}`;
}

/** Asks for a session's counters of rows. */
const ROW_COUNTERS = "SHOW SESSION STATUS WHERE Variable_name IN " +
  "('Handler_write', 'Handler_update', 'Handler_delete')";

/**
 * Brings a session to its database if it is not there, and asks for its counters: what tells whether it is there
 * is in the same question.
 *
 * @param runner The branch's session.
 * @param database The database; `null` for the one in which the session is.
 * @returns The counters.
 */
export async function rowCountersIn(
  runner: StatementRunner,
  database: string | null,
): Promise<string> {
  if (database !== null) {
    const { rows } = await runner.run(`${ROW_COUNTERS} AND ${isIn(database)}`);
    if (rows.length > 0) return joinCounters(rows);
    await moveTo(runner, database);
  }
  return await rowCounters(runner);
}

/**
 * How many rows a session has written, updated and deleted so far, whatever statement, trigger or function
 * did it. (`information_schema.INNODB_TRX` would need a privilege, and shows what was up to 0.1 s ago.)
 *
 * @param runner The branch's session.
 * @returns The counters, to be compared with those of another moment.
 */
export async function rowCounters(runner: StatementRunner): Promise<string> {
  return joinCounters((await runner.run(ROW_COUNTERS)).rows);
}

function joinCounters(rows: MysqlResult["rows"]): string {
  if (rows.length !== 3) {
    throw new TypeError(
      `Cannot read the server's answer: it has ${rows.length} counters, it must have 3`,
    );
  }
  return rows.map((row) => row.map(text).join("=")).toSorted().join(" ");
}

/**
 * Ends a prepared branch.
 *
 * "Unknown branch" (XAER_NOTA) is also what MariaDB answers while the session that prepared the branch is
 * connected, so the list of prepared branches is asked before anything is believed.
 *
 * @param runner Any session of the same server that is in no transaction.
 * @param verb What to do with it.
 * @param gid The branch.
 * @returns The answer; never rejects.
 */
export async function settleBranch(
  runner: StatementRunner,
  verb: "COMMIT" | "ROLLBACK",
  gid: string,
): Promise<SettleAnswer> {
  if (!isSafeGid(gid)) {
    return {
      kind: "operator",
      error: new RangeError(`Cannot settle ${gid}: it is no gid of ours`),
    };
  }
  try {
    await runner.run(`XA ${verb} ${xidOf(gid)}`);
    return { kind: "done" };
  } catch (error) {
    const meaning = meaningOf(error);
    if (meaning === null) return { kind: "later", error };
    const { settling: kind, suspect } = meaning;
    if (kind === "ask") return await answerUnknown(runner, gid, error);
    if (kind === "nothing") return verb === "ROLLBACK" ? { kind: "done" } : { kind: "absent" };
    return suspect === true ? { kind, error, suspect } : { kind, error };
  }
}

async function answerUnknown(
  runner: StatementRunner,
  gid: string,
  cause: unknown,
): Promise<SettleAnswer> {
  try {
    if (!(await recover(runner)).includes(gid)) return { kind: "absent" };
  } catch (error) {
    return { kind: "later", error };
  }
  const error = new Error(
    `Cannot settle ${gid}: it is prepared, but the session that prepared it is still connected`,
    { cause },
  );
  return { kind: "later", error };
}

/**
 * Lists what the server holds prepared under the coordinator's format id, in all its databases.
 *
 * @param runner Any session that is in no transaction.
 * @param gidPrefix What the gids begin with; empty for all.
 * @returns The gids.
 */
export async function recover(runner: StatementRunner, gidPrefix = ""): Promise<string[]> {
  if (gidPrefix !== "") assertSafeGid(gidPrefix);
  const { rows } = await runner.run("XA RECOVER");
  return rows.map(gidOfRecovered)
    .filter((gid) => gid !== null)
    .filter((gid) => gid.startsWith(gidPrefix));
}

/**
 * Asks a session which one it is, over all runs of the server.
 *
 * @param runner The session.
 * @returns Its number and when the server was started.
 */
export async function askServerSession(runner: StatementRunner): Promise<ServerSession> {
  const [connection, now] = single(
    await runner.run("SELECT CONNECTION_ID(), UNIX_TIMESTAMP()"),
  );
  return { connection: text(connection), serverStart: Number(text(now)) - await uptime(runner) };
}

/**
 * Whether a branch may still be where its token was given: in its session, prepared, or about to end.
 *
 * @param runner Any session that is in no transaction.
 * @param gid The branch.
 * @param session The session that began it.
 * @returns True if the server lists it, has that session, or has another one that is just ending it.
 */
export async function isUnderWay(
  runner: StatementRunner,
  gid: string,
  session: ServerSession,
): Promise<boolean> {
  if ((await recover(runner)).includes(gid)) return true;
  // Not listed, but perhaps not prepared yet, or not committed yet: a session may be at it.
  const { rows } = await runner.run(
    "SELECT ID, UNIX_TIMESTAMP(), " +
      `INFO LIKE 'XA %' AND LOCATE('${assertSafeGid(gid)}', INFO) > 0 ` +
      "FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()",
  );
  if (rows.some(([, , ending]) => ending === "1")) return true;
  return (await amongListed(runner, rows, [session]))(session);
}

/**
 * Asks which of some sessions the server still has.
 *
 * @param runner Any session of the same user.
 * @param sessions The sessions.
 * @returns Tells it for each of them.
 */
export async function connectedSessions(
  runner: StatementRunner,
  sessions: readonly ServerSession[],
): Promise<(session: ServerSession) => boolean> {
  const { rows } = await runner.run(
    "SELECT ID, UNIX_TIMESTAMP() FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()",
  );
  return await amongListed(runner, rows, sessions);
}

async function amongListed(
  runner: StatementRunner,
  rows: MysqlResult["rows"],
  sessions: readonly ServerSession[],
): Promise<(session: ServerSession) => boolean> {
  const numbers = new Set(rows.map(([id]) => id));
  const own = rows.find(([id]) => sessions.some(({ connection }) => connection === id));
  if (own === undefined) return () => false;
  // Numbers of sessions begin anew when the server is started; both starts are known to the second.
  const serverStart = Number(text(own[1])) - await uptime(runner);
  return (session) =>
    numbers.has(session.connection) &&
    Math.abs(serverStart - session.serverStart) <= START_TOLERANCE_SECONDS;
}

/**
 * Waits until a session has ended, and with it a branch in it that was not prepared.
 *
 * @param runner Any other session that is in no transaction.
 * @param gid The branch.
 * @param session The session.
 * @param clock For the waiting between two looks.
 * @returns True if the server has neither any more; false if it still had when the time was up.
 */
export async function waitForEnd(
  runner: StatementRunner,
  gid: string,
  session: ServerSession,
  clock: Clock,
): Promise<boolean> {
  for (let look = 1; look <= END_LOOKS; look++) {
    const { rows } = await runner.run(
      `SELECT ID FROM information_schema.PROCESSLIST WHERE ID = ${session.connection}`,
    );
    // One that is not in the list any more has rolled back before it went.
    if (rows.length === 0) return !(await recover(runner)).includes(gid);
    await sleep(clock, END_LOOK_MS);
  }
  return false;
}

async function uptime(runner: StatementRunner): Promise<number> {
  const [, seconds] = single(await runner.run("SHOW GLOBAL STATUS LIKE 'Uptime'"));
  return Number(text(seconds));
}
