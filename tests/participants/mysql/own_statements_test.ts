/**
 * Statements of the coordinator's own: their connection goes back if all of them were answered, and is ended
 * otherwise, also if it has gone silent, so that its place in the pool is free.
 */

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { mysql } from "../../../src/participants/mysql/mysql.ts";
import { ANSWER_MS, OwnStatements } from "../../../src/participants/mysql/own_statements.ts";
import { ManualClock } from "../../simulation/manual_clock.ts";
import { FakeConnection, FakePool } from "./fake_pool.ts";
import { answered, lost } from "./scripted_session.ts";

function make(answer: Promise<unknown>) {
  const clock = new ManualClock();
  const pool = new FakePool(answer);
  return { clock, pool, own: new OwnStatements(pool, clock) };
}

/** Lets what is ready to run do so. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("OwnStatements.use() runs what belongs together on one connection, and gives it back", async () => {
  const { clock, pool, own } = make(Promise.resolve([[["1"]]]));
  const rows = await own.use(async (runner) => {
    await runner.run("one");
    return (await runner.run("two")).rows;
  });
  assertEquals(rows, [["1"]]);
  assertEquals(pool.connections.map(({ log }) => log), [["one", "two", "release"]]);
  assertEquals(clock.timers, 0);
});

Deno.test("OwnStatements.use() ends a connection that does not answer in time", async () => {
  const { clock, pool, own } = make(new Promise(() => {}));
  const using = assertRejects(
    () => own.use((runner) => runner.run("one")),
    Error,
    "within 60000 ms",
  );
  await settled();
  clock.advance(ANSWER_MS - 1);
  await settled();
  assertEquals(pool.connections[0]!.log, ["one"]);
  clock.advance(1);
  await using;
  assertEquals(pool.connections[0]!.log, ["one", "destroy"]);
});

Deno.test("OwnStatements.use() ends a connection that was lost, whatever became of the error", async () => {
  for (const swallowed of [false, true]) {
    const error = lost();
    const { pool, own } = make(Promise.reject(error));
    const using = own.use((runner) =>
      runner.run("one").catch((error) => {
        if (!swallowed) throw error;
      })
    );
    if (swallowed) await using;
    else assertStrictEquals(await assertRejects(() => using), error);
    assertEquals(pool.connections[0]!.log, ["one", "destroy"]);
  }
});

Deno.test("OwnStatements.use() ends a connection without autocommit", async () => {
  const { pool, own } = make(Promise.resolve([{ affectedRows: 0, serverStatus: 0 }]));
  await own.use((runner) => runner.run("one"));
  assertEquals(pool.connections[0]!.log, ["one", "destroy"]);
});

Deno.test("OwnStatements.use() gives back a connection after an error that the server answered", async () => {
  const { pool, own } = make(Promise.reject(answered(1397)));
  await own.use((runner) => runner.run("one").catch(() => {}));
  assertEquals(pool.connections[0]!.log, ["one", "release"]);
});

Deno.test("OwnStatements.use() gives back a connection that comes too late", async () => {
  const { clock, pool, own } = make(Promise.resolve([[]]));
  const late = Promise.withResolvers<FakeConnection>();
  pool.getConnection = () => late.promise;
  const using = assertRejects(
    () => own.use((runner) => runner.run("one")),
    Error,
    "the pool gave none",
  );
  clock.advance(ANSWER_MS);
  await using;
  const connection = new FakeConnection();
  late.resolve(connection);
  await settled();
  assertEquals(connection.log, ["release"]);
});

Deno.test("mysql(): no statement of the coordinator's own goes to just any connection", async () => {
  const { pool } = make(Promise.resolve([[]]));
  pool.query = () => Promise.reject(new Error("The pool was asked"));
  const participant = mysql(pool);
  assertEquals(await participant.listPrepared("indoubt_"), []);
  assertEquals(await participant.rollbackPrepared("indoubt_1_0"), { kind: "done" });
  assertEquals(pool.connections.map(({ log }) => log.at(-1)), ["release", "release"]);
});
