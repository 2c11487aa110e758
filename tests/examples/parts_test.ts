/**
 * The demo's kills and transfers come from its seed, and the parts of it that are easy to get wrong.
 *
 * @module
 */

import { PGlite } from "@electric-sql/pglite";
import { PROTOCOL_POINTS } from "@indoubt/coordinator";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { readLines } from "../../examples/demo/lines.ts";
import { planKills } from "../../examples/demo/plan.ts";
import { PREPARED_IN_SCHEMA } from "../../examples/demo/postgres_bank.ts";
import { SeededRandom } from "../../examples/demo/random.ts";
import { thinkOfTransfer } from "../../examples/demo/transfer.ts";

Deno.test("plan is repeated by its seed and differs by it", () => {
  assertEquals(planKills(5, 40), planKills(5, 40));
  assertEquals(planKills(5, 40).slice(0, 3), planKills(5, 3));
  assertNotEquals(planKills(5, 40), planKills(6, 40));
});

Deno.test("plan has each named point twice among the default 14 kills", () => {
  for (let seed = 0; seed < 50; seed++) {
    const kills = planKills(seed, 14);
    for (const point of PROTOCOL_POINTS) {
      const count = kills.filter((kill) => kill.kind === "point" && kill.point === point).length;
      assertEquals(count, 2, `${point} with seed ${seed}`);
    }
  }
});

Deno.test("plan interrupts only recoveries that have something to do", () => {
  for (let seed = 0; seed < 50; seed++) {
    const kills = planKills(seed, 70);
    for (const [index, { kind }] of kills.entries()) {
      if (kind !== "recovery") continue;
      const before = kills[index - 1];
      assert(before?.kind === "point" && before.point !== "all-committed", `seed ${seed}`);
    }
  }
});

Deno.test("transfers are repeated by their seed and some cannot go through", () => {
  const think = (...seeds: number[]) => {
    const random = new SeededRandom(...seeds);
    return Array.from({ length: 400 }, (_, index) => thinkOfTransfer(random, `${index}`));
  };
  assertEquals(think(1, 2, 3), think(1, 2, 3));
  assertNotEquals(think(1, 2, 3), think(1, 3, 2));
  const orders = think(9, 9, 9);
  const tooMuch = orders.filter(({ cents }) => cents > 5_000).length;
  const unknown =
    orders.filter(({ accounts }) => accounts.north > 20 || accounts.south > 20).length;
  assert(tooMuch > 5 && tooMuch < 50, `${tooMuch} with too much money`);
  assert(unknown > 5 && unknown < 50, `${unknown} to unknown accounts`);
});

Deno.test("random numbers stay in their range and use all of it", () => {
  const random = new SeededRandom(1);
  const seen = new Set(Array.from({ length: 500 }, () => random.integer(3, 7)));
  assertEquals([...seen].sort(), [3, 4, 5, 6, 7]);
});

Deno.test("lines leave out what a kill has cut off", async () => {
  const pieces = ["on", "e\ntwo\n", "thr\u00e9", "e\nfou"].map((text) =>
    new TextEncoder().encode(text)
  );
  const lines = await Array.fromAsync(readLines(ReadableStream.from(pieces)));
  assertEquals(lines, ["one", "two", "thr\u00e9e"]);
});

Deno.test("prepared transactions are found by the schema they hold locks in", async () => {
  const startParams = [...PGlite.defaultStartParams, "-c", "max_prepared_transactions=5"];
  const database = await PGlite.create({ startParams });
  try {
    for (const schema of ["ours", "theirs"]) {
      await database.query(`CREATE SCHEMA ${schema}`);
      await database.query(`CREATE TABLE ${schema}.accounts (id integer)`);
      await database.query("BEGIN");
      await database.query(`INSERT INTO ${schema}.accounts VALUES (1)`);
      await database.query(`PREPARE TRANSACTION 'of ${schema}'`);
    }
    await database.query("SET search_path TO ours");
    assertEquals((await database.query(PREPARED_IN_SCHEMA)).rows, [{ gid: "of ours" }]);
    await database.query("ROLLBACK PREPARED 'of ours'");
    assertEquals((await database.query(PREPARED_IN_SCHEMA)).rows, []);
  } finally {
    await database.close();
  }
});
