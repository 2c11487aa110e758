/**
 * What a pool of postgres.js goes through while its server goes and comes back, moment for moment: nothing
 * ends the process, no statement and no branch waits for ever, no answer goes to another statement, and in
 * the end every connection of the pool can be used.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import driver from "postgres";
import { BranchLostError } from "../../../src/coordinator/errors.ts";
import { PostgresConnections } from "../../../src/participants/postgresql/postgres_connections.ts";
import {
  PostgresPool,
  RESERVE_MS,
  TURN_MS,
} from "../../../src/participants/postgresql/postgres_pool.ts";
import { PostgresJsSession } from "../../../src/participants/postgresql/postgres_session.ts";
import { soon } from "../../servers/databases.ts";
import { ManualClock } from "../../simulation/manual_clock.ts";
import {
  type Script,
  type ScriptedConnection,
  ScriptedServer,
  STARTING,
  TERMINATED,
} from "./scripted_server.ts";

type Moment = (connection: ScriptedConnection) => Promise<void>;

/** After the startup and as many commands as are said. */
const after = (commands: number, then: Moment): Moment => async (connection) => {
  await connection.next();
  await connection.welcome();
  for (let left = commands; left > 0; left--) await connection.answer(await connection.next());
  await then(connection);
};

const silently: Moment = async (connection) => void await connection.next();
const unread: Moment = (connection) => connection.touch();
const terminated: Moment = async (connection) => {
  await connection.next();
  await connection.fail(TERMINATED);
};

/** How the first connections of a pool end. The first command is the driver's, unless it fetches no types. */
const MOMENTS: Readonly<Record<string, Moment>> = {
  "as soon as it is accepted": () => Promise.resolve(),
  "with the startup unread": unread,
  "after the startup": silently,
  "with 57P03": async (connection) => {
    await connection.next();
    await connection.fail(STARTING);
  },
  "when it is ready": after(0, () => Promise.resolve()),
  "when it is ready, with 57P01": after(0, (connection) => connection.fail(TERMINATED)),
  "at command 1": after(0, silently),
  "with command 1 unread": after(0, unread),
  "at command 1, with 57P01": after(0, terminated),
  "not at all, but command 1 is cancelled": after(0, async (connection) => {
    await connection.next();
    await connection.fail(["ERROR", "57014", "canceling statement due to statement timeout"]);
    await connection.serve();
  }),
  "after command 1": after(1, () => Promise.resolve()),
  "at command 2": after(1, silently),
  "with command 2 unread": after(1, unread),
  "at command 2, with 57P01": after(1, terminated),
  "after command 2": after(2, () => Promise.resolve()),
  "at command 3": after(2, silently),
  "with command 3 unread": after(2, unread),
  "at command 3, with 57P01": after(2, terminated),
};

/** How those end that come in their place. */
const NEXT: Readonly<Record<string, Moment>> = {
  "the next ones are served": (connection) => connection.serve(),
  "the next ones end with 57P03": MOMENTS["with 57P03"]!,
  "the next ones end at command 1": MOMENTS["at command 1"]!,
};

/** The first connection ends behind so many answers; every later one serves. */
function endsAfter(answers: number): Script {
  return async (connection, number) => {
    if (number > 0) await connection.serve();
    await connection.next();
    await connection.welcome();
    for (let count = 0; count < answers; count++) {
      await connection.answer(await connection.next());
    }
  };
}

function connect(server: ScriptedServer, max: number, fetchTypes = true) {
  const options = { max, fetch_types: fetchTypes, backoff: () => 0.001, onnotice: () => {} };
  const sql = driver(server.url, options);
  return Object.assign(sql, { [Symbol.asyncDispose]: () => sql.end({ timeout: 0 }) });
}

/** Counts rejections that nobody handles; with none of them a process lives on. */
function watchRejections() {
  const unhandled: unknown[] = [];
  const listen = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  addEventListener("unhandledrejection", listen);
  return {
    unhandled,
    [Symbol.dispose]: () => removeEventListener("unhandledrejection", listen),
  };
}

/** Begins and rolls back until it works once. */
async function useBranch(pool: PostgresPool<driver.ReservedSql>): Promise<void> {
  for (let tries = 0; tries < 10; tries++) {
    const session = await soon("a reservation ends", pool.reserve()).then(
      (reserved) => new PostgresJsSession(reserved, pool.connections),
      notInTime,
    );
    if (session === null) continue;
    try {
      await soon("BEGIN is answered", session.run("BEGIN"));
      await soon("ROLLBACK is answered", session.run("ROLLBACK"));
      return session.release(true);
    } catch (error) {
      notInTime(error);
      session.release(false);
    }
  }
  throw new Error("The pool gives no connection that works");
}

/** Lets every error pass but that of `soon`. */
function notInTime(error: unknown): null {
  if (error instanceof Error && error.message.startsWith("Does not happen")) throw error;
  return null;
}

/** Every connection answers at the same time as the others. */
async function assertUsable(server: ScriptedServer, sql: driver.Sql, max: number): Promise<void> {
  let asked = 0;
  const all = Promise.withResolvers<void>();
  server.before = async (command) => {
    if (command !== "SELECT 'all'") return;
    if (++asked === max) all.resolve();
    await all.promise;
  };
  const ask = async () => {
    // One that was lost may fail once more, with the error that ended it.
    for (let lost = 0;; lost++) {
      try {
        return await sql.unsafe("SELECT 'all'");
      } catch (error) {
        if (lost === max) throw error;
      }
    }
  };
  await soon(
    "all connections answer at the same time",
    Promise.all(Array.from({ length: max }, ask)),
  );
}

for (const [moment, script] of Object.entries(MOMENTS)) {
  Deno.test(`PostgresPool outlives connections that end ${moment}`, async () => {
    using watch = watchRejections();
    for (const fetchTypes of [true, false]) {
      for (const max of [1, 3]) {
        for (const [then, next] of Object.entries(NEXT)) {
          const which = `${then}, ${max} connection(s), fetch_types: ${fetchTypes}`;
          await using server = new ScriptedServer(async (connection, number) => {
            if (number < max) await script(connection);
            else if (number < 2 * max) await next(connection);
            else await connection.serve();
          });
          await using sql = connect(server, max, fetchTypes);
          const pool = new PostgresPool<driver.ReservedSql>(sql, true);
          const asking = Promise.all(
            [1, 2, 3].map(() => soon("a statement ends", pool.run("SELECT 2")).catch(notInTime)),
          );
          try {
            await Promise.all(Array.from({ length: max }, () => useBranch(pool)));
            await asking;
            server.script = (connection) => connection.serve();
            await pool.run("SELECT 3").catch(() => {});
            await assertUsable(server, sql, max);
          } catch (cause) {
            throw new Error(which, { cause });
          }
          assertEquals(watch.unhandled, [], which);
        }
      }
    }
  });
}

/** A pool whose connections are served, and one of which was lost, so that probes go before reservations. */
async function lossyPool(server: ScriptedServer, sql: driver.Sql, clock: ManualClock) {
  const pool = new PostgresPool<driver.ReservedSql>(sql, true, clock);
  await pool.run("SELECT 2");
  server.cut();
  await assertRejects(() => pool.run("SELECT 3"));
  assert(!pool.connections.whole);
  return pool;
}

Deno.test("PostgresPool.reserve() is not held up by a probe that is not answered", async () => {
  const [asked, answering] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let probes = 0;
  await using server = new ScriptedServer((connection) => connection.serve());
  await using sql = connect(server, 2);
  const clock = new ManualClock();
  const pool = await lossyPool(server, sql, clock);
  server.before = async (command) => {
    if (command !== "SELECT 1" || ++probes > 1) return;
    asked.resolve();
    await answering.promise;
  };
  const held = pool.reserve();
  const next = pool.reserve();
  await soon("the first asks", asked.promise);
  clock.advance(TURN_MS - 1);
  assertEquals(probes, 1);
  clock.advance(1);
  (await soon("the next has a connection", next)).release();
  answering.resolve();
  (await soon("the first has one after all", held)).release();
  assertEquals(clock.timers, 0);
  await assertUsable(server, sql, 2);
});

Deno.test("PostgresPool.reserve() gives up, and gives back what comes after all", async () => {
  const asked = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const answering = Promise.withResolvers<void>();
  let probes = 0;
  await using server = new ScriptedServer((connection) => connection.serve());
  await using sql = connect(server, 2);
  const clock = new ManualClock();
  const pool = await lossyPool(server, sql, clock);
  server.before = async (command) => {
    if (command !== "SELECT 1") return;
    asked[probes++]?.resolve();
    await answering.promise;
  };
  const waiting = [pool.reserve(), pool.reserve(), pool.reserve()].map((reserving) =>
    assertRejects(() => reserving, Error, "Cannot take a connection")
  );
  await soon("the first asks", asked[0].promise);
  clock.advance(TURN_MS);
  await soon("the second asks", asked[1].promise);
  clock.advance(TURN_MS);
  // There are no more connections to ask.
  await soon("the third is refused", waiting[2]!);
  clock.advance(RESERVE_MS);
  await soon("the others give up", Promise.all(waiting));
  assertEquals([probes, clock.timers], [2, 0]);
  answering.resolve();
  await assertUsable(server, sql, 2);
  (await soon("a connection", pool.reserve())).release();
});

Deno.test("PostgresPool.reserve() asks again when a connection closes that it waits for", async () => {
  for (const fetchTypes of [true, false]) {
    await using server = new ScriptedServer((connection) => connection.serve());
    await using sql = connect(server, 1, fetchTypes);
    const pool = new PostgresPool<driver.ReservedSql>(sql, true);
    const session = new PostgresJsSession(await pool.reserve(), pool.connections);
    await session.run("BEGIN");
    const waiting = pool.reserve();
    server.cut();
    (await soon("a connection", waiting)).release();
    await assertRejects(() => session.run("ROLLBACK"), Error, "lost");
    session.release(false);
    await assertUsable(server, sql, 1);
  }
});

Deno.test("PostgresPool.reserve() loses no connection that closes while it waits for it", async () => {
  for (const fetchTypes of [true, false]) {
    await using server = new ScriptedServer((connection) => connection.serve());
    await using sql = connect(server, 1, fetchTypes);
    const pool = new PostgresPool<driver.ReservedSql>(sql, true);
    let running: Promise<unknown> | null = null;
    server.before = async (command) => {
      if (command === "SELECT 2") server.cut();
      if (command !== "SELECT 1" || running !== null) return;
      // Sent behind the probe, so that the reservation has to wait for it.
      running = assertRejects(() => pool.run("SELECT 2"));
      await new Promise((resolve) => setTimeout(resolve, 0));
    };
    (await soon("a connection", pool.reserve())).release();
    await running;
    await assertUsable(server, sql, 1);
  }
});

Deno.test("PostgresPool.run() sends nothing to a connection between its error and its end", async () => {
  const sent: string[] = [];
  await using server = new ScriptedServer(endsAfter(2));
  // No length of a startup message heals anything here.
  await using sql = connect(server, 1);
  const pool = new PostgresPool<driver.ReservedSql>(sql, false);
  server.before = (command) => {
    sent.push(command);
    return Promise.resolve();
  };
  await pool.run("SELECT 2");
  await assertRejects(() => pool.run("SELECT 3"), Error);
  // In the same turn: the driver may not have heard of its end.
  for (const statement of ["SELECT 4", "SELECT 5"]) {
    await soon(statement, pool.run(statement));
  }
  assertEquals(sent.slice(-2), ["SELECT 4", "SELECT 5"]);
});

Deno.test("PostgresJsSession sends nothing to its connection between error and end", async () => {
  await using server = new ScriptedServer(endsAfter(3));
  // No length of a startup message heals anything here.
  await using sql = connect(server, 1);
  const pool = new PostgresPool<driver.ReservedSql>(sql, false);
  const session = new PostgresJsSession(await pool.reserve(), pool.connections);
  await session.run("BEGIN");
  await assertRejects(async () => await session.client.unsafe("SELECT 3"), Error);
  // In the same turn: the driver may not have heard of its end.
  const [own, coordinator] = await Promise.allSettled([
    soon("the application's statement ends", session.client.unsafe("SELECT 4")),
    soon("the coordinator's statement ends", session.run("ROLLBACK")),
  ]);
  assertEquals([own.status, coordinator.status], ["rejected", "rejected"]);
  session.release(false);
  await assertUsable(server, sql, 1);
});

Deno.test("PostgresJsSession gives back no connection that it ends before it has closed", async () => {
  await using server = new ScriptedServer((connection) => connection.serve());
  await using sql = connect(server, 1);
  const pool = new PostgresPool<driver.ReservedSql>(sql, true);
  const session = new PostgresJsSession(await pool.reserve(), pool.connections);
  await session.run("BEGIN");
  const asked = Promise.withResolvers<void>();
  const answering = Promise.withResolvers<void>();
  server.before = async (command) => {
    if (command !== "SELECT 5") return;
    asked.resolve();
    await answering.promise;
  };
  const running = assertRejects(() => session.run("SELECT 5"), Error, "CONNECTION_DESTROYED");
  await soon("the statement is sent", asked.promise);
  session.release(false);
  await soon("the statement ends", running);
  let reserved = false;
  const reserving = pool.reserve().finally(() => reserved = true);
  // The server has not read that it is over. A turn is enough to be given what the pool has.
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert(!reserved);
  answering.resolve();
  const next = new PostgresJsSession(await soon("a connection", reserving), pool.connections);
  await soon("BEGIN is answered", next.run("BEGIN"));
  await next.run("ROLLBACK");
  next.release(true);
  await assertUsable(server, sql, 1);
});

Deno.test("PostgresJsSession gives back no connection to which its BEGIN was still on the way", async () => {
  await using server = new ScriptedServer((connection) => connection.serve());
  await using sql = connect(server, 1);
  const pool = new PostgresPool<driver.ReservedSql>(sql, true);
  const session = new PostgresJsSession(await pool.reserve(), pool.connections);
  const beginning = session.run("BEGIN").catch(() => {});
  session.release(false);
  await soon("BEGIN ends", beginning);
  await assertRejects(() => session.run("ROLLBACK"), BranchLostError);
  const next = new PostgresJsSession(
    await soon("a connection", pool.reserve()),
    pool.connections,
  );
  await soon("BEGIN is answered", next.run("BEGIN"));
  assertEquals(server.accepted, 2);
  await next.run("ROLLBACK");
  next.release(true);
  await assertUsable(server, sql, 1);
});

Deno.test("PostgresConnections tells each connection once more that it has ended", () => {
  const ended: number[] = [];
  const told: number[] = [];
  const options = { max: 2, onclose: (id: number) => void told.push(id) };
  const sql = Object.assign(driver({ max: 1 }), { options });
  const connections = new PostgresConnections(sql, false);
  for (const id of [7, 8]) {
    connections.use({ id, connect: () => {}, terminate: () => ended.push(id) });
  }
  let called = 0;
  connections.whenClosed(() => called++);
  options.onclose(8);
  options.onclose(9);
  assertEquals([ended, told, called], [[8], [8, 9], 1]);
});
