/**
 * A connection of which nothing is heard any more is given up in the end: what the coordinator asks by itself
 * has a limit, after which the session is ended and its place in the pool is free.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { EventEmitter } from "node:events";
import driver from "postgres";
import { ANSWER_MS } from "../../../src/participants/postgresql/answer_limit.ts";
import { WatchedPool } from "../../../src/participants/postgresql/node_postgres_pool.ts";
import { PostgresPool } from "../../../src/participants/postgresql/postgres_pool.ts";
import { PostgresJsSession } from "../../../src/participants/postgresql/postgres_session.ts";
import { soon } from "../../servers/databases.ts";
import { ManualClock } from "../../simulation/manual_clock.ts";
import { ScriptedServer } from "./scripted_server.ts";

/** A server that hears `SELECT 5` and says nothing to it, and a pool of one connection. */
function connect() {
  const heard = Promise.withResolvers<void>();
  const silence = Promise.withResolvers<void>();
  const server = new ScriptedServer((connection) => connection.serve());
  server.before = async (command) => {
    if (!command.endsWith("SELECT 5")) return;
    heard.resolve();
    await silence.promise;
  };
  const sql = driver(server.url, { max: 1, backoff: () => 0.001, onnotice: () => {} });
  const clock = new ManualClock();
  const pool = new PostgresPool<driver.ReservedSql>(sql, true, clock);
  return {
    server,
    sql,
    clock,
    pool,
    heard: heard.promise,
    /** Lets the server answer, and so read on: it closes what the client has ended. */
    speak: () => silence.resolve(),
    async [Symbol.asyncDispose]() {
      silence.resolve();
      await sql.end({ timeout: 0 });
      await server[Symbol.asyncDispose]();
    },
  };
}

Deno.test("PostgresPool.run() ends a connection that does not answer", async () => {
  await using opened = connect();
  const { clock, heard, pool, server } = opened;
  const asked = pool.run("SELECT 5");
  await soon("the statement is sent", heard);
  clock.advance(ANSWER_MS - 1);
  assertEquals(clock.timers, 1);
  clock.advance(1);
  await assertRejects(() => soon("it ends", asked), Error, "no answer within 30000 ms");
  opened.speak();
  assertEquals((await soon("the next is answered", pool.run("SELECT 6"))).length, 1);
  assertEquals([server.accepted, clock.timers], [2, 0]);
});

Deno.test("PostgresPool.run() does not end a connection that answers somebody else", async () => {
  await using opened = connect();
  const { clock, heard, pool, server, sql } = opened;
  // The driver sends what it is given behind that.
  const long = sql.unsafe("SELECT 5").then(() => "answered");
  await soon("the statement is sent", heard);
  const asked = pool.run("SELECT 6");
  clock.advance(ANSWER_MS);
  await assertRejects(() => soon("it ends", asked), Error, "no answer within 30000 ms");
  opened.speak();
  assertEquals(await soon("the application's is answered", long), "answered");
  await soon("the next is answered", pool.run("SELECT 7"));
  assertEquals([server.accepted, clock.timers], [1, 0]);
});

Deno.test("PostgresJsSession ends a connection that does not answer once it is released", async () => {
  await using opened = connect();
  const { clock, heard, pool, server } = opened;
  const session = new PostgresJsSession(await pool.reserve(), pool.connections, clock);
  await session.run("SELECT 1");
  const asked = session.run("SELECT 5").catch((error) => error);
  await soon("the statement is sent", heard);
  session.release(true);
  clock.advance(ANSWER_MS - 1);
  assertEquals(clock.timers, 1);
  clock.advance(1);
  assert(await soon("it ends", asked) instanceof Error);
  opened.speak();
  await soon("the next is answered", pool.run("SELECT 6"));
  assertEquals([server.accepted, clock.timers], [2, 0]);
});

Deno.test("PostgresJsSession gives back a connection that answers after its release", async () => {
  await using opened = connect();
  const { clock, heard, pool, server } = opened;
  const session = new PostgresJsSession(await pool.reserve(), pool.connections, clock);
  await session.run("SELECT 1");
  const asked = session.run("SELECT 5");
  await soon("the statement is sent", heard);
  session.release(true);
  opened.speak();
  await soon("it is answered", asked);
  assertEquals(clock.timers, 0);
  await soon("the next is answered", pool.run("SELECT 6"));
  assertEquals(server.accepted, 1);
});

/** A client whose statements are answered when the test says so. */
class SilentClient extends EventEmitter {
  readonly released: unknown[] = [];
  answer = Promise.withResolvers<unknown>();

  query(): Promise<unknown> {
    return this.answer.promise;
  }

  release(destroy?: Error | boolean): void {
    this.released.push(destroy);
    if (destroy === true) this.answer.reject(new Error("Connection terminated"));
  }
}

/** A pool of one client. */
class OnePool extends EventEmitter {
  readonly client = new SilentClient();

  connect(): Promise<SilentClient> {
    return Promise.resolve(this.client);
  }
}

Deno.test("nodePostgres() ends a client that does not answer", async () => {
  const clock = new ManualClock();
  const pool = new OnePool();
  const watched = new WatchedPool(pool, clock);
  const asked = assertRejects(() => watched.run("SELECT 5"), Error, "no answer within 30000 ms");
  await clock.settle();
  clock.advance(ANSWER_MS - 1);
  assertEquals(pool.client.released, []);
  clock.advance(1);
  await soon("it ends", asked);
  assertEquals(pool.client.released, [true]);
  pool.client.answer = Promise.withResolvers();
  pool.client.answer.resolve({ command: "SELECT", rows: [] });
  assertEquals(await watched.run("SELECT 6"), [{ command: "SELECT", rows: [] }]);
  assertEquals([pool.client.released, clock.timers], [[true, false], 0]);
  watched.detach();
});
