/**
 * A request to cancel goes over a connection of its own and reaches whatever the session does by then. So it
 * is waited for, moment for moment; a session does not go to anybody else before it has arrived; and nothing
 * is cancelled that would end by itself.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import driver from "postgres";
import { PostgresPool } from "../../../src/participants/postgresql/postgres_pool.ts";
import { PostgresJsSession } from "../../../src/participants/postgresql/postgres_session.ts";
import { soon } from "../../servers/databases.ts";
import { type ScriptedConnection, ScriptedServer } from "./scripted_server.ts";

/** A session in a branch on a server that takes requests to cancel, and closes their connections when told. */
async function begin() {
  const asked = Promise.withResolvers<void>();
  const closing = Promise.withResolvers<void>();
  let cancels = 0;
  const server = new ScriptedServer(async (connection, number) => {
    if (number === 0) return await serve(connection);
    if (await connection.next() === "(cancel)") {
      cancels++;
      asked.resolve();
      await closing.promise;
      return;
    }
    await connection.welcome();
    await connection.serve();
  });
  const statement = Promise.withResolvers<void>();
  const finishing = Promise.withResolvers<void>();
  async function serve(connection: ScriptedConnection): Promise<void> {
    for (let command = await connection.next();; command = await connection.next()) {
      if (command === "(startup)") await connection.welcome();
      else if (command === "SELECT 5") {
        statement.resolve();
        await finishing.promise;
        await connection.fail(["ERROR", "57014", "canceling statement due to user request"]);
      } else await connection.answer(command);
    }
  }
  const sql = driver(server.url, { max: 1, onnotice: () => {} });
  const pool = new PostgresPool<driver.ReservedSql>(sql, true);
  const session = new PostgresJsSession(await pool.reserve(), pool.connections);
  await session.run("BEGIN");
  return {
    server,
    pool,
    session,
    /** Resolves when the server has the request. */
    asked: asked.promise,
    /** Resolves when the server has the statement. */
    sent: statement.promise,
    /** Lets the server answer the statement. */
    finish: () => finishing.resolve(),
    /** Lets the server close the connections of the requests. */
    closeCancels: () => closing.resolve(),
    countCancels: () => cancels,
    async [Symbol.asyncDispose]() {
      finishing.resolve();
      closing.resolve();
      await sql.end({ timeout: 0 });
      await server[Symbol.asyncDispose]();
    },
  };
}

Deno.test("PostgresJsSession.cancel() waits until the request has arrived", async () => {
  await using begun = await begin();
  const running = assertRejects(async () => await begun.session.client.unsafe("SELECT 5"));
  await soon("the statement is sent", begun.sent);
  let cancelled = false;
  const cancelling = begun.session.cancel().then(() => cancelled = true);
  await soon("the request is sent", begun.asked);
  begun.finish();
  await soon("the statement ends", running);
  // Two turns are enough for what waits for nothing else.
  await begun.session.run("ROLLBACK");
  assert(!cancelled);
  begun.closeCancels();
  await soon("it is cancelled", cancelling);
  begun.session.release(true);
  const next = new PostgresJsSession(
    await soon("a connection", begun.pool.reserve()),
    begun.pool.connections,
  );
  await next.run("BEGIN");
  await next.run("ROLLBACK");
  next.release(true);
  assertEquals(begun.server.accepted, 2, "it is the same session");
});

Deno.test("PostgresJsSession is given to nobody while a request to cancel it is on its way", async () => {
  await using begun = await begin();
  const running = assertRejects(async () => await begun.session.client.unsafe("SELECT 5"));
  await soon("the statement is sent", begun.sent);
  const cancelling = begun.session.cancel();
  await soon("the request is sent", begun.asked);
  begun.finish();
  await soon("the statement ends", running);
  await begun.session.run("ROLLBACK");
  // Whoever waits for the request has given up.
  begun.session.release(true);
  const next = new PostgresJsSession(
    await soon("a connection", begun.pool.reserve()),
    begun.pool.connections,
  );
  await soon("BEGIN is answered", next.run("BEGIN"));
  assertEquals(begun.server.accepted, 3, "it is another session");
  await next.run("ROLLBACK");
  next.release(true);
  begun.closeCancels();
  await soon("it is cancelled", cancelling);
});

Deno.test("PostgresJsSession.cancel() cancels what is under way, not what comes behind it", async () => {
  await using begun = await begin();
  const running = assertRejects(async () => await begun.session.client.unsafe("SELECT 5"));
  const behind = begun.session.client.unsafe("SELECT 6").then(() => "answered");
  await soon("the statement is sent", begun.sent);
  begun.session.closeClient();
  const rolledBack = begun.session.run("ROLLBACK");
  const cancelling = begun.session.cancel();
  await soon("the request is sent", begun.asked);
  begun.closeCancels();
  await soon("it is cancelled", cancelling);
  begun.finish();
  await soon("the statement ends", running);
  assertEquals(await soon("the one behind it ends", behind), "answered");
  assertEquals((await soon("ROLLBACK ends", rolledBack)).at(-1)?.command, "ROLLBACK");
  assertEquals(begun.countCancels(), 1);
  begun.session.release(true);
});

Deno.test("PostgresJsSession.cancel() does not reject where the request cannot be sent", async () => {
  await using begun = await begin();
  const running = assertRejects(async () => await begun.session.client.unsafe("SELECT 5"));
  await soon("the statement is sent", begun.sent);
  begun.closeCancels();
  begun.server.script = () => Promise.resolve();
  await soon("it ends", begun.session.cancel());
  begun.finish();
  await soon("the statement ends", running);
  begun.session.release(false);
});
