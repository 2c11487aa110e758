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

/** What PostgreSQL understands. */
export const postgresqlDialect: ContractDialect = {
  insert: (value) => `INSERT INTO entry (value) VALUES (${value})`,
  count: "SELECT count(*)::text FROM entry",
  read: "SELECT value::text FROM entry",
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
  unknownTokens: ["18446744073709551615", "99999999999999", "00000000000000000000000001", "-1"],
};
