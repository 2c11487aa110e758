/**
 * Which database answers: the server's system identifier, the database's oid and its name. A standby and a
 * physical copy have the same one as their primary.
 *
 * To ask a server for its identifier costs it about as much as a small statement of the application's, since
 * it reads a file for it. So a process of the server that has been asked once remembers the answer in a setting
 * of its own, together with its process number: no process ever changes its server or its database. What a
 * pooler puts behind the same connection is another process, with a memory of its own; and what a
 * configuration or a pooler may carry from one process to another has the wrong process number. Nor does a
 * process outlive a crash of its server, so it remembers beside it in which life of the server it is.
 *
 * @module
 */

import { ParticipantConfigurationError } from "../../coordinator/errors.ts";
import { sqlStateOf } from "./answers.ts";
import { text } from "./rows.ts";
import { LIFE } from "./token.ts";
import type { StatementResult, StatementRunner } from "./session.ts";

/** Numbers of a server and of a database of it. */
export interface DatabaseNumbers {
  /** System identifier of the server. */
  readonly system: string;
  /** The database's oid. */
  readonly oid: string;
}

/** Those of no database. */
export const NOWHERE: DatabaseNumbers = { system: "0", oid: "0" };

/**
 * Who answers: the database's numbers, the server's process and its life, with slashes between them. Functions
 * only: to plan a look at a table, or at a function as if it were one, takes longer than to call them. 1259 is
 * pg_class, whose file is in its database's directory.
 */
const ASKED = "concat((pg_control_system()).system_identifier, '/', " +
  `substring(pg_relation_filepath(1259) from '([0-9]+)/[0-9]+$'), '/', pg_backend_pid(), '/', ${LIFE})`;

/** The setting in which a process of the server remembers it. */
const MEMORY = "indoubt.database";

/** Expressions about the database that answers. */
export interface DatabaseQuestion {
  /** What the server's process remembers. */
  readonly remembered: string;
  /** What that begins with if it is the one that it must be; the life follows. */
  readonly expected: string;
  /** Who it is, as {@linkcode numbersIn} reads it; to be asked, and remembered, where the two differ. */
  readonly asked: string;
}

/**
 * Makes expressions about the database that answers.
 *
 * @param numbers Those of the one that it must be.
 * @param before Expressions of what stands in front of what is expected, for who compares more than that.
 * @returns The expressions.
 */
export function databaseQuestion(
  { system, oid }: DatabaseNumbers,
  before: readonly string[] = [],
): DatabaseQuestion {
  return {
    remembered: `current_setting('${MEMORY}', true)`,
    expected: `concat(${[...before, `'${system}/${oid}/'`].join(", ")}, pg_backend_pid(), '/')`,
    // A transaction that is rolled back takes with it what was remembered in it.
    asked: `set_config('${MEMORY}', ${ASKED}, false)`,
  };
}

/**
 * The numbers in what {@linkcode DatabaseQuestion.asked} gave, or what was remembered of that.
 *
 * @param found What it gave, possibly with more behind it.
 * @returns Both, as they stand in an identity; empty if there are none.
 */
export function numbersIn(found: string): string {
  return /^[0-9]+\/[0-9]+(?=\/)/.exec(found)?.[0] ?? "";
}

/**
 * In which life of the server that was asked, or remembered.
 *
 * @param found As {@linkcode numbersIn} reads it.
 * @returns The life; empty if there is none.
 */
export function lifeIn(found: string): string {
  return found.split("/")[3] ?? "";
}

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
