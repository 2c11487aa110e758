/**
 * What a branch has given back serves the next one, as long as nobody else asks for it: no statement and no
 * branch waits for a connection that is only kept, and nothing of the branch before is left.
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import driver from "postgres";
import { KEEP_MS, MOST_BRANCHES } from "../../../src/participants/postgresql/postgres_kept.ts";
import { PostgresPool } from "../../../src/participants/postgresql/postgres_pool.ts";
import { PostgresJsSession } from "../../../src/participants/postgresql/postgres_session.ts";
import { soon, until } from "../../servers/databases.ts";
import { ManualClock } from "../../simulation/manual_clock.ts";
import { ScriptedServer } from "./scripted_server.ts";

type Pool = PostgresPool<driver.ReservedSql>;

/** A pool on a server that serves; its clock stands still, so that nothing is given back because of it. */
async function start(max: number) {
  const stack = new AsyncDisposableStack();
  const server = stack.use(new ScriptedServer((connection) => connection.serve()));
  const sql = driver(server.url, { max, backoff: () => 0.001, onnotice: () => {} });
  stack.defer(() => sql.end({ timeout: 0 }));
  const reserve = sql.reserve.bind(sql);
  let reservations = 0;
  sql.reserve = () => {
    reservations++;
    return reserve();
  };
  const clock = new ManualClock();
  const pool: Pool = new PostgresPool<driver.ReservedSql>(sql, true, clock);
  await pool.run("SELECT 2");
  return {
    server,
    sql,
    clock,
    pool,
    /** How the driver reserves, unnoticed by the pool. */
    reserve,
    reservations: () => reservations,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function begin(pool: Pool): Promise<PostgresJsSession<driver.ReservedSql>> {
  const session = new PostgresJsSession(await soon("a connection", pool.take()), pool);
  await soon("BEGIN is answered", session.run("BEGIN"));
  return session;
}

async function useBranch(pool: Pool): Promise<void> {
  const session = await begin(pool);
  await session.run("ROLLBACK");
  session.release(true);
}

Deno.test("a connection serves one branch after the other, reserved once", async () => {
  await using made = await start(3);
  const { pool } = made;
  for (let count = 0; count < 5; count++) await useBranch(pool);
  assertEquals(made.reservations(), 1);
  const [first, second] = [await begin(pool), await begin(pool)];
  assertEquals(made.reservations(), 2);
  first.release(true);
  second.release(true);
  await Promise.all([useBranch(pool), useBranch(pool)]);
  assertEquals(made.reservations(), 2);
});

Deno.test("the client of a branch that has ended is refused while the next one has its connection", async () => {
  await using made = await start(1);
  const { pool, server } = made;
  const sent: string[] = [];
  server.before = (command) => Promise.resolve(void sent.push(command));
  const before = await begin(pool);
  const { client } = before;
  const pending = client.unsafe("DELETE 1");
  before.closeClient();
  before.release(true);
  const next = await begin(pool);
  await assertRejects(() => before.run("DELETE 3"), Error, "lost");
  await assertRejects(async () => await client.unsafe("DELETE 2"), TypeError, "ended");
  await assertRejects(async () => await pending, TypeError, "ended");
  assertEquals([before.wrote, next.wrote], [false, false]);
  await next.client.unsafe("SELECT 5");
  assertEquals(sent, ["BEGIN", "BEGIN", "SELECT 5"]);
  next.release(true);
});

Deno.test("a statement of the application's has a connection that is kept at once", async () => {
  await using made = await start(1);
  const { pool, sql, clock } = made;
  await useBranch(pool);
  assertEquals(clock.timers, 1);
  await soon("it is answered", sql.unsafe("SELECT 5"));
  assertEquals(clock.timers, 0);
  await useBranch(pool);
  await soon("a statement of a pool is answered", pool.run("SELECT 6"));
  await useBranch(pool);
  (await soon("a reservation of the application's", sql.reserve())).release();
  await useBranch(pool);
  const other = new PostgresPool<driver.ReservedSql>(sql, true, clock);
  const held = await soon("a connection for another pool of the same client", other.take());
  other.giveBack(held);
});

Deno.test("whoever waits when a branch ends has its connection before the next branch", async () => {
  await using made = await start(1);
  const { pool, sql } = made;
  const order: string[] = [];
  for (
    const [name, ask] of Object.entries({
      statement: async (): Promise<void> => void await sql.unsafe("SELECT 5"),
      reservation: async () => (await sql.reserve()).release(),
      branch: () => useBranch(pool),
    })
  ) {
    const session = await begin(pool);
    order.length = 0;
    const waiting = ask().then(() => order.push(name));
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(order, []);
    session.release(true);
    const next = useBranch(pool).then(() => order.push("next"));
    await soon("both are done", Promise.all([waiting, next]));
    assertEquals(order, [name, "next"]);
  }
});

Deno.test("a connection that was not used for a time is given back", async () => {
  await using made = await start(2);
  const { pool, clock } = made;
  const [first, second] = [await begin(pool), await begin(pool)];
  first.release(true);
  second.release(true);
  clock.advance(KEEP_MS - 1);
  const again = await pool.take();
  pool.giveBack(again);
  // One of the two was used since.
  clock.advance(1);
  assertStrictEquals(await pool.take(), again);
  pool.giveBack(again);
  clock.advance(KEEP_MS);
  assertStrictEquals(await pool.take(), again);
  pool.giveBack(again);
  clock.advance(KEEP_MS);
  clock.advance(KEEP_MS);
  assertEquals(clock.timers, 0);
  const fresh = await pool.take();
  assert(fresh !== again);
  pool.giveBack(fresh);
});

Deno.test("who asks the driver unnoticed waits for a number of branches only", async () => {
  await using made = await start(1);
  const { pool, reserve } = made;
  await useBranch(pool);
  let reserved = false;
  const waiting = reserve().then((sql) => {
    reserved = true;
    sql.release();
  });
  let branches = 1;
  while (!reserved && branches <= MOST_BRANCHES) {
    await useBranch(pool);
    branches++;
  }
  await soon("it has its turn", waiting);
  assert(branches <= MOST_BRANCHES + 1, `${branches}`);
});

Deno.test("a connection that is lost while it is kept serves no branch", async () => {
  await using made = await start(1);
  const { pool, server } = made;
  const session = await begin(pool);
  session.release(true);
  server.cut();
  await until("the loss is noticed", () => !pool.connections.whole);
  await useBranch(pool);
  await assertRejects(() => session.run("SELECT 5"), Error, "lost");
});

Deno.test("a connection that may be in a transaction is not kept, nor one never used", async () => {
  await using made = await start(1);
  const { pool, clock } = made;
  const session = await begin(pool);
  session.release(false);
  assertEquals(clock.timers, 0);
  await useBranch(pool);
  await pool.run("SELECT 5");
  const unused = await pool.take();
  pool.giveBack(unused);
  assertEquals(clock.timers, 0);
});

Deno.test("a connection that is ended in the middle of a statement is not kept", async () => {
  await using made = await start(1);
  const { pool, server, clock } = made;
  const answering = Promise.withResolvers<void>();
  const session = await begin(pool);
  server.before = (command) => command === "SELECT 5" ? answering.promise : Promise.resolve();
  const running = assertRejects(() => session.run("SELECT 5"), Error, "CONNECTION_DESTROYED");
  await new Promise((resolve) => setTimeout(resolve, 0));
  session.release(false);
  await soon("the statement ends", running);
  assertEquals(clock.timers, 0);
  answering.resolve();
  await useBranch(pool);
});

Deno.test("the client can be ended while connections are kept, and a pool be detached", async () => {
  await using made = await start(2);
  const { pool, sql, clock } = made;
  await useBranch(pool);
  pool.detach();
  assertEquals(clock.timers, 0);
  const session = await begin(pool);
  pool.detach();
  session.release(true);
  assertEquals(clock.timers, 0);
  await useBranch(pool);
  assertEquals(clock.timers, 1);
  await soon("the client ends", sql.end());
  assertEquals(clock.timers, 0);
});
