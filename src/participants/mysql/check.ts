/**
 * Sees whether a MariaDB or MySQL database can take part, and says what to change if it cannot.
 *
 * @module
 */

import { ParticipantConfigurationError } from "../../coordinator/errors.ts";
import type { ParticipantCheck } from "../../coordinator/participant.ts";
import { meaningOf } from "./answers.ts";
import { askDatabase, moveTo } from "./database.ts";
import { single, type StatementRunner, text } from "./session.ts";
import { recover } from "./statements.ts";

/** The oldest releases in which XA is what this adapter relies on; older ones are out of maintenance. */
const MIN_MARIADB = [10, 11] as const;
const MIN_MYSQL = [8, 4] as const;

/** What is looked at. A server leaves out those that it does not have. */
const VARIABLES = [
  "autocommit",
  "default_storage_engine",
  "innodb_flush_log_at_trx_commit",
  "innodb_read_only",
  "log_bin",
  "read_only",
  "server_uid",
  "server_uuid",
  "super_read_only",
  "sync_binlog",
  "version",
  "wsrep_on",
] as const;

type Variables = Readonly<Partial<Record<typeof VARIABLES[number], string>>>;

/** What a participant is known by. */
export interface Known {
  /** What the server is called in the identity; `null` for what it calls itself. */
  readonly server: string | null;
  /** The database to which the pool connects; `null` if it has not been asked yet. */
  readonly database: string | null;
}

/** Who a server and its database are. */
export interface MysqlIdentity extends ParticipantCheck {
  /** Which of the two servers it is. */
  readonly brand: "mariadb" | "mysql";
  /** The database's name. */
  readonly database: string;
}

/**
 * Asks a server and its database who they are. A session that the application has moved to another database is
 * brought back first.
 *
 * @param runner Any session.
 * @param known What is known of them.
 * @returns Who they are.
 * @throws {ParticipantConfigurationError} If that cannot be told.
 */
export async function identify(runner: StatementRunner, known: Known): Promise<MysqlIdentity> {
  const found = await askDatabase(runner);
  const database = known.database ?? found;
  if (database === null) {
    throw wrong("its client is connected to no database, name one in the pool's options");
  }
  if (found !== database) await moveTo(runner, database);
  const variables = await readVariables(runner);
  const brand = isMariadb(variables) ? "mariadb" : "mysql";
  const identity = `${brand}:${serverName(variables, known.server)}/${database}`;
  return { identity, database, brand };
}

/**
 * Checks a database.
 *
 * @param runner Any session.
 * @param known What is known of it.
 * @returns Who it is.
 * @throws {ParticipantConfigurationError} If something must be changed first.
 */
export async function checkMysql(
  runner: StatementRunner,
  known: Known,
): Promise<MysqlIdentity> {
  const variables = await readVariables(runner);
  assertVersion(variables);
  assertWritable(variables);
  if (isOn(variables.wsrep_on)) {
    throw wrong("the server is a node of a Galera cluster, which has no XA, use a server without");
  }
  if (!isOn(variables.autocommit)) {
    throw wrong("its sessions have autocommit off, in which XA does not begin, turn it on");
  }
  const engine = variables.default_storage_engine;
  if (engine !== "InnoDB") {
    throw wrong(
      `tables are of engine ${engine} by default, which takes no part in XA, ` +
        "set default_storage_engine to InnoDB",
    );
  }
  assertDurable(variables);
  await assertRecover(runner);
  return await identify(runner, known);
}

async function readVariables(runner: StatementRunner): Promise<Variables> {
  const names = VARIABLES.map((name) => `'${name}'`).join(", ");
  const { rows } = await runner.run(`SHOW VARIABLES WHERE Variable_name IN (${names})`);
  return Object.fromEntries(rows.map(([name, value]) => [text(name), text(value)]));
}

function isMariadb({ version }: Variables): boolean {
  return text(version).includes("MariaDB");
}

/** Other values than ON and OFF are stronger kinds of ON. */
function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== "OFF" && value !== "0";
}

function assertVersion(variables: Variables): void {
  const version = text(variables.version);
  const [name, minimum] = isMariadb(variables) ? ["MariaDB", MIN_MARIADB] : ["MySQL", MIN_MYSQL];
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part));
  if (major > minimum[0] || (major === minimum[0] && minor >= minimum[1])) return;
  throw wrong(`the server's version is ${version}, use ${name} ${minimum.join(".")} or later`);
}

function assertWritable(variables: Variables): void {
  for (const name of ["read_only", "super_read_only", "innodb_read_only"] as const) {
    if (isOn(variables[name])) {
      throw wrong(
        `the server is read-only (${name} is ${variables[name]}), connect to the primary`,
      );
    }
  }
}

/** A branch is promised when the server says that it is prepared: a power failure must not take that back. */
function assertDurable(variables: Variables): void {
  const flush = variables.innodb_flush_log_at_trx_commit;
  // MariaDB's 3 syncs more often still.
  if (flush === "0" || flush === "2") {
    throw wrong(
      `the server may forget prepared branches in a power failure (innodb_flush_log_at_trx_commit ` +
        `is ${flush}), set it to 1`,
    );
  }
  // MySQL rolls back a prepared branch that its binary log has lost; MariaDB keeps it.
  const sync = variables.sync_binlog;
  if (isMariadb(variables) || !isOn(variables.log_bin) || sync === undefined || sync === "1") {
    return;
  }
  throw wrong(
    `the server may forget prepared branches in a power failure (sync_binlog is ${sync} and the ` +
      "binary log on), set sync_binlog to 1",
  );
}

async function assertRecover(runner: StatementRunner): Promise<void> {
  try {
    await recover(runner);
  } catch (cause) {
    if (meaningOf(cause)?.settling !== "operator") throw cause;
    const [user] = single(await runner.run("SELECT CURRENT_USER()"));
    throw wrong(
      `user "${user}" may not list prepared transactions, run GRANT XA_RECOVER_ADMIN ON *.* TO it`,
      cause,
    );
  }
}

function serverName(variables: Variables, server: string | null): string {
  const own = variables.server_uuid ?? variables.server_uid;
  const name = server ?? own;
  if (name === undefined || name === "") {
    throw wrong("its server has neither server_uuid nor server_uid, give the option server");
  }
  return name;
}

function wrong(reason: string, cause?: unknown): ParticipantConfigurationError {
  return new ParticipantConfigurationError("", reason, cause === undefined ? {} : { cause });
}
