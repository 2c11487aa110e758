/**
 * What the adapter for node-postgres does with clients that a real pool does not give: without the
 * driver's undocumented parts, with a state that does not fit, and with a canceller that fails.
 */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { EventEmitter } from "node:events";
import { BranchLostError } from "../../../src/coordinator/errors.ts";
import { nodePostgres } from "../../../src/participants/postgresql/node_postgres.ts";
import { cancelStatement } from "../../../src/participants/postgresql/node_postgres_cancel.ts";
import { NodePostgresSession } from "../../../src/participants/postgresql/node_postgres_session.ts";
import { answered } from "./scripted_runner.ts";

/** As a client of the native driver: no connection, no status, no process number. */
class FakeClient extends EventEmitter {
  answer: unknown = { command: "SELECT", rowCount: 1, rows: [["1"]] };
  released: unknown[] = [];

  query(..._parameters: unknown[]): Promise<unknown> {
    return this.answer instanceof Error
      ? Promise.reject(this.answer)
      : Promise.resolve(this.answer);
  }

  release(destroy?: Error | boolean): void {
    this.released.push(destroy);
  }
}

/** With what the driver's own clients have. */
class FullClient extends FakeClient {
  readonly connection = new EventEmitter();
  status: "I" | "T" | "E" = "I";

  getTransactionStatus(): string {
    return this.status;
  }
}

Deno.test("NodePostgresSession works with a client that tells no tags and no status", async () => {
  const client = new FakeClient();
  const session = new NodePostgresSession(client);
  assertEquals(await session.run("SELECT 1"), [{ command: "SELECT", rows: [["1"]] }]);
  client.answer = { command: null, rows: [] };
  assertEquals(await session.run(""), [{ command: "", rows: [] }]);
  assertEquals(session.wrote, false);
  await session.cancel();
  session.release(true);
  session.release(false);
  assertEquals(client.released, [false]);
  assertEquals(client.listenerCount("error") + client.listenerCount("end"), 0);
});

Deno.test("NodePostgresSession ends a client that is in a transaction all the same", () => {
  for (const [status, destroy] of [["I", false], ["T", true], ["E", true]] as const) {
    const client = Object.assign(new FullClient(), { status });
    const session = new NodePostgresSession(client);
    session.release(true);
    assertEquals(client.released, [destroy], status);
    assertEquals(client.connection.listenerCount("commandComplete"), 0);
  }
});

Deno.test("NodePostgresSession ends a client whose statement was not answered", async () => {
  for (
    const [answer, destroy] of [[answered("42704"), false], [new Error("timeout"), true]] as const
  ) {
    const client = new FullClient();
    const session = new NodePostgresSession(client);
    client.answer = answer;
    await assertRejects(() => session.run("COMMIT PREPARED 'x'"));
    session.release(true);
    assertEquals(client.released, [destroy]);
  }
});

Deno.test("NodePostgresSession refuses everything once its client is lost", async () => {
  for (const event of ["error", "end"]) {
    const client = new FullClient();
    const session = new NodePostgresSession(client);
    client.emit(event, ...event === "error" ? [new Error("read ECONNRESET")] : []);
    await assertRejects(() => session.run("SELECT 1"), BranchLostError);
    assertThrows(() => session.client.query("SELECT 1"), BranchLostError);
    // The loss stays the reason.
    session.closeClient();
    assertThrows(() => session.client.query("SELECT 1"), BranchLostError);
    session.release(true);
    assertEquals(client.released, [true]);
  }
});

Deno.test("NodePostgresSession ends a client to which a request to cancel is on its way", async () => {
  const arrived = Promise.withResolvers<void>();
  class Cancelling extends FakeClient {
    readonly connection = new EventEmitter();
    processID = 7;
    secretKey = 9;
    cancel(): void {
      void arrived.promise.then(() => this.connection.emit("end"));
    }
  }
  for (const destroy of [true, false]) {
    const client = new Cancelling();
    const session = new NodePostgresSession(client);
    const cancelling = session.cancel();
    if (!destroy) {
      arrived.resolve();
      await cancelling;
    }
    session.release(true);
    assertEquals(client.released, [destroy]);
  }
});

Deno.test("NodePostgresSession goes by the whole command tag", () => {
  const tags: [unknown, boolean][] = [
    ["SELECT 5", false],
    ["INSERT 0 0", false],
    ["COPY 5", false],
    [undefined, false],
    ["INSERT 0 5", true],
    ["UPDATE 1", true],
    ["CREATE TABLE", true],
  ];
  for (const [text, wrote] of tags) {
    const client = new FullClient();
    const session = new NodePostgresSession(client);
    client.connection.emit("commandComplete", { text });
    assertEquals(session.wrote, wrote, String(text));
    session.release(true);
  }
});

Deno.test("nodePostgres() listens until the last of its coordinators has let go", async () => {
  const client = new FakeClient();
  const pool = Object.assign(new EventEmitter(), { connect: () => Promise.resolve(client) });
  const participant = nodePostgres(pool);
  const open = (coordinator: string) =>
    participant.check(`indoubt_${coordinator}_`).catch(() => {});
  const expect = (listeners: number, when: string) =>
    assertEquals(pool.listenerCount("error"), listeners, when);
  for (const coordinator of ["a", "b", "a"]) await open(coordinator);
  participant.detach();
  expect(1, "b is open");
  // Each is checked from time to time.
  for (const coordinator of ["b", "a", "b"]) await open(coordinator);
  participant.detach();
  expect(1, "one of them is");
  participant.detach();
  expect(0, "all are closed");
  await participant.acquire().then((branch) => branch.release());
  expect(1, "somebody works with it");
  participant.detach();
  participant.detach();
  expect(0, "nobody does");
  await open("a");
  expect(1, "it is opened again");
  participant.detach();
  expect(0, "and closed");
});

Deno.test("cancelStatement() leaves alone what cannot be cancelled", async () => {
  class Unable {
    readonly connection = new EventEmitter();
  }
  const clients = [
    new FakeClient(),
    { processID: 7, secretKey: null },
    { processID: null, secretKey: 9 },
    Object.assign(new Unable(), { processID: 7, secretKey: 9 }),
  ];
  for (const client of clients) await cancelStatement(client);
});

Deno.test("cancelStatement() ends when the request fails", async () => {
  class Failing {
    readonly connection = new EventEmitter();
    processID = 7;
    secretKey = 9;
    cancel(target: { processID: number; secretKey: number }): void {
      assertEquals([target.processID, target.secretKey], [7, 9]);
      queueMicrotask(() => this.connection.emit("error", new Error("connect ECONNREFUSED")));
    }
  }
  await cancelStatement(new Failing());
});
