/**
 * Proves that the simulated databases answer as the real ones were measured to: one test for each
 * fact that the protocol rests upon.
 */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { SimulatedMariadb } from "./simulated_mariadb.ts";
import { SimulatedPostgresql } from "./simulated_postgresql.ts";
import { ServerError, type ServerSession, type SimulatedServer } from "./simulated_server.ts";

const LISTENER = { begun: () => {}, ended: () => {} };
const GID = "indoubt_abc_1_0";

function postgresql(): SimulatedPostgresql {
  return new SimulatedPostgresql("north", "postgresql:1/1", LISTENER);
}

function mariadb(leavesProof: boolean): SimulatedMariadb {
  return new SimulatedMariadb("north", "mariadb:1/1", LISTENER, leavesProof);
}

async function begin(server: SimulatedServer, row: number | null = 0): Promise<ServerSession> {
  const session = server.connect();
  server.begin(session, "abc_1");
  if (row !== null) await server.write(session, "abc_1", row);
  return session;
}

async function prepare(server: SimulatedServer): Promise<[ServerSession, string]> {
  const session = await begin(server);
  const { token } = server.examine(session);
  server.prepare(session, GID);
  return [session, token ?? ""];
}

function codeOf(action: () => unknown): string {
  return assertThrows(action, ServerError).code;
}

Deno.test("PostgreSQL prepares what outlives its session, and tells its outcome afterwards", async () => {
  for (const ending of ["commit", "rollback"] as const) {
    const server = postgresql();
    const [session, token] = await prepare(server);
    server.kill(session);
    assertEquals(server.outcomeOf(token, server.identity), "in progress");
    server.endPrepared(GID, ending);
    const outcome = ending === "commit" ? "committed" : "aborted";
    assertEquals(server.outcomeOf(token, server.identity), outcome);
    assertEquals(server.rows, ending === "commit" ? ["abc_1"] : []);
  }
});

Deno.test("PostgreSQL says 42704 of a gid that it does not hold, whatever became of it", async () => {
  const server = postgresql();
  assertEquals(codeOf(() => server.endPrepared(GID, "commit")), "42704");
  await prepare(server);
  server.endPrepared(GID, "commit");
  assertEquals(codeOf(() => server.endPrepared(GID, "commit")), "42704");
});

Deno.test("PostgreSQL says 42710 of a gid that is taken, and rolls back", async () => {
  const server = postgresql();
  await prepare(server);
  const second = await begin(server, 1);
  assertEquals(codeOf(() => server.prepare(second, GID)), "42710");
  assertEquals(second.transaction, null);
});

Deno.test("PostgreSQL answers PREPARE of a failed transaction with a roll-back", async () => {
  const server = postgresql();
  const session = await begin(server);
  session.failed = true;
  assertEquals(codeOf(() => server.prepare(session, GID)), "25P01");
  assertEquals([...server.prepared.keys()], []);
});

Deno.test("PostgreSQL says what has written by its transaction id", async () => {
  const server = postgresql();
  assertEquals(server.examine(await begin(server, null)).wrote, false);
  assertEquals(server.examine(await begin(server)).wrote, true);
});

Deno.test("PostgreSQL says 25006 while it is a standby", async () => {
  const server = postgresql();
  await prepare(server);
  server.readOnly = true;
  assertEquals(codeOf(() => server.endPrepared(GID, "commit")), "25006");
});

Deno.test("PostgreSQL goes back to a backup with what was prepared and without what came later", async () => {
  const server = postgresql();
  const [, token] = await prepare(server);
  const restore = server.snapshot();
  server.endPrepared(GID, "commit");
  const [later] = [(await begin(server, 1)).transaction?.xid ?? ""];
  restore();
  assertEquals(server.rows, []);
  assertEquals([...server.prepared.keys()], [GID]);
  assertEquals(server.outcomeOf(token, server.identity), "in progress");
  assertEquals(server.outcomeOf(later, server.identity), "unknown");
});

Deno.test("A session that ends as it is given a row has written nothing", async () => {
  const server = postgresql();
  const holder = await begin(server);
  const restore = server.snapshot();
  const waiting = await begin(server, null);
  const writing = server.write(waiting, "abc_1", 0);
  const { transaction } = waiting;
  // The holder goes first, and the row with it.
  server.kill(holder);
  server.kill(waiting);
  restore();
  assertEquals((await assertRejects(() => writing, ServerError)).code, "57P01");
  assertEquals([transaction?.xid, transaction?.rows], [null, []]);
  assertEquals((await begin(server)).failed, false);
});

Deno.test("MariaDB says 1397 from another session while the one that prepared lives", async () => {
  const server = mariadb(false);
  const [session] = await prepare(server);
  const other = server.connect();
  assertEquals(codeOf(() => server.endPrepared(GID, "commit", other)), "1397");
  assertEquals([...server.prepared.keys()], [GID]);
  server.kill(session);
  server.endPrepared(GID, "commit", other);
  assertEquals(server.rows, ["abc_1"]);
});

Deno.test("MariaDB says 1402 of a branch without changes from another session, and it is gone", async () => {
  const server = mariadb(false);
  const session = await begin(server, null);
  server.prepare(session, GID);
  server.kill(session);
  assertEquals(codeOf(() => server.endPrepared(GID, "commit", null)), "1402");
  assertEquals([...server.prepared.keys()], []);
});

Deno.test("MariaDB rolls back only after a deadlock, and says 1440 of an xid that is taken", async () => {
  const server = mariadb(false);
  const failed = await begin(server);
  failed.failed = true;
  assertEquals(codeOf(() => server.prepare(failed, GID)), "1399");
  await prepare(server);
  const second = await begin(server, 1);
  assertEquals(codeOf(() => server.prepare(second, GID)), "1440");
});

Deno.test("MariaDB proves an outcome only by the row that a branch leaves", async () => {
  for (
    const [leavesProof, ending, outcome] of [
      [true, "commit", "committed"],
      [true, "rollback", "aborted"],
      [false, "commit", "unproven"],
      [false, "rollback", "unproven"],
    ] as const
  ) {
    const server = mariadb(leavesProof);
    const [session, token] = await prepare(server);
    assertEquals(server.outcomeOf(token, server.identity), "in progress");
    server.endPrepared(GID, ending, session);
    server.kill(session);
    assertEquals(server.outcomeOf(token, server.identity), outcome);
  }
});

Deno.test("A row is held by who has prepared, and given to who waits longest", async () => {
  const server = postgresql();
  const [first] = await prepare(server);
  server.kill(first);
  const order: number[] = [];
  const waiting = [2, 3].map(async (number) => {
    const session = server.connect();
    server.begin(session, `abc_${number}`);
    await server.write(session, `abc_${number}`, 0);
    order.push(number);
    server.end(session, "commit");
  });
  await Promise.resolve();
  assertEquals(order, []);
  server.endPrepared(GID, "commit");
  await Promise.all(waiting);
  assertEquals(server.rows, ["abc_1", "abc_2", "abc_3"]);
});
