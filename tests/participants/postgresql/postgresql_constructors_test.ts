/**
 * Guarantees that what is no client or pool is refused where it is given, in words that say what to give, and
 * not by the first transaction.
 */

import { assertEquals, assertThrows } from "@std/assert";
// @ts-types="@types/pg"
import pg from "pg";
import postgresDriver from "postgres";
import { nodePostgres } from "../../../src/participants/postgresql/node_postgres.ts";
import { postgres } from "../../../src/participants/postgresql/postgres.ts";

const URL = "postgres://nobody@127.0.0.1:1/nowhere";

Deno.test("postgres() refuses what is no client of postgres.js", async () => {
  const pool = new pg.Pool();
  for (const given of [URL, undefined, null, {}, () => {}, postgresDriver, pool]) {
    assertThrows(() => postgres(given as never), TypeError, "no client of postgres.js: give");
  }
  const sql = postgresDriver(URL);
  assertEquals(postgres(sql).kind, "postgresql");
  await Promise.all([sql.end(), pool.end()]);
});

Deno.test("nodePostgres() refuses what is no pool of node-postgres, and a single client", async () => {
  const sql = postgresDriver(URL);
  for (const given of [URL, undefined, null, {}, pg.Pool, sql]) {
    assertThrows(() => nodePostgres(given as never), TypeError, "no pool of node-postgres: give");
  }
  assertThrows(() => nodePostgres(new pg.Client() as never), TypeError, "a single client");
  const pool = new pg.Pool();
  assertEquals(nodePostgres(pool).kind, "postgresql");
  await Promise.all([sql.end(), pool.end()]);
});
