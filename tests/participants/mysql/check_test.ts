/**
 * checkMysql() on servers that tests cannot have: each refusal says what is wrong and what to do. MySQL is
 * among them: its answers are written down here from its manual.
 */

import { assertEquals, assertRejects, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { ParticipantConfigurationError } from "../../../src/coordinator/errors.ts";
import { checkMysql, identify, type Known } from "../../../src/participants/mysql/check.ts";
import { type Answer, answered, lost, ScriptedSession } from "./scripted_session.ts";

type Variables = Readonly<Record<string, string>>;

const MARIADB: Variables = {
  autocommit: "ON",
  default_storage_engine: "InnoDB",
  innodb_read_only: "OFF",
  read_only: "OFF",
  server_uid: "FNOBTUHwpQF4QA+9cEya+YtyqqA=",
  version: "10.11.19-MariaDB-0+deb12u1",
  wsrep_on: "OFF",
};

const MYSQL: Variables = {
  autocommit: "ON",
  default_storage_engine: "InnoDB",
  innodb_read_only: "OFF",
  read_only: "OFF",
  server_uuid: "3e11fa47-71ca-11e1-9e33-c80aa9429562",
  super_read_only: "OFF",
  version: "8.4.3",
};

function script(variables: Variables, answers: Record<string, Answer> = {}): ScriptedSession {
  return new ScriptedSession({
    "SHOW VARIABLES": Object.entries(variables),
    "SELECT HEX(DATABASE())": [["6F7264657273"]],
    "SELECT CURRENT_USER()": [["teller@localhost"]],
    ...answers,
  });
}

function known(server: string | null = null, database: string | null = null): Known {
  return { server, database };
}

async function refusal(session: ScriptedSession, server: string | null = null): Promise<string> {
  const error = await assertRejects(
    () => checkMysql(session, known(server)),
    ParticipantConfigurationError,
  );
  // Only the coordinator knows the name.
  assertEquals(error.participant, "");
  return error.reason;
}

Deno.test("checkMysql() makes the identity of server and database", async () => {
  const mariadb = await checkMysql(script(MARIADB), known());
  assertEquals(mariadb.identity, "mariadb:FNOBTUHwpQF4QA+9cEya+YtyqqA=/orders");
  const mysql = await checkMysql(script(MYSQL), known());
  assertEquals(mysql.identity, "mysql:3e11fa47-71ca-11e1-9e33-c80aa9429562/orders");
  assertEquals((await checkMysql(script(MYSQL), known("one"))).identity, "mysql:one/orders");
  assertEquals((await identify(script(MARIADB), known("one"))).identity, "mariadb:one/orders");
});

Deno.test("checkMysql() refuses a server that is too old", async () => {
  const versions: [Variables, string, string][] = [
    [MARIADB, "10.6.18-MariaDB", "use MariaDB 10.11 or later"],
    [MARIADB, "5.5.68-MariaDB", "use MariaDB 10.11 or later"],
    [MYSQL, "8.0.40", "use MySQL 8.4 or later"],
    [MYSQL, "5.7.44-log", "use MySQL 8.4 or later"],
  ];
  for (const [variables, version, advice] of versions) {
    const reason = await refusal(script({ ...variables, version }));
    assertStringIncludes(reason, version);
    assertStringIncludes(reason, advice);
  }
  for (const version of ["11.4.2-MariaDB", "12.0.1-MariaDB-log"]) {
    await checkMysql(script({ ...MARIADB, version }), known());
  }
  await checkMysql(script({ ...MYSQL, version: "9.1.0" }), known());
});

Deno.test("checkMysql() refuses a server that is read-only, in any way", async () => {
  for (const name of ["read_only", "super_read_only", "innodb_read_only"]) {
    // MariaDB 12 has stronger kinds of ON.
    for (const value of ["ON", "NO_LOCK", "1"]) {
      const reason = await refusal(script({ ...MYSQL, [name]: value }));
      assertStringIncludes(reason, `${name} is ${value}`);
      assertStringIncludes(reason, "connect to the primary");
    }
  }
});

Deno.test("checkMysql() refuses Galera, sessions without autocommit and engines without XA", async () => {
  const wrong: [Variables, string][] = [
    [{ ...MARIADB, wsrep_on: "ON" }, "Galera"],
    [{ ...MARIADB, autocommit: "OFF" }, "autocommit"],
    [{ ...MARIADB, default_storage_engine: "Aria" }, "set default_storage_engine to InnoDB"],
  ];
  for (const [variables, words] of wrong) {
    assertStringIncludes(await refusal(script(variables)), words);
  }
});

Deno.test("checkMysql() refuses a server that forgets prepared branches in a power failure", async () => {
  const name = "innodb_flush_log_at_trx_commit";
  for (const variables of [MARIADB, MYSQL]) {
    for (const value of ["0", "2"]) {
      const reason = await refusal(script({ ...variables, [name]: value }));
      assertStringIncludes(reason, `${name} is ${value}), set it to 1`);
    }
    for (const value of ["1", "3"]) {
      await checkMysql(script({ ...variables, [name]: value }), known());
    }
  }
  for (const value of ["0", "2", "100"]) {
    const binlog = { log_bin: "ON", sync_binlog: value };
    const reason = await refusal(script({ ...MYSQL, ...binlog }));
    assertStringIncludes(reason, `sync_binlog is ${value}`);
    assertStringIncludes(reason, "set sync_binlog to 1");
    await checkMysql(script({ ...MYSQL, ...binlog, log_bin: "OFF" }), known());
    // MariaDB's branches are in its storage engine's log, whatever its binary log has lost.
    await checkMysql(script({ ...MARIADB, ...binlog }), known());
  }
  await checkMysql(script({ ...MYSQL, log_bin: "ON", sync_binlog: "1" }), known());
});

Deno.test("checkMysql() refuses a user of MySQL who may not list what is prepared", async () => {
  for (const cause of [answered(1401), answered(1227)]) {
    const error = await assertRejects(
      () => checkMysql(script(MYSQL, { "XA RECOVER": cause }), known()),
      ParticipantConfigurationError,
    );
    assertStringIncludes(error.reason, "teller@localhost");
    assertStringIncludes(error.reason, "GRANT XA_RECOVER_ADMIN ON *.*");
    assertStrictEquals(error.cause, cause);
  }
});

Deno.test("checkMysql() refuses a pool without a database, and a server without a name", async () => {
  const unnamed = script(MARIADB, { "SELECT HEX(DATABASE())": [[null]] });
  assertStringIncludes(await refusal(unnamed), "name one in the pool's options");
  for (const { server_uid: _, ...nameless } of [MARIADB, { ...MARIADB, server_uid: "" }]) {
    assertStringIncludes(await refusal(script(nameless)), "give the option server");
    await checkMysql(script(nameless), known("given"));
  }
});

Deno.test("checkMysql() passes on every other error as it is", async () => {
  for (const error of [lost(), answered(1927), answered(1040)]) {
    for (const statement of ["SHOW VARIABLES", "SELECT HEX(DATABASE())", "XA RECOVER"]) {
      const session = script(MYSQL, { [statement]: error });
      assertStrictEquals(await assertRejects(() => checkMysql(session, known())), error);
    }
  }
});

Deno.test("checkMysql() does not take a missing value for an answer", async () => {
  for (const rows of [[], [["version", null]], [["autocommit", "ON"]]] as const) {
    const session = script({}, { "SHOW VARIABLES": rows });
    await assertRejects(() => checkMysql(session, known()), TypeError, "Cannot read");
  }
});
