/**
 * PostgreSQL's words for the contract suite, and its tables.
 *
 * @module
 */

import type { ContractDialect } from "../contract.ts";

/** Makes the tables, or empties them. */
export const TABLES = `
  CREATE TABLE IF NOT EXISTS parent (id int PRIMARY KEY);
  CREATE TABLE IF NOT EXISTS entry (
    value int,
    parent int REFERENCES parent DEFERRABLE INITIALLY DEFERRED
  );
  TRUNCATE entry, parent;
`;

function literal(gid: string): string {
  return `'${gid.replaceAll("'", "''")}'`;
}

/** The server's version, where `deno task postgresql` has brought it; MERGE came with 15. */
const VERSION = Number(Deno.env.get("INDOUBT_POSTGRESQL_VERSION") ?? "15");

const MERGE = "MERGE INTO entry USING (VALUES (1)) AS given (value) ON entry.value = given.value " +
  "WHEN MATCHED THEN UPDATE SET value = 3";

/** Statements whose command tag says how many rows they wrote. */
const ROW_WRITES = [
  "INSERT INTO entry (value) VALUES (1), (2)",
  "INSERT INTO entry (value) VALUES (1), (2) RETURNING value::text",
  "UPDATE entry SET value = 2",
  "DELETE FROM entry",
  "WITH moved AS (DELETE FROM entry RETURNING value) INSERT INTO entry SELECT * FROM moved",
  "SELECT 1; INSERT INTO entry (value) VALUES (3); SELECT 2",
  ...(VERSION < 15 ? [] : [MERGE]),
];

/** What PostgreSQL understands. */
export const postgresqlDialect: ContractDialect = {
  insert: (value) => `INSERT INTO entry (value) VALUES (${value})`,
  count: "SELECT count(*)::text FROM entry",
  read: "SELECT value::text FROM entry",
  visibleWrites: [
    ...ROW_WRITES,
    "CREATE TABLE other (value int)",
    "CREATE INDEX other ON entry (value)",
    "ALTER TABLE entry ADD COLUMN other int",
    "DROP TABLE parent CASCADE",
    "TRUNCATE entry",
    "GRANT SELECT ON entry TO PUBLIC",
    "REVOKE SELECT ON entry FROM PUBLIC",
    "COMMENT ON TABLE entry IS 'entries'",
  ],
  silent: [
    "SELECT value::text FROM entry",
    "SHOW transaction_isolation",
    "SET LOCAL work_mem = '1MB'",
    "SAVEPOINT here",
    "DECLARE rows CURSOR FOR SELECT value::text FROM entry; FETCH ALL FROM rows",
    "LOCK TABLE entry IN SHARE MODE",
    "UPDATE entry SET value = 2 WHERE value = 99",
    "EXPLAIN ANALYZE INSERT INTO entry (value) VALUES (1)",
    "WITH added AS (INSERT INTO entry (value) VALUES (1) RETURNING value) SELECT value::text FROM added",
  ],
  lock: "SELECT value::text FROM entry FOR UPDATE",
  fail: "SELECT 1 / 0",
  violateAtEnd: "INSERT INTO entry VALUES (1, 1)",
  unpreparable: [
    "LISTEN orders",
    "NOTIFY orders",
    "CREATE TEMPORARY TABLE scratch (value int)",
    "DECLARE kept CURSOR WITH HOLD FOR SELECT 1",
    "SELECT pg_export_snapshot()",
  ],
  isolationLevel: "SHOW transaction_isolation",
  endings: [
    "COMMIT",
    "ROLLBACK",
    "PREPARE TRANSACTION 'by hand'",
    "COMMIT AND CHAIN",
    "ROLLBACK AND CHAIN",
    "COMMIT; BEGIN; INSERT INTO entry (value) VALUES (2)",
    "ROLLBACK; BEGIN; INSERT INTO entry (value) VALUES (2)",
    "COMMIT; INSERT INTO entry (value) VALUES (2)",
  ],
  afterEnding: ["ROLLBACK PREPARED 'by hand'"],
  prepare: (gid) =>
    `BEGIN; INSERT INTO entry (value) VALUES (1); PREPARE TRANSACTION ${literal(gid)}`,
  rollBackPrepared: (gid) => `ROLLBACK PREPARED ${literal(gid)}`,
  foreignGids: [
    "pg_gid_16384_731",
    "it's; DROP TABLE entry",
    "gid_\u00e9",
    "f".repeat(199),
    "indoubt_",
    "indoubt_contract",
  ],
  unknownTokens: [
    "18446744073709551615@1",
    "99999999999999@1.",
    "00000000000000000000000001@1",
    "-1@1",
    "731",
    "731@1.x",
    "731@1/0",
  ],
};

/** The same for a role that owns nothing. */
export const dialectWithoutRights: ContractDialect = {
  ...postgresqlDialect,
  visibleWrites: ROW_WRITES,
};
