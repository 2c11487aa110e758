/**
 * check() on a real MariaDB: what must be changed first is an error that says what to do. And the outcome
 * table there: its check leaves nothing in it, old rows go, rows of branches that are prepared stay.
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Pool, PoolOptions } from "mysql2/promise";
import { ParticipantConfigurationError } from "../../src/coordinator/errors.ts";
import { mysql, type MysqlOptions } from "../../src/participants/mysql/mysql.ts";
import { runOn } from "../../src/participants/mysql/mysql2_statements.ts";
import { OutcomeTable } from "../../src/participants/mysql/outcome_table.ts";
import { brand } from "./brand.ts";
import { connectPool, firstColumn, grantPrivilege, runApart } from "./mariadb_databases.ts";
import { MariadbServer } from "./mariadb_server.ts";

const PREFIX = "indoubt_check_";
const OUTCOMES = "indoubt_outcome";
const definition = new OutcomeTable(OUTCOMES, 7, Date.now).definition;

let server: MariadbServer;

Deno.test.beforeAll(async () => {
  server = await MariadbServer.start({ settings: { "log-bin": "binlog", "server-id": "1" } });
});

Deno.test.afterAll(() => server[Symbol.asyncDispose]());

/** Makes an empty database and gives a pool on it. */
async function emptyDatabase(options: PoolOptions = {}): Promise<Pool & AsyncDisposable> {
  await using admin = connectPool(server, "mysql");
  await admin.query("DROP DATABASE IF EXISTS bank");
  await admin.query("CREATE DATABASE bank");
  return connectPool(server, "bank", options);
}

async function refusal(pool: Pool, options: MysqlOptions = {}): Promise<string> {
  const error = await assertRejects(
    () => mysql(pool, options).check(PREFIX),
    ParticipantConfigurationError,
  );
  return error.reason;
}

/** What makes a server unfit, how it is undone, and what is said. */
const SETTINGS: readonly (readonly [set: string, unset: string, words: string])[] = [
  ["read_only = ON", "read_only = OFF", "read_only is ON"],
  ["autocommit = OFF", "autocommit = ON", "autocommit off"],
  [
    "default_storage_engine = MyISAM",
    "default_storage_engine = InnoDB",
    "engine MyISAM by default",
  ],
  [
    "innodb_flush_log_at_trx_commit = 2",
    "innodb_flush_log_at_trx_commit = 1",
    "innodb_flush_log_at_trx_commit is 2",
  ],
  // What MariaDB's binary log loses is still in the log of its storage engine.
  ...(brand.name === "MySQL"
    ? [["sync_binlog = 0", "sync_binlog = 1", "sync_binlog is 0"]] as const
    : []),
];

for (const [set, unset, words] of SETTINGS) {
  Deno.test(`mysql2: check() refuses a server with ${set}`, async () => {
    await using admin = connectPool(server, "mysql");
    await admin.query(`SET GLOBAL ${set}`);
    try {
      await using pool = connectPool(server, "mysql");
      assertStringIncludes(await refusal(pool), words);
    } finally {
      await admin.query(`SET GLOBAL ${unset}`);
      await admin.query("COMMIT");
    }
    await using pool = connectPool(server, "mysql");
    await mysql(pool).check(PREFIX);
  });
}

Deno.test("mysql2: check() refuses a pool without a database", async () => {
  await using pool = connectPool(server, "");
  assertStringIncludes(await refusal(pool), "connected to no database");
});

Deno.test("mysql2: check() passes on that a server cannot be reached, or not by this user", async () => {
  await using stranger = connectPool(server, "mysql", { user: "nobody" });
  await using nowhere = connectPool(server, "mysql", { port: 1 });
  for (const pool of [stranger, nowhere]) {
    const error = await assertRejects(() => mysql(pool).check(PREFIX), Error);
    assert(!(error instanceof ParticipantConfigurationError));
  }
});

Deno.test("mysql2: check() asks for the outcome table, and then for nothing more", async () => {
  await using pool = await emptyDatabase();
  const options = { outcomeTable: OUTCOMES };
  assertStringIncludes(
    await refusal(pool, options),
    `does not exist, create it with ${definition}`,
  );
  await pool.query(`CREATE TABLE ${OUTCOMES} (gid varchar(64)) ENGINE = MyISAM`);
  assertStringIncludes(await refusal(pool, options), "is not of engine InnoDB but MyISAM");
  await pool.query(`ALTER TABLE ${OUTCOMES} ENGINE = InnoDB`);
  assertStringIncludes(await refusal(pool, options), "has other columns, create it with");
  await pool.query(`ALTER TABLE ${OUTCOMES} ADD written bigint`);
  assertStringIncludes(await refusal(pool, options), "takes the same gid twice");
  await pool.query(`DROP TABLE ${OUTCOMES}`);
  await pool.query(definition);
  await mysql(pool, options).check(PREFIX);
  assertEquals(await firstColumn(pool, `SELECT gid FROM ${OUTCOMES}`), []);
  assertEquals(await firstColumn(pool, brand.inTransaction), ["0"]);
});

Deno.test("mysql2: check() says what to grant on the outcome table", async () => {
  await using admin = await emptyDatabase();
  await admin.query(definition);
  await admin.query("DROP USER IF EXISTS clerk@'127.0.0.1'");
  await admin.query("CREATE USER clerk@'127.0.0.1'");
  await grantPrivilege(admin, "clerk");
  await using pool = connectPool(server, "mysql", { user: "clerk", database: "bank" });
  const options = { outcomeTable: OUTCOMES };
  const rights = ["SELECT", "INSERT", "DELETE"];
  for (const missing of rights) {
    const others = rights.filter((right) => right !== missing).join(", ");
    await admin.query(`GRANT ${others} ON bank.${OUTCOMES} TO clerk@'127.0.0.1'`);
    const reason = await refusal(pool, options);
    assertStringIncludes(reason, "grant it SELECT, INSERT, UPDATE and DELETE on that table");
    await admin.query(`REVOKE ${others} ON bank.${OUTCOMES} FROM clerk@'127.0.0.1'`);
  }
  await admin.query(
    `GRANT SELECT, INSERT, UPDATE, DELETE ON bank.${OUTCOMES} TO clerk@'127.0.0.1'`,
  );
  await mysql(pool, options).check(PREFIX);
});

Deno.test("mysql2: old rows of the outcome table go, those of prepared branches stay", async () => {
  await using pool = await emptyDatabase();
  await pool.query(definition);
  const day = 86_400_000;
  const ages = { young: 1, old: 8, older: 100 };
  for (const [gid, age] of Object.entries(ages)) {
    await pool.query(`INSERT INTO ${OUTCOMES} VALUES ('${gid}', ${Date.now() - age * day})`);
  }
  const xid = `'${PREFIX}1_0','',${0x696e6474}`;
  const row = `INSERT INTO ${OUTCOMES} VALUES ('prepared', ${Date.now() - 9 * day})`;
  await runApart(pool, `XA START ${xid}; ${row}; XA END ${xid}; XA PREPARE ${xid}`);
  const participant = mysql(pool, { outcomeTable: OUTCOMES });
  assertEquals((await participant.listPrepared(PREFIX)).length, 1);
  const rows = `SELECT gid FROM ${OUTCOMES} WHERE gid <> 'deleted' ORDER BY gid`;
  assertEquals(await firstColumn(pool, rows), ["young"]);
  assertEquals(await participant.commitPrepared(`${PREFIX}1_0`), { kind: "done" });
  assertEquals(await firstColumn(pool, rows), ["prepared", "young"]);
});

Deno.test("mysql2: a clock that runs ahead makes no committed branch look rolled back", async () => {
  await using pool = await emptyDatabase();
  await pool.query(definition);
  const [week, now] = [7 * 86_400_000, Date.now()];
  const session = { run: (text: string) => runOn(pool, text) };
  const table = new OutcomeTable(OUTCOMES, 7, () => now);
  await table.write(session, `${PREFIX}1_0`);
  const [kept, gone] = [`${PREFIX}2_0`, `${PREFIX}3_0`];
  for (const ahead of [week + 1, week + 2, 1]) {
    await new OutcomeTable(OUTCOMES, 7, () => now + ahead).clean(session);
  }
  assertEquals(await table.outcomeOf(session, `${PREFIX}1_0`, now), "unproven");
  // What is written later than anything that was deleted can be proved as before.
  await new OutcomeTable(OUTCOMES, 7, () => now + 2).write(session, kept);
  assertEquals(await table.outcomeOf(session, kept, now + 2), "committed");
  assertEquals(await table.outcomeOf(session, gone, now + 2), "aborted");
});

Deno.test("mysql2: a list is given although the outcome table cannot be cleaned", async () => {
  await using pool = await emptyDatabase();
  assertEquals(await mysql(pool, { outcomeTable: OUTCOMES }).listPrepared(PREFIX), []);
});

Deno.test("mysql2: a branch whose row cannot be written is refused, and leaves nothing", async () => {
  await using pool = await emptyDatabase();
  await pool.query("CREATE TABLE entry (id int) ENGINE = InnoDB");
  const branch = await mysql(pool, { outcomeTable: OUTCOMES }).acquire();
  await branch.begin({ gid: `${PREFIX}2_0` });
  await branch.client.query("INSERT INTO entry VALUES (1)");
  const answer = await branch.prepare();
  assert(answer.kind === "refused" && !answer.retryable);
  branch.release();
  assertEquals(await firstColumn(pool, "SELECT COUNT(*) FROM entry"), ["0"]);
});
