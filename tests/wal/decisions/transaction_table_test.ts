/** Guarantees that a table of transactions holds what a Map would, whatever comes and goes. */

import { assert, assertEquals } from "@std/assert";
import { TransactionTable } from "../../../src/wal/decisions/transaction_table.ts";
import { seededTest } from "../../simulation/seeds.ts";

Deno.test("TransactionTable tells numbers apart that share a half", () => {
  const table = new TransactionTable<{ name: string }>();
  const numbers = [0n, 1n, 64n, 1n << 32n, (1n << 32n) + 64n, 2n ** 64n - 1n];
  for (const txn of numbers) table.set(txn, { name: `${txn}` });
  for (const txn of numbers) assertEquals(table.get(txn), { name: `${txn}` });
  assertEquals([table.get(2n), table.has(2n ** 63n), table.size], [undefined, false, 6]);
});

Deno.test("TransactionTable.clear() takes all out, and others can come", () => {
  const table = new TransactionTable<object>();
  for (let txn = 0n; txn < 200n; txn++) table.set(txn, {});
  table.clear();
  assertEquals([table.size, table.values(), table.delete(7n)], [0, [], false]);
  table.set(7n, {});
  assert(table.has(7n) && !table.has(8n));
});

seededTest("TransactionTable holds what a Map would, in the same order", 100, (random) => {
  const table = new TransactionTable<{ step: number }>();
  const model = new Map<bigint, { step: number }>();
  const range = random.pick([4, 100, 1000]);
  const grown = random.below(10) / 10;
  const highs = [0n, 7_000_000_000_000n, 2n ** 63n];
  for (let step = 0; step < 500; step++) {
    const txn = random.pick(highs) + BigInt(random.below(range));
    if (random.chance(0.5 + grown / 2)) {
      table.set(txn, { step });
      model.set(txn, { step });
    } else assertEquals(table.delete(txn), model.delete(txn));
    assertEquals([table.get(txn), table.size], [model.get(txn), model.size]);
  }
  assertEquals(table.values(), [...model.values()]);
  for (const txn of model.keys()) assert(table.has(txn));
});
