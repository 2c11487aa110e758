/**
 * What the coordinator asks a PostgreSQL database about branches, from any session.
 *
 * @module
 */

import { assertSafeGid } from "../../coordinator/gid.ts";
import type { PreparedBranch, TokenOutcome } from "../../coordinator/participant.ts";
import { sqlStateOf } from "./answers.ts";
import { IDENTITY_COLUMNS, identityOf, numbersOf, runWithIdentity } from "./identity.ts";
import { single, text } from "./rows.ts";
import type { StatementRunner } from "./session.ts";

/**
 * Lists what this database holds prepared.
 *
 * @param runner Any session.
 * @param gidPrefix What the gids begin with; empty for all.
 * @returns The branches.
 */
export async function listPrepared(
  runner: StatementRunner,
  gidPrefix: string,
): Promise<PreparedBranch[]> {
  const prefix = gidPrefix === "" ? "''" : `'${assertSafeGid(gidPrefix)}'`;
  const result = (await runner.run(
    "SELECT gid, extract(epoch FROM prepared)::text FROM pg_prepared_xacts " +
      `WHERE database = current_database() AND starts_with(gid, ${prefix}) ORDER BY prepared`,
  )).at(-1);
  return (result?.rows ?? []).map(([gid, since]) => ({
    gid: text(gid),
    since: new Date(Number(text(since)) * 1000),
  }));
}

/**
 * Asks what became of a transaction, and in the same statement who answers: the number of a transaction
 * means something in its own server only.
 *
 * @param runner Any session.
 * @param token The transaction's id.
 * @param identity The database that gave it.
 * @returns Its outcome; unknown if the server does not know this id, or no longer.
 * @throws {ParticipantConfigurationError} If the role may not ask who answers.
 */
export async function outcomeOf(
  runner: StatementRunner,
  token: string,
  identity: string,
): Promise<TokenOutcome> {
  const giver = numbersOf(identity);
  if (giver === null) return "other database";
  if (!/^[0-9]{1,20}$/.test(token)) return "unknown";
  // Not asked of another server, where the id may be one of the future: that is an error.
  const question =
    `SELECT ${IDENTITY_COLUMNS}, CASE WHEN EXISTS (SELECT FROM pg_control_system() ` +
    `WHERE system_identifier = ${giver.system}) THEN pg_xact_status('${token}'::xid8) END`;
  try {
    const row = single(await runWithIdentity(runner, question, "the role"));
    if (identityOf(row.slice(0, 3)) !== identity) return "other database";
    const status = row[3];
    if (status === "committed" || status === "aborted" || status === "in progress") return status;
    return "unknown";
  } catch (error) {
    // 22023: the id is in the future, so this server has never given it out.
    if (sqlStateOf(error) === "22023") return "unknown";
    throw error;
  }
}
