/**
 * node-postgres on a real PostgreSQL keeps the contract of a participant: as a superuser, as a role that may
 * only what it must, with a pool of one client, with pipelining, and with types of the application's own.
 */

import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
// @ts-types="@types/pg"
import type pg from "pg";
import { nodePostgres } from "../../src/participants/postgresql/node_postgres.ts";
import { type ContractSubject, participantContract } from "../participants/contract.ts";
import { assertPrepared, open, openWritten } from "../participants/contract/subject.ts";
import {
  dialectWithoutRights,
  postgresqlDialect as dialect,
  TABLES,
} from "../participants/postgresql/dialect.ts";
import { ContractServer } from "./contract_server.ts";
import { type Client, firstColumn, makePool } from "./node_postgres.ts";

const server = new ContractServer();

type Options = pg.PoolConfig & { pipeline?: boolean };

async function makeSubject(user: string, options: Options): Promise<ContractSubject<Client>> {
  const admin = makePool(server.url("north"), "admin", { max: 1 });
  const pools = [
    makePool(server.url("north", user), "contract", options),
    makePool(server.url("south", user), "contract", options),
  ] as const;
  await firstColumn(admin, TABLES);
  const participants = pools.map((pool) => nodePostgres(pool));
  return {
    participant: participants[0]!,
    other: participants[1]!,
    run: firstColumn,
    runOutside: (text) => firstColumn(admin, text),
    [Symbol.asyncDispose]: async () => {
      for (const participant of participants) participant.detach();
      for (const pool of [admin, ...pools]) await pool[Symbol.asyncDispose]();
      // What is listened to is let go of.
      assertEquals(pools.map((pool) => pool.listenerCount("error")), [0, 0]);
    },
  };
}

/** Every value another one than PostgreSQL said. */
const OTHER_TYPES = { getTypeParser: () => () => 42 };

const VARIANTS: Readonly<Record<string, [user: string, options: Options]>> = {
  "node-postgres": ["postgres", {}],
  "node-postgres as a role without rights": ["teller", {}],
  "node-postgres with pipelining": ["postgres", { pipeline: true }],
  "node-postgres with one client": ["postgres", { max: 1 }],
};

for (const [name, [user, options]] of Object.entries(VARIANTS)) {
  participantContract<Client>(name, {
    dialect: user === "postgres" ? dialect : dialectWithoutRights,
    branches: options.max === 1 ? "one" : "many",
    escapes: {
      release: (client) => client.release(),
      "release as an error": (client) => client.release(true),
      end: (client) => client.end(),
      connect: (client) => client.connect(),
    },
    makeSubject: () => makeSubject(user, options),
    register: (behaviour, body) => Deno.test(behaviour, body),
  });
}

Deno.test("node-postgres: the adapter is not disturbed by types and binary values", async () => {
  await using plain = await makeSubject("postgres", {});
  const expected = await plain.participant.check("indoubt_");
  for (const options of [{ types: OTHER_TYPES }, { binary: true }]) {
    await using subject = await makeSubject("postgres", options as Options);
    const { participant } = subject;
    assertEquals(await participant.check("indoubt_"), expected);
    await using opened = await openWritten(subject, dialect);
    const { token } = opened;
    assertPrepared(await opened.branch.prepare(), token);
    opened.release();
    assertEquals((await participant.listPrepared("")).map(({ gid }) => gid), [opened.gid]);
    assertEquals(await participant.outcomeOf(token, expected.identity), "in progress");
    assertEquals(await participant.commitPrepared(opened.gid), { kind: "done" });
  }
});

Deno.test("node-postgres: statements not waited for are in the branch", async () => {
  await using subject = await makeSubject("postgres", {});
  await using opened = await open(subject);
  const { client } = opened.branch;
  const asked = [1, 2, 3].map((value) => client.query(dialect.insert(value)));
  assertEquals((await opened.branch.prepare()).kind, "done");
  await Promise.all(asked);
  assertEquals(await opened.branch.commitPrepared(), { kind: "done" });
  opened.release();
  assertEquals(await subject.runOutside(dialect.count), ["3"]);
});

Deno.test("node-postgres: a branch's client takes callbacks, and hands out no other", async () => {
  await using subject = await makeSubject("postgres", {});
  await using opened = await open(subject);
  const { client } = opened.branch;
  const count = await new Promise<number | null>((resolve, reject) =>
    client.query("INSERT INTO entry (value) VALUES ($1)", [1], (error, result) => {
      if (error) reject(error);
      else resolve(result.rowCount);
    })
  );
  assertEquals(count, 1);
  assertEquals(opened.branch.wrote, true);
  const listener = () => {};
  assertStrictEquals(client.on("notice", listener), client);
  await opened.branch.rollback();
  // Letting go is allowed, working is not.
  client.removeListener("notice", listener);
  assertThrows(() => client.query("SELECT 1"), TypeError, "Cannot use this client");
  assertThrows(() => client.query("SELECT 1", () => {}), TypeError, "Cannot use this client");
});

Deno.test("node-postgres: acquire() passes on that no client came in time", async () => {
  await using subject = await makeSubject("postgres", { max: 1, connectionTimeoutMillis: 100 });
  const first = await open(subject);
  await assertRejects(() => subject.participant.acquire(), Error, "timeout");
  await first[Symbol.asyncDispose]();
  await using second = await openWritten(subject, dialect);
  assertEquals(await second.branch.commit(), { kind: "done" });
});
