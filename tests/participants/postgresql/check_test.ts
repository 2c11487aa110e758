/**
 * checkPostgresql() on servers that tests cannot have: each refusal says what is wrong and what to
 * do.
 */

import { assertEquals, assertRejects, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { ParticipantConfigurationError } from "../../../src/coordinator/errors.ts";
import { checkPostgresql } from "../../../src/participants/postgresql/check.ts";
import { type Answer, answered, ScriptedSession } from "./scripted_runner.ts";

const PREFIX = "indoubt_check_";
const NO_ROW = { command: "SELECT", rows: [] };

/** What a database answers that can take part, in the order in which it is asked. */
const GOOD = {
  version: "150018",
  slots: "100",
  standby: "false",
  role: "teller",
  superuser: "false",
};

const IDENTITY = ["7710598831469104338", "16384", "orders"];

function script(
  values: Partial<typeof GOOD> = {},
  answers: Record<string, Answer> = {},
): ScriptedSession {
  return new ScriptedSession({
    ...answers,
    pg_is_in_recovery: Object.values({ ...GOOD, ...values }),
    pg_prepared_xacts: NO_ROW,
    pg_control_system: IDENTITY,
    ...answers,
  });
}

async function refusal(session: ScriptedSession): Promise<string> {
  const error = await assertRejects(
    () => checkPostgresql(session, PREFIX),
    ParticipantConfigurationError,
  );
  // Only the coordinator knows the name.
  assertEquals(error.participant, "");
  return error.reason;
}

Deno.test("checkPostgresql() makes the identity of server and database", async () => {
  const { identity } = await checkPostgresql(script(), PREFIX);
  assertEquals(identity, "postgresql:7710598831469104338/16384/orders");
});

Deno.test("checkPostgresql() refuses a server that is too old", async () => {
  for (const version of ["120022", "90624"]) {
    const reason = await refusal(script({ version }));
    assertStringIncludes(reason, version);
    assertStringIncludes(reason, "use PostgreSQL 13 or later");
  }
  await checkPostgresql(script({ version: "130000" }), PREFIX);
});

Deno.test("checkPostgresql() refuses a server without prepared transactions", async () => {
  const reason = await refusal(script({ slots: "0" }));
  assertStringIncludes(reason, "max_prepared_transactions is 0");
  await checkPostgresql(script({ slots: "1" }), PREFIX);
});

Deno.test("checkPostgresql() refuses a standby", async () => {
  assertStringIncludes(await refusal(script({ standby: "true" })), "connect to the primary");
});

Deno.test("checkPostgresql() refuses a role that may not ask which server it is", async () => {
  const cause = answered("42501");
  const session = script({}, { pg_control_system: cause });
  const error = await assertRejects(
    () => checkPostgresql(session, PREFIX),
    ParticipantConfigurationError,
  );
  assertStringIncludes(error.reason, 'GRANT EXECUTE ON FUNCTION pg_control_system() TO "teller"');
  assertStrictEquals(error.cause, cause);
});

Deno.test("checkPostgresql() refuses own branches that another role has prepared", async () => {
  const session = script({}, { pg_prepared_xacts: [`${PREFIX}1_0`, "clerk"] });
  const reason = await refusal(session);
  assertStringIncludes(reason, `${PREFIX}1_0`);
  assertStringIncludes(reason, 'connect as "clerk" or as a superuser');
  assertStringIncludes(session.ran.join(), `'${PREFIX}'`);
});

Deno.test("checkPostgresql() lets a superuser end what another role has prepared", async () => {
  const session = script({ superuser: "true" }, { pg_prepared_xacts: [`${PREFIX}1_0`, "clerk"] });
  await checkPostgresql(session, PREFIX);
});

Deno.test("checkPostgresql() tells the role that ends branches, unless that may end any", async () => {
  assertEquals((await checkPostgresql(script(), PREFIX)).role, "teller");
  assertEquals((await checkPostgresql(script({ superuser: "true" }), PREFIX)).role, null);
});

Deno.test("checkPostgresql() passes on every other error as it is", async () => {
  const errors = [answered("57P01", "FATAL"), answered("XX000"), new Error("ECONNRESET")];
  for (const error of errors) {
    for (const statement of ["pg_is_in_recovery", "pg_control_system", "pg_prepared_xacts"]) {
      const session = script({}, { [statement]: error });
      const thrown = await assertRejects(() => checkPostgresql(session, PREFIX));
      assertStrictEquals(thrown, error);
    }
  }
});

Deno.test("checkPostgresql() does not take a missing value for an answer", async () => {
  for (const missing of [NO_ROW, ["150018", null, "false", "x", "true"]]) {
    const session = script({}, { pg_is_in_recovery: missing });
    await assertRejects(() => checkPostgresql(session, PREFIX), TypeError, "Cannot read");
  }
});

Deno.test("checkPostgresql() refuses a server that does not tell of its write-ahead log", async () => {
  for (const state of ["0A000", "42501", "42883"]) {
    const cause = answered(state);
    const reason = await refusal(script({}, { pg_walfile_name: cause }));
    assertStringIncludes(reason, "write-ahead log");
    assertStringIncludes(reason, "use PostgreSQL itself");
  }
  const error = answered("57014");
  const session = script({}, { pg_walfile_name: error });
  assertStrictEquals(await assertRejects(() => checkPostgresql(session, PREFIX)), error);
});
