/**
 * A session of mysql2 on a connection that does what tests want: what is counted as changed, what is
 * refused, when the connection goes back, and who is interrupted.
 */

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { BranchLostError } from "../../../src/coordinator/errors.ts";
import { mysql } from "../../../src/participants/mysql/mysql.ts";
import { Mysql2Session } from "../../../src/participants/mysql/mysql2_session.ts";
import { FakeConnection, FakePool } from "./fake_pool.ts";
import { answered, lost } from "./scripted_session.ts";

/** What the driver gives for an OK. */
interface Ok {
  readonly affectedRows: number | string;
}

function make() {
  const pool = new FakePool();
  const connection = new FakeConnection();
  return { pool, connection, session: new Mysql2Session(pool, connection) };
}

const ok = (affectedRows: number | string): Ok => ({ affectedRows });

Deno.test("Mysql2Session.wrote goes by the OK of any statement in an answer", async () => {
  const answers: [unknown, boolean][] = [
    [[ok(1)], true],
    [[ok("1")], true],
    [[ok(0)], false],
    [[[{ value: 1 }]], false],
    [[[]], false],
    [[[[{ value: 1 }], ok(1)]], true],
    [[[ok(1), [{ value: 1 }]]], true],
    [[[[{ value: 1 }], ok(0)]], false],
    [undefined, false],
  ];
  for (const [answer, wrote] of answers) {
    for (const method of ["query", "execute"] as const) {
      const { connection, session } = make();
      connection.answer = Promise.resolve(answer);
      assertStrictEquals(await session.client[method]("statement"), answer);
      assertEquals(session.wrote, wrote, JSON.stringify(answer));
    }
  }
});

Deno.test("Mysql2Session does not count the coordinator's own statements", async () => {
  const { connection, session } = make();
  connection.answer = Promise.resolve([ok(1)]);
  assertEquals(await session.run("INSERT"), { affectedRows: 1, rows: [] });
  assertEquals(session.wrote, false);
});

Deno.test("Mysql2Session: a prepared statement is refused after the end, and may be closed", async () => {
  const { connection, session } = make();
  connection.answer = Promise.resolve([ok(1)]);
  const statement = await session.client.prepare("INSERT") as {
    execute(): Promise<unknown>;
    close(): Promise<unknown>;
  };
  await statement.execute();
  assertEquals(session.wrote, true);
  session.closeClient();
  assertThrows(() => statement.execute(), TypeError, "Cannot use this client");
  await statement.close();
  assertEquals(connection.log, ["INSERT", "closed"]);
});

Deno.test("Mysql2Session: the client's chained methods do not hand out the connection", () => {
  const { session } = make();
  assertStrictEquals(session.client.on(), session.client);
});

Deno.test("Mysql2Session.release() gives back what is clean, once", () => {
  const { connection, session } = make();
  session.release(true);
  session.release(false);
  assertEquals(connection.log, ["release"]);
});

Deno.test("Mysql2Session.release() ends what is not clean, and the waiting in it", async () => {
  const cases: ((session: Mysql2Session<FakeConnection>, connection: FakeConnection) => unknown)[] =
    [
      // Something is under way, of the application or the coordinator.
      (session) => void session.client.query("statement").catch(() => {}),
      (session) => void session.run("statement").catch(() => {}),
      // A statement was not answered by the server.
      async (session, connection) => {
        connection.answer = Promise.reject(lost());
        await assertRejects(() => session.run("statement"));
      },
    ];
  for (const bring of cases) {
    const { connection, session } = make();
    connection.answer = new Promise(() => {});
    await bring(session, connection);
    session.release(true);
    assertEquals(connection.log.at(-1), "destroy");
  }
  const { connection, session } = make();
  connection.answer = new Promise(() => {});
  const waiting = session.client.query("statement");
  session.release(false);
  await assertRejects(() => waiting, Error, "its branch has ended");
});

Deno.test("Mysql2Session.release() gives back after errors that the server answered", async () => {
  const { connection, session } = make();
  connection.answer = Promise.reject(answered(1399));
  await assertRejects(() => session.run("XA END"));
  session.release(true);
  assertEquals(connection.log.at(-1), "release");
});

Deno.test("Mysql2Session.release() ends a session that was left without autocommit", async () => {
  // As the last OK says: what has been set back does no harm.
  const statuses: [number[], string][] = [
    [[0x4002, 0x0003], "release"],
    [[0x4002, 0x4000], "destroy"],
    [[0x4000, 0x4002], "release"],
  ];
  for (const [list, end] of statuses) {
    const { connection, session } = make();
    for (const serverStatus of list) {
      connection.answer = Promise.resolve([{ affectedRows: 0, serverStatus }]);
      await session.run("XA END");
      // Rows come without it.
      connection.answer = Promise.resolve([[]]);
      await session.run("SELECT");
    }
    session.release(true);
    assertEquals(connection.log.at(-1), end);
  }
});

Deno.test("Mysql2Session.run() knows what was not sent", async () => {
  const { connection, session } = make();
  const cause = new Error("Can't add new command when connection is in closed state");
  connection.answer = Promise.reject(cause);
  const error = await assertRejects(() => session.run("XA PREPARE"), BranchLostError);
  assertStrictEquals(error.cause, cause);
});

Deno.test("Mysql2Session.interrupt() kills the statement, and its session is ended", async () => {
  const { pool, connection, session } = make();
  await session.interrupt();
  assertEquals(pool.connections.length, 0);
  const waiting = Promise.withResolvers<unknown>();
  connection.answer = waiting.promise;
  const statement = session.client.query("statement");
  await session.interrupt();
  assertEquals(pool.connections[0]!.log, ["KILL QUERY 5", "release"]);
  waiting.resolve([[]]);
  await statement;
  session.release(true);
  assertEquals(connection.log.at(-1), "destroy");
});

Deno.test("Mysql2Session.interrupt() that gets its connection too late kills nothing", async () => {
  for (const end of ["the statement", "the branch"]) {
    const { pool, connection, session } = make();
    const [waiting, late] = [
      Promise.withResolvers<unknown>(),
      Promise.withResolvers<FakeConnection>(),
    ];
    connection.answer = waiting.promise;
    pool.getConnection = () => late.promise;
    const statement = session.client.query("statement").catch(() => {});
    const interrupted = session.interrupt();
    if (end === "the branch") session.release(false);
    else {
      waiting.resolve([[]]);
      await statement;
    }
    const other = new FakeConnection();
    late.resolve(other);
    await interrupted;
    assertEquals(other.log, ["release"]);
  }
});

Deno.test("Mysql2Session.interrupt() that fails leaves the session to be ended", async () => {
  const { pool, connection, session } = make();
  connection.answer = new Promise(() => {});
  const waiting = session.client.query("statement");
  pool.getConnection = () => Promise.reject(lost());
  await session.interrupt();
  const other = new FakeConnection();
  // There is no such thread any more.
  other.answer = Promise.reject(answered(1094));
  pool.getConnection = () => Promise.resolve(other);
  await session.interrupt();
  assertEquals(other.log, ["KILL QUERY 5", "release"]);
  session.release(true);
  assertEquals(connection.log.at(-1), "destroy");
  await assertRejects(() => waiting, Error, "its branch has ended");
});

Deno.test("Mysql2Session.identify() asks once for each connection", async () => {
  const { pool, connection, session } = make();
  const answers = [[[["7", "1800000100"]]], [[["Uptime", "100"]]]];
  connection.query = () => {
    connection.log.push("asked");
    return Promise.resolve(answers.shift());
  };
  const identified = { connection: "7", serverStart: 1800000000 };
  assertEquals(await session.identify(), identified);
  assertEquals(await new Mysql2Session(pool, connection).identify(), identified);
  assertEquals(connection.log.length, 2);
});

Deno.test("mysql() refuses a pool with callbacks, which would never answer", () => {
  const pool = Object.assign(new FakePool(), { promise: () => new FakePool() });
  assertThrows(() => mysql(pool), TypeError, "give its promise()");
  assert(mysql(pool.promise()).kind === "mysql");
});

Deno.test("mysql() refuses names that it may not write", () => {
  for (const server of ["", "a b", "a'b", "s".repeat(65)]) {
    assertThrows(() => mysql(new FakePool(), { server }), RangeError, "Cannot call a server");
  }
  assertThrows(() => mysql(new FakePool(), { outcomeTable: "a b" }), RangeError);
  assertThrows(() => mysql(new FakePool(), { outcomeTable: "a", outcomeDays: 0 }), RangeError);
  assert(mysql(new FakePool(), { server: "db-1.internal:3306" }).kind === "mysql");
});
