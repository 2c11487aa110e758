/**
 * postgres.js on a real PostgreSQL keeps the contract of a participant: as a superuser, as a role
 * that may only what it must, with a pool of one connection, and with types and transforms of the
 * application's own.
 */

import { assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import driver from "postgres";
import { ParticipantConfigurationError } from "../../src/coordinator/errors.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import { type ContractSubject, participantContract } from "../participants/contract.ts";
import { assertPrepared, open, openWritten, outcomeOf } from "../participants/contract/subject.ts";
import {
  dialectWithoutRights,
  postgresqlDialect as dialect,
  TABLES,
} from "../participants/postgresql/dialect.ts";
import { ContractServer } from "./contract_server.ts";
import { connect, soon } from "./databases.ts";

const server = new ContractServer();

/** The first value of each row of the last result, whatever the client makes of rows. */
async function firstColumn(client: driver.ISql, text: string): Promise<string[]> {
  const answer: unknown = await client.unsafe(text).values();
  const results = answer as unknown[][] & { command?: string };
  // Of several statements there are several results, each with its rows.
  const rows = results.command === undefined ? results.at(-1) as unknown[][] : results;
  return rows.map((row) => String(Object.values(row)[0]));
}

type Options = driver.Options<Record<string, driver.PostgresType>>;

async function makeSubject(
  user: string,
  options: Options,
): Promise<ContractSubject<driver.ReservedSql>> {
  const admin = connect(server.url("north"), "admin", { max: 1 });
  const clients = [
    connect(server.url("north", user), "contract", options),
    connect(server.url("south", user), "contract", options),
  ] as const;
  await admin.unsafe(TABLES);
  return {
    participant: postgres(clients[0]),
    other: postgres(clients[1]),
    run: firstColumn,
    runOutside: (text) => firstColumn(admin, text),
    [Symbol.asyncDispose]: async () => {
      for (const sql of [admin, ...clients]) await sql[Symbol.asyncDispose]();
    },
  };
}

/** Everything an application may have told the driver about values, columns and rows. */
const TRANSFORMS: Readonly<Record<string, Options>> = {
  "camel": { transform: driver.camel },
  "pascal": { transform: driver.pascal },
  "kebab": { transform: driver.kebab },
  "bigint": { types: { bigint: driver.BigInt } },
  "every value another": { transform: { value: () => 42 } },
  "every column another": { transform: { column: () => "column" } },
  "undefined as null": { transform: { undefined: null } },
  "no prepared statements": { prepare: false },
  "no fetched types": { fetch_types: false },
};

const VARIANTS: Readonly<Record<string, [user: string, options: Options]>> = {
  "postgres.js": ["postgres", { max: 4 }],
  "postgres.js as a role without rights": ["teller", { max: 4 }],
  "postgres.js with transforms": ["postgres", {
    max: 4,
    transform: driver.camel,
    types: { bigint: driver.BigInt },
  }],
};

for (const [name, [user, options]] of Object.entries(VARIANTS)) {
  participantContract<driver.ReservedSql>(name, {
    dialect: user === "postgres" ? dialect : dialectWithoutRights,
    branches: "many",
    escapes: { release: (sql) => sql.release() },
    makeSubject: () => makeSubject(user, options),
    register: (name, body) => Deno.test(name, body),
  });
}

participantContract<driver.ReservedSql>("postgres.js with one connection", {
  dialect,
  branches: "one",
  escapes: { release: (sql) => sql.release() },
  makeSubject: () => makeSubject("postgres", { max: 1 }),
  register: (name, body) => Deno.test(name, body),
});

for (const [name, options] of Object.entries(TRANSFORMS)) {
  Deno.test(`postgres.js: the adapter is not disturbed by ${name}`, async () => {
    await using plain = await makeSubject("postgres", {});
    const expected = await plain.participant.check("indoubt_");
    await using subject = await makeSubject("postgres", { max: 2, ...options });
    const { participant } = subject;
    assertEquals(await participant.check("indoubt_"), expected);
    await using opened = await open(subject);
    await opened.branch.client.unsafe(dialect.insert(1));
    const { token } = await opened.branch.examine();
    assertNotEquals(token, null);
    assertPrepared(await opened.branch.prepare(), token);
    opened.release();
    const [prepared] = await participant.listPrepared("");
    assertEquals(prepared?.gid, opened.gid);
    assertEquals(Number.isNaN(prepared?.since.getTime()), false);
    assertEquals(await outcomeOf(subject, token!), "in progress");
    assertEquals(await participant.commitPrepared(opened.gid), { kind: "done" });
    assertEquals(await outcomeOf(subject, token!), "committed");
  });
}

/** The driver applies these also to rows that it was asked for as they are. */
const ROW_TRANSFORMS: Readonly<Record<string, (row: driver.Row) => unknown>> = {
  "into an object around it": (row) => ({ row }),
  "into a copy": (row) => ({ ...row }),
  "into texts": (row) => Object.values(row).map(String),
};

for (const [name, row] of Object.entries(ROW_TRANSFORMS)) {
  Deno.test(`postgres.js: check() refuses a client with a transform of rows ${name}`, async () => {
    await using subject = await makeSubject("postgres", { transform: { row } });
    const error = await assertRejects(
      () => subject.participant.check("indoubt_"),
      ParticipantConfigurationError,
    );
    assertStringIncludes(error.reason, "without `transform.row`");
  });
}

Deno.test("postgres.js: prepare() is refused, for now, by a serialization conflict", async () => {
  await using subject = await makeSubject("postgres", { max: 2 });
  const options = { isolationLevel: "serializable" } as const;
  await using first = await open(subject, options);
  await using second = await open(subject, options);
  // Each writes what the other has counted, so that neither can have come first.
  for (const { branch } of [first, second]) await firstColumn(branch.client, dialect.count);
  for (const { branch } of [first, second]) {
    await firstColumn(branch.client, dialect.insert(1));
    await branch.examine();
  }
  assertEquals((await first.branch.prepare()).kind, "done");
  const answer = await second.branch.prepare();
  assertEquals([answer.kind, "retryable" in answer && answer.retryable], ["refused", true]);
  assertEquals(await first.branch.commitPrepared(), { kind: "done" });
});

Deno.test("postgres() pads the start of connections, unless it is told not to", async () => {
  for (const [options, length] of [[{}, 1024], [{ startupPadding: false }, null]] as const) {
    await using sql = connect(server.url("north"), "padded", { max: 2 });
    const branch = await postgres(sql, options).acquire();
    await branch.begin({ gid: "indoubt_padded_1_0" });
    const [row] = await branch.client`
      SELECT length(current_setting('indoubt.padding', true)) AS padding,
        current_setting('application_name') AS name
    `;
    assertEquals({ ...row }, { padding: length, name: "padded" });
    await branch.rollback();
    branch.release();
  }
});

Deno.test("postgres.js: a branch is not disturbed by max_lifetime", async () => {
  await using subject = await makeSubject("postgres", { max: 1, max_lifetime: 0.05 });
  await using opened = await openWritten(subject, dialect);
  const [pid] = await lifetimes(subject);
  assertPrepared(await opened.branch.prepare(), opened.token);
  assertEquals(await lifetimes(subject), [pid]);
  assertEquals(await opened.branch.commitPrepared(), { kind: "done" });
});

/** Waits until the only session of the client is older than it may become, and gives its number. */
async function lifetimes(subject: ContractSubject<unknown>): Promise<string[]> {
  return await subject.runOutside(
    "SELECT pg_sleep(0.2); SELECT pid FROM pg_stat_activity WHERE application_name = 'contract'",
  );
}

/** Ways of a pool to have no connection that is open when a branch asks for one. */
const POOLS: Readonly<Record<string, Options>> = {
  "a fresh pool": {},
  "a pool that closes idle connections": { idle_timeout: 0.05 },
  "a fresh pool that fetches no types": { fetch_types: false },
  "a pool that closes idle connections and fetches no types": {
    idle_timeout: 0.05,
    fetch_types: false,
  },
};

for (const [name, options] of Object.entries(POOLS)) {
  Deno.test(`postgres.js: acquire() gets every connection of ${name}`, async () => {
    await using subject = await makeSubject("postgres", { max: 3, ...options });
    for (let round = 0; round < 2; round++) {
      const opening = [1, 2, 3].map(() => openWritten(subject, dialect));
      for (const one of await soon("three branches at once", Promise.all(opening))) {
        assertEquals(await one.branch.commit(), { kind: "done" });
        one.release();
      }
      // Long enough for connections that are idle to be closed.
      await subject.runOutside("SELECT pg_sleep(0.1)");
    }
    assertEquals(await subject.runOutside(dialect.count), ["6"]);
  });
}
