/**
 * MariaDB's and MySQL's words for the contract suite, and their tables.
 *
 * @module
 */

import type { ContractDialect } from "../contract.ts";

/** Makes the tables, or empties them. */
export const TABLES: readonly string[] = [
  "CREATE TABLE IF NOT EXISTS entry (value int, KEY (value)) ENGINE = InnoDB",
  "CREATE TABLE IF NOT EXISTS held (id int PRIMARY KEY) ENGINE = InnoDB",
  "DROP TRIGGER IF EXISTS copied",
  "CREATE TRIGGER copied AFTER UPDATE ON held FOR EACH ROW INSERT INTO entry VALUES (8)",
  "DROP FUNCTION IF EXISTS added",
  "CREATE FUNCTION added(given int) RETURNS int MODIFIES SQL DATA BEGIN " +
  "INSERT INTO entry VALUES (given); RETURN given; END",
  "DROP PROCEDURE IF EXISTS add_silently",
  "CREATE PROCEDURE add_silently() BEGIN " +
  "INSERT INTO entry VALUES (7); SELECT 1; DO SLEEP(0); END",
  // With the rights of who made it: the list of transactions is not for everybody.
  "DROP FUNCTION IF EXISTS isolation_level",
  "CREATE FUNCTION isolation_level() RETURNS text READS SQL DATA " +
  "RETURN (SELECT trx_isolation_level FROM information_schema.INNODB_TRX " +
  "WHERE trx_mysql_thread_id = CONNECTION_ID())",
  "TRUNCATE entry",
];

/** A gid as an identifier of ours, whatever characters it has. */
function xid(gid: string): string {
  return `'${gid.replaceAll("'", "''")}','',${0x696e6474}`;
}

/** What MariaDB understands. A text may hold several statements, which are run one after another. */
export const mariadbDialect: ContractDialect = {
  insert: (value) => `INSERT INTO entry VALUES (${value})`,
  count: "SELECT COUNT(*) FROM entry",
  read: "SELECT value FROM entry",
  visibleWrites: [
    "INSERT INTO entry VALUES (1), (2)",
    "UPDATE entry SET value = 2",
    "DELETE FROM entry",
    "REPLACE INTO entry VALUES (5)",
    "INSERT INTO entry SELECT value + 1 FROM entry",
  ],
  silent: [
    "SELECT value FROM entry",
    "SELECT value FROM entry FOR UPDATE",
    "SET @nothing = 1",
    "SAVEPOINT here",
    "UPDATE entry SET value = 2 WHERE value = 99",
    "INSERT INTO entry VALUES (1) RETURNING value",
    "SELECT added(3)",
  ],
  lock: "SELECT value FROM entry FOR UPDATE",
  // Somebody holds the row, and the server is told to roll back after a lock's timeout.
  fail: "SET STATEMENT innodb_lock_wait_timeout = 0 FOR SELECT id FROM held FOR UPDATE",
  violateAtEnd: null,
  unpreparable: [],
  // A transaction is listed some time after it has read, and the list is up to 0.1 s old.
  isolationLevel: "SELECT value FROM entry; DO SLEEP(0.15); " +
    "SELECT LOWER(REPLACE(COALESCE(isolation_level(), @@tx_isolation), '-', ' '))",
  // The application would have to know the branch's name; see the tests of this adapter.
  endings: [],
  afterEnding: [],
  prepare: (gid) =>
    `XA START ${xid(gid)}; INSERT INTO entry VALUES (1); XA END ${xid(gid)}; XA PREPARE ${
      xid(gid)
    }`,
  rollBackPrepared: (gid) => `XA ROLLBACK ${xid(gid)}`,
  foreignGids: [
    "pg_gid_16384_731",
    "it's",
    "gid_\u00e9",
    "f".repeat(64),
    "indoubt_",
    "indoubt_contract",
  ],
  unknownTokens: [
    "731",
    "indoubt_contract_1_0",
    "indoubt_contract_1_0:1:1",
    "it's:1:1:-",
    ":1:1:-",
    "indoubt_contract_1_0:-1:1:1",
  ],
  ways: {
    lockingIsWriting: false,
    failureIsRetryable: true,
    gidTakenAt: "begin",
    preparedStaysWithSession: true,
  },
};

/** What MySQL understands: it knows no RETURNING, no option for a single statement, and lets go of what is prepared. */
export const mysqlDialect: ContractDialect = {
  ...mariadbDialect,
  silent: mariadbDialect.silent.filter((text) => !text.includes("RETURNING")),
  fail: "SET innodb_lock_wait_timeout = 1; SELECT id FROM held FOR UPDATE",
  isolationLevel: mariadbDialect.isolationLevel.replace(
    "@@tx_isolation",
    "@@transaction_isolation",
  ),
  ways: { ...mariadbDialect.ways, preparedStaysWithSession: false },
};

/**
 * A dialect without an outcome table. A session that has gone back to its pool is still there, so that nobody
 * could tell from the outside that it has nothing more to do with the branch.
 */
export function withoutProof(dialect: ContractDialect): ContractDialect {
  return { ...dialect, ways: { ...dialect.ways, outcomes: () => ["in progress", "unproven"] } };
}
