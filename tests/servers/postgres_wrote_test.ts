/**
 * By whatever means of postgres.js the application writes, the branch either knows it from the command tag
 * or says that it does not know; it never calls a branch a writer that has only read.
 */

import { assertEquals } from "@std/assert";
import type driver from "postgres";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import { PostgresCluster } from "./cluster.ts";
import { connect, connectAdmin, createDatabases } from "./databases.ts";

let cluster: PostgresCluster;
let branches = 0;

Deno.test.beforeAll(async () => {
  cluster = await PostgresCluster.start({ settings: { fsync: "off" } });
  await createDatabases(cluster, "north");
});

Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

type Sql = driver.ReservedSql;

/** What the application does, and whether the branch knows afterwards that it wrote. */
const MEANS: Readonly<Record<string, [knows: boolean, use: (sql: Sql) => Promise<unknown>]>> = {
  "a template": [true, async (sql) => await sql`INSERT INTO entry VALUES (${"a"}, 1)`],
  "a helper": [true, async (sql) => await sql`INSERT INTO entry ${sql([{ id: "a", value: 1 }])}`],
  "a text": [true, async (sql) => await sql.unsafe("INSERT INTO entry VALUES ('a', 1)")],
  "a text with parameters": [
    true,
    async (sql) => await sql.unsafe("INSERT INTO entry VALUES ($1, 1)", ["a"]),
  ],
  "several statements": [
    true,
    async (sql) => await sql.unsafe("SELECT 1; INSERT INTO entry VALUES ('a', 1); SELECT 2"),
  ],
  "simple()": [true, async (sql) => await sql`INSERT INTO entry VALUES ('a', 1)`.simple()],
  "raw()": [true, async (sql) => await sql`INSERT INTO entry VALUES (${"a"}, 1)`.raw()],
  "values()": [
    true,
    async (sql) => await sql`INSERT INTO entry VALUES ('a', 1) RETURNING id`.values(),
  ],
  "forEach()": [
    true,
    async (sql) => await sql`INSERT INTO entry VALUES ('a', 1) RETURNING id`.forEach(() => {}),
  ],
  "a cursor in one step": [true, async (sql) => {
    await sql`INSERT INTO entry VALUES ('a', 1), ('b', 2) RETURNING id`.cursor(10, () => {});
  }],
  // The tag counts the rows of the last step only.
  "a cursor in several steps": [false, async (sql) => {
    const cursor = sql`INSERT INTO entry VALUES ('a', 1), ('b', 2), ('c', 3) RETURNING id`.cursor(
      1,
    );
    let rows = 0;
    for await (const batch of cursor) rows += batch.length;
    assertEquals(rows, 3);
  }],
  "a stream": [false, async (sql) => {
    const stream = await sql`COPY entry FROM STDIN`.writable();
    const finished = new Promise((resolve, reject) => {
      stream.on("error", reject);
      stream.on("finish", resolve);
    });
    stream.end("a\t1\n");
    await finished;
  }],
  "a function called by SELECT": [
    false,
    async (sql) => await sql`SELECT setval('counter', 7)`,
  ],
  "nothing but reading": [false, async (sql) => {
    await sql`SELECT * FROM entry`;
    await sql`SELECT * FROM entry`.forEach(() => {});
    for await (const _ of sql`SELECT * FROM generate_series(1, 5)`.cursor(2));
    await sql`SELECT * FROM entry`.describe();
    await sql.unsafe("SELECT 1; SELECT 2");
  }],
};

for (const [name, [knows, use]] of Object.entries(MEANS)) {
  Deno.test(`postgres.js: a branch ${knows ? "knows" : "does not say"} that it wrote after ${name}`, async () => {
    await using admin = connectAdmin(cluster, "north");
    await admin`TRUNCATE entry`;
    await admin`CREATE SEQUENCE IF NOT EXISTS counter`;
    await using sql = connect(cluster.url("north"), "wrote", { max: 2 });
    const branch = await postgres(sql).acquire();
    await branch.begin({ gid: `indoubt_wrote_${++branches}_0` });
    await use(branch.client);
    assertEquals(branch.wrote, knows);
    const answer = await branch.prepare();
    assertEquals(answer.kind, "done");
    assertEquals((await branch.commitPrepared()).kind, "done");
    branch.release();
  });
}
