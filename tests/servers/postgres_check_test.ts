/**
 * check() against real servers: what must be changed before a database can take part is an error
 * that says what to do; and what belongs to other databases of the same server is nobody's here.
 */

import { assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ParticipantConfigurationError } from "../../src/coordinator/errors.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import { PostgresCluster } from "./cluster.ts";
import { connect, connectAdmin, createDatabases, type TestSql } from "./databases.ts";

const PREFIX = "indoubt_check_";

let cluster: PostgresCluster;

Deno.test.beforeAll(async () => {
  cluster = await PostgresCluster.start({ settings: { fsync: "off" } });
  await createDatabases(cluster, "north", "south");
  await using admin = connectAdmin(cluster);
  await admin.unsafe("CREATE ROLE teller LOGIN; CREATE ROLE clerk LOGIN");
});

Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

/** Why a client's database cannot take part. */
async function refusal(sql: TestSql): Promise<string> {
  const error = await assertRejects(
    () => postgres(sql).check(PREFIX),
    ParticipantConfigurationError,
  );
  return error.reason;
}

function session(database: string, user: string): TestSql {
  return connect(cluster.url(database, user), "check", { max: 1 });
}

async function prepare(sql: TestSql, gid: string): Promise<void> {
  await sql.unsafe(`BEGIN; INSERT INTO entry VALUES ('x', 1); PREPARE TRANSACTION '${gid}'`);
}

Deno.test("postgres.js: check() says what to do where nothing can be prepared", async () => {
  await using disabled = await PostgresCluster.start({
    settings: { max_prepared_transactions: "0" },
  });
  await using sql = connect(disabled.url(), "check");
  const reason = await refusal(sql);
  assertStringIncludes(reason, "max_prepared_transactions is 0");
  assertStringIncludes(reason, "set it to at least");
  assertStringIncludes(reason, "restart the server");
  // Nor does a branch that is prepared all the same pass for prepared.
  const branch = await postgres(sql).acquire();
  await branch.begin({ gid: `${PREFIX}1_0` });
  await branch.client`CREATE TABLE entry (id text)`;
  await branch.examine();
  assertEquals((await branch.prepare()).kind, "refused");
  branch.release();
  assertEquals((await sql`SELECT FROM pg_class WHERE relname = 'entry'`).length, 0);
});

Deno.test("postgres.js: check() tells a standby", async () => {
  await using primary = await PostgresCluster.start({ settings: { fsync: "off" } });
  await primary.stop();
  // Without a primary to follow, the server stays in recovery and takes reading sessions.
  await Deno.writeTextFile(`${primary.dataFolder}/standby.signal`, "");
  await primary.start();
  await using sql = connect(primary.url(), "check");
  assertStringIncludes(await refusal(sql), "connect to the primary");
});

Deno.test("postgres.js: check() gives one identity, whoever asks", async () => {
  const identities = new Set<string>();
  for (const user of ["postgres", "teller", "clerk"]) {
    await using sql = session("north", user);
    identities.add((await postgres(sql).check(PREFIX)).identity);
  }
  assertEquals(identities.size, 1);
  await using south = session("south", "postgres");
  assertNotEquals([...identities][0], (await postgres(south).check(PREFIX)).identity);
});

Deno.test("postgres.js: check() tells two servers with the same databases apart", async () => {
  await using second = await PostgresCluster.start({ settings: { fsync: "off" } });
  await using here = session("postgres", "postgres");
  await using there = connect(second.url(), "check");
  assertNotEquals(
    (await postgres(here).check(PREFIX)).identity,
    (await postgres(there).check(PREFIX)).identity,
  );
});

Deno.test("postgres.js: check() names what another role has prepared", async () => {
  await using teller = session("north", "teller");
  await using clerk = session("north", "clerk");
  await using admin = session("north", "postgres");
  const gid = `${PREFIX}1_0`;
  await prepare(teller, gid);
  try {
    const reason = await refusal(clerk);
    for (const part of [gid, 'role "teller"', 'role "clerk"', "connect as"]) {
      assertStringIncludes(reason, part);
    }
    // Its owner and a superuser can end it, and a coordinator with another id does not care.
    await postgres(teller).check(PREFIX);
    await postgres(admin).check(PREFIX);
    await postgres(clerk).check("indoubt_other_");
    assertEquals((await postgres(clerk).commitPrepared(gid)).kind, "operator");
    assertEquals((await postgres(clerk).rollbackPrepared(gid)).kind, "operator");
  } finally {
    await admin.unsafe(`ROLLBACK PREPARED '${gid}'`);
  }
});

Deno.test("postgres.js: check() says which right a role needs", async () => {
  await using admin = session("north", "postgres");
  await using clerk = session("north", "clerk");
  await admin.unsafe("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC");
  try {
    const reason = await refusal(clerk);
    const [grant] = /GRANT EXECUTE .* TO "clerk"/.exec(reason) ?? [];
    assertNotEquals(grant, undefined, reason);
    // Nor can it be told whose transaction a number is.
    const { identity } = await postgres(admin).check(PREFIX);
    await assertRejects(
      () => postgres(clerk).outcomeOf("731@1", identity),
      ParticipantConfigurationError,
      "GRANT EXECUTE ON FUNCTION pg_control_system()",
    );
    await admin.unsafe(grant!);
    await postgres(clerk).check(PREFIX);
    await postgres(clerk).outcomeOf("731@1", identity);
  } finally {
    await admin.unsafe("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC");
  }
});

Deno.test("postgres.js: another database's prepared transactions are not listed", async () => {
  await using north = session("north", "postgres");
  await using south = session("south", "postgres");
  const gid = `${PREFIX}2_0`;
  await prepare(south, gid);
  try {
    assertEquals(await postgres(north).listPrepared(PREFIX), []);
    assertEquals(await postgres(north).listPrepared(""), []);
    assertEquals((await postgres(north).rollbackPrepared(gid)).kind, "operator");
    assertEquals((await postgres(south).listPrepared(PREFIX)).map((one) => one.gid), [gid]);
  } finally {
    assertEquals(await postgres(south).rollbackPrepared(gid), { kind: "done" });
  }
});

Deno.test("postgres.js: check() rejects while the server is not there", async () => {
  await using stopped = await PostgresCluster.start({ settings: { fsync: "off" } });
  await using sql = connect(stopped.url(), "check", { max: 1 });
  await postgres(sql).check(PREFIX);
  await stopped.kill();
  const error = await assertRejects(() => postgres(sql).check(PREFIX), Error);
  assertEquals(error instanceof ParticipantConfigurationError, false, String(error));
  await assertRejects(() => postgres(sql).acquire());
  await stopped.start();
  await postgres(sql).check(PREFIX);
});
