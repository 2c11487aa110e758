/**
 * Which of the two servers the tests of mysql2 run on: MariaDB, or MySQL if INDOUBT_MYSQL names its program
 * (`deno task mysql` brings one). And all in which the two differ, as far as tests care.
 *
 * @module
 */

import type { Pool } from "mysql2/promise";
import type { ContractDialect } from "../participants/contract.ts";
import { mariadbDialect, mysqlDialect } from "../participants/mysql/dialect.ts";

/** One of the two. */
export interface Brand {
  /** Its name. */
  readonly name: "MariaDB" | "MySQL";
  /** The server, as a path or by its name. */
  readonly server: string;
  /** The program that makes a data folder. */
  readonly installer: string;
  /** What that is told besides the folder; it leaves root without a password, from 127.0.0.1, too. */
  readonly installing: readonly string[];
  /** SQL for {@linkcode installing}, run by the installer; `null` if it needs none. */
  readonly installingSql: string | null;
  /** Options that the other does not know. */
  readonly settings: Readonly<Record<string, string>>;
  /** Its words for the contract suite, with an outcome table. */
  readonly dialect: ContractDialect;
  /** The privilege that a user needs besides rows and routines; `null` if none. */
  readonly privilege: string | null;
  /** Gives 0 in a session that is in no transaction. */
  readonly inTransaction: string;
  /** What a session does that waits for a lock, in the list of processes. */
  readonly waitingState: string;
  /** Whether INSERT and DELETE can return rows. */
  readonly hasReturning: boolean;
  /** Whether it can refuse to write what somebody has written since the transaction's snapshot was taken. */
  readonly hasStrictSnapshots: boolean;
  /** Whether a prepared branch stays with its session as long as that is there, and is gone with it if it changed nothing. */
  readonly preparedStaysWithSession: boolean;
  /** What the server holds prepared, as XA's other statements name it. */
  preparedXids(pool: Pool): Promise<string[]>;
}

const MYSQL_PROGRAM = Deno.env.get("INDOUBT_MYSQL") ?? "";

/** `deno task mariadb` brings those of another version. */
const MARIADB_FOLDER = Deno.env.get("INDOUBT_MARIADB") ?? "";
const based = MARIADB_FOLDER === "" ? {} : { basedir: MARIADB_FOLDER };

const mariadb: Brand = {
  name: "MariaDB",
  server: MARIADB_FOLDER === "" ? "mariadbd" : `${MARIADB_FOLDER}/sbin/mariadbd`,
  installer: MARIADB_FOLDER === ""
    ? "mariadb-install-db"
    : `${MARIADB_FOLDER}/bin/mariadb-install-db`,
  installing: [
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
    ...Object.entries(based).map(([name, value]) => `--${name}=${value}`),
  ],
  installingSql: null,
  settings: { "innodb-log-file-size": "8M", ...based },
  dialect: mariadbDialect,
  privilege: null,
  inTransaction: "SELECT @@in_transaction",
  waitingState: "Update",
  hasReturning: true,
  hasStrictSnapshots: true,
  preparedStaysWithSession: true,
  preparedXids: (pool) => rowsOf(pool, "XA RECOVER FORMAT='SQL'", ([, , , xid]) => String(xid)),
};

const mysql: Brand = {
  name: "MySQL",
  server: MYSQL_PROGRAM,
  installer: MYSQL_PROGRAM,
  installing: ["--initialize-insecure"],
  installingSql: "CREATE USER root@'127.0.0.1';\n" +
    "GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n" +
    "GRANT XA_RECOVER_ADMIN ON *.* TO root@'127.0.0.1';\n",
  settings: {
    "innodb-redo-log-capacity": "8M",
    "log-bin-trust-function-creators": "ON",
    "mysqlx": "OFF",
    "secure-file-priv": "NULL",
  },
  dialect: mysqlDialect,
  privilege: "XA_RECOVER_ADMIN",
  inTransaction: "SELECT COUNT(*) FROM information_schema.INNODB_TRX " +
    "WHERE trx_mysql_thread_id = CONNECTION_ID()",
  waitingState: "update",
  hasReturning: false,
  hasStrictSnapshots: false,
  preparedStaysWithSession: false,
  preparedXids: (pool) =>
    rowsOf(pool, "XA RECOVER CONVERT XID", ([format, length, , data]) => {
      const digits = String(data).slice("0x".length);
      const end = 2 * Number(length);
      return `X'${digits.slice(0, end)}',X'${digits.slice(end)}',${format}`;
    }),
};

/** The one that the tests run on. */
export const brand: Brand = MYSQL_PROGRAM === "" ? mariadb : mysql;

async function rowsOf(
  pool: Pool,
  sql: string,
  read: (row: readonly unknown[]) => string,
): Promise<string[]> {
  const [rows] = await pool.query({ sql, rowsAsArray: true });
  return (rows as unknown[][]).map(read);
}
