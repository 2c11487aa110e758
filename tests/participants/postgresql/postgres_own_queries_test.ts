/**
 * The driver's own queries reject nobody, whatever becomes of their connection; those of the application
 * reject as they always did.
 */

import { assertRejects, assertStringIncludes } from "@std/assert";
import driver from "postgres";
import { silenceOwnQueries } from "../../../src/participants/postgresql/postgres_own_queries.ts";
import { soon } from "../../servers/databases.ts";
import { ScriptedServer, TERMINATED } from "./scripted_server.ts";

function connect(server: ScriptedServer, options: driver.Options<Record<string, never>> = {}) {
  const sql = driver(server.url, { max: 1, backoff: () => 0.001, ...options });
  silenceOwnQueries(sql);
  // However often it is said.
  silenceOwnQueries(sql);
  return Object.assign(sql, { [Symbol.asyncDispose]: () => sql.end({ timeout: 0 }) });
}

for (const end of ["an error", "nothing"]) {
  Deno.test(`silenceOwnQueries() keeps a lost question for the server's state silent, answered with ${end}`, async () => {
    const asked: string[] = [];
    await using server = new ScriptedServer(async (connection, number) => {
      await connection.next();
      if (number === 1) return await connection.fail(TERMINATED);
      await connection.welcome();
      asked.push(await connection.next());
      if (end === "an error") await connection.fail(TERMINATED);
    });
    // An unhandled rejection would fail the test.
    await using sql = connect(server, { target_session_attrs: "primary", fetch_types: false });
    await assertRejects(
      () => soon("the statement ends", sql.unsafe("SELECT 1")),
      Error,
      "terminating",
    );
    assertStringIncludes(asked[0]!, "pg_is_in_recovery");
  });
}

Deno.test("silenceOwnQueries() leaves the application its errors", async () => {
  await using server = new ScriptedServer(async (connection) => {
    await connection.next();
    await connection.welcome();
    await connection.answer(await connection.next());
    await connection.next();
    await connection.fail(["ERROR", "22012", "division by zero"]);
    await connection.next();
  });
  await using sql = connect(server);
  await assertRejects(async () => await sql.unsafe("SELECT 1 / 0"), Error, "division by zero");
  await assertRejects(async () => await sql.unsafe("SELECT 2"), Error, "CONNECTION");
  const cancelled = sql.unsafe("SELECT 3");
  cancelled.cancel();
  await assertRejects(async () => await cancelled, Error, "canceling");
});
