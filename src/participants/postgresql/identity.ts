/**
 * Which database answers: the server's system identifier, the database's oid and its name. A standby and a
 * physical copy have the same one as their primary.
 *
 * @module
 */

import { ParticipantConfigurationError } from "../../coordinator/errors.ts";
import { sqlStateOf } from "./answers.ts";
import { text } from "./rows.ts";
import type { StatementResult, StatementRunner } from "./session.ts";

/** Numbers of a server and of a database of it. */
export interface DatabaseNumbers {
  /** System identifier of the server. */
  readonly system: string;
  /** The database's oid. */
  readonly oid: string;
}

/** The numbers of the database that answers, with a slash between them. */
export const DATABASE_NUMBERS =
  "concat((SELECT system_identifier FROM pg_control_system()), '/', " +
  "(SELECT oid FROM pg_database WHERE datname = current_database()))";

/** Asks for what {@linkcode identityOf} reads. */
export const IDENTITY_COLUMNS = "(SELECT system_identifier::text FROM pg_control_system()), " +
  "(SELECT oid::text FROM pg_database WHERE datname = current_database()), " +
  "current_database()::text";

/**
 * The identity in a row that begins with {@linkcode IDENTITY_COLUMNS}.
 *
 * @param row The row.
 * @returns The identity.
 */
export function identityOf(row: readonly (string | null)[]): string {
  const [system, oid, database] = row.map(text);
  return `postgresql:${system}/${oid}/${database}`;
}

/**
 * The numbers in an identity.
 *
 * @param identity What {@linkcode identityOf} gave, at any time.
 * @returns The numbers, or `null` if it is no identity of a PostgreSQL database.
 */
export function numbersOf(identity: string): DatabaseNumbers | null {
  const [, system, oid] = /^postgresql:([0-9]{1,20})\/([0-9]{1,10})\//.exec(identity) ?? [];
  return system === undefined || oid === undefined ? null : { system, oid };
}

/**
 * Runs a text that asks which server answers.
 *
 * @param runner Any session.
 * @param statements The text.
 * @param role What the role is called in advice.
 * @returns The results.
 * @throws {ParticipantConfigurationError} If the role may not ask that.
 */
export async function runWithIdentity(
  runner: StatementRunner,
  statements: string,
  role: string,
): Promise<StatementResult[]> {
  try {
    return await runner.run(statements);
  } catch (cause) {
    if (sqlStateOf(cause) !== "42501") throw cause;
    throw new ParticipantConfigurationError(
      "",
      `${role} may not ask which server this is, as a superuser run ` +
        `GRANT EXECUTE ON FUNCTION pg_control_system() TO ${role.replace(/^role /, "")}`,
      { cause },
    );
  }
}
