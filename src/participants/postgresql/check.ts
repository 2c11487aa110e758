/**
 * Sees whether a PostgreSQL database can take part, and says what to change if it cannot.
 *
 * @module
 */

import { ParticipantConfigurationError } from "../../coordinator/errors.ts";
import { assertSafeGid } from "../../coordinator/gid.ts";
import type { ParticipantCheck } from "../../coordinator/participant.ts";
import { sqlStateOf } from "./answers.ts";
import { IDENTITY_COLUMNS, identityOf, runWithIdentity } from "./identity.ts";
import { single, text } from "./rows.ts";
import type { StatementRunner } from "./session.ts";
import { LIFE } from "./token.ts";

/** pg_current_xact_id and pg_xact_status(xid8), which the outcome token needs, came with 13. */
const MIN_VERSION = 130_000;

/** What a PostgreSQL database says about itself. */
export interface PostgresqlCheck extends ParticipantCheck {
  /** The role that ends branches; `null` if it is a superuser, who may end anybody's. */
  readonly role: string | null;
}

/**
 * Checks a database.
 *
 * @param runner Any session.
 * @param gidPrefix What this coordinator's gids begin with.
 * @returns Who it is, and as whom its sessions work.
 * @throws {ParticipantConfigurationError} If something must be changed first.
 */
export async function checkPostgresql(
  runner: StatementRunner,
  gidPrefix: string,
): Promise<PostgresqlCheck> {
  const row = single(
    await runner.run(
      "SELECT current_setting('server_version_num'), " +
        "current_setting('max_prepared_transactions'), pg_is_in_recovery()::text, " +
        "current_user::text, " +
        "(SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user)",
    ),
  );
  const [version, slots, standby, role, superuser] = row.map(text);
  if (Number(version) < MIN_VERSION) {
    throw wrong(`the server's version number is ${version}, use PostgreSQL 13 or later`);
  }
  if (slots === "0") {
    throw wrong(
      "prepared transactions are disabled (max_prepared_transactions is 0), set it to at least the " +
        "number of transactions that run at once and restart the server",
    );
  }
  if (standby === "true") {
    throw wrong("the server is a standby, which is read-only, connect to the primary");
  }
  const own = superuser === "true" ? null : text(role);
  if (own !== null) await assertOwner(runner, gidPrefix, own);
  await assertLife(runner);
  const asked = await runWithIdentity(runner, `SELECT ${IDENTITY_COLUMNS}`, `role "${role}"`);
  return { identity: identityOf(single(asked)), role: own };
}

/** Only the role that prepared a transaction, or a superuser, can end it. */
async function assertOwner(
  runner: StatementRunner,
  gidPrefix: string,
  role: string,
): Promise<void> {
  const result = (await runner.run(
    "SELECT gid, owner::text FROM pg_prepared_xacts " +
      "WHERE database = current_database() AND owner <> current_user " +
      `AND starts_with(gid, '${assertSafeGid(gidPrefix)}') LIMIT 1`,
  )).at(-1);
  const row = result?.rows[0];
  if (row === undefined) return;
  const [gid, owner] = row.map(text);
  throw wrong(
    `${gid} was prepared by role "${owner}" and cannot be ended by role "${role}", ` +
      `connect as "${owner}" or as a superuser`,
  );
}

/** Every vote asks for it, in which nobody could be told what to change. */
async function assertLife(runner: StatementRunner): Promise<void> {
  try {
    await runner.run(`SELECT ${LIFE}`);
  } catch (cause) {
    if (!["0A000", "42501", "42883"].includes(sqlStateOf(cause) ?? "")) throw cause;
    const reason = "the server does not say how far its write-ahead log is (pg_walfile_name, " +
      "pg_current_wal_insert_lsn, pg_last_wal_replay_lsn), without which an outcome cannot be proven, " +
      "use PostgreSQL itself, and let the role call these functions";
    throw new ParticipantConfigurationError("", reason, { cause });
  }
}

function wrong(reason: string): ParticipantConfigurationError {
  return new ParticipantConfigurationError("", reason);
}
