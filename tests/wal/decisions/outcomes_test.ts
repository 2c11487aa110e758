/**
 * Proves that an outcome is kept until so many others have ended that it must be forgotten, and that
 * nothing is said about a transaction of which nothing is known.
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Outcome, Outcomes } from "../../../src/wal/decisions/outcomes.ts";
import { checkProperty } from "../../simulation/seeds.ts";

const outcome = fc.record({
  txn: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  committed: fc.boolean(),
});

/** The ways in which outcomes come. */
const add = {
  oneByOne: (outcomes: Outcomes, all: readonly Outcome[]) => {
    for (const { txn, committed } of all) outcomes.add(txn, committed);
  },
  inHalves: (outcomes: Outcomes, all: readonly Outcome[]) => {
    for (const { txn, committed } of all) {
      outcomes.addHalves(Number(txn >> 32n), Number(txn & 0xffff_ffffn), committed);
    }
  },
  inRows: (outcomes: Outcomes, all: readonly Outcome[]) => {
    for (let from = 0; from < all.length; from += 30) {
      const few = all.slice(from, from + 30);
      const row = new Outcomes(few.length);
      for (const { txn, committed } of few) row.add(txn, committed);
      outcomes.addRow(row.row());
    }
  },
};
const ways = fc.constantFrom(...Object.keys(add) as (keyof typeof add)[]);

Deno.test("Outcomes keeps the last ones and says from where on it may have forgotten", () => {
  const ended = fc.uniqueArray(outcome, { maxLength: 200, selector: ({ txn }) => txn });
  checkProperty(
    fc.property(ended, fc.oneof(fc.nat(12), fc.nat(100)), ways, (all, limit, way) => {
      const outcomes = new Outcomes(limit);
      add[way](outcomes, all);
      assertEquals(outcomes.length, Math.min(all.length, limit));
      const kept = limit === 0 ? [] : all.slice(-limit);
      assertEquals([...outcomes], kept);
      for (const { txn, committed } of kept) assertEquals(outcomes.get(txn), committed);
      for (const { txn } of all.slice(0, all.length - kept.length)) {
        assertEquals(outcomes.get(txn), null);
      }
      const forgotten = all.slice(0, all.length - kept.length).map(({ txn }) => txn);
      assertEquals(
        outcomes.forgotten,
        forgotten.reduce((most, txn) => txn > most ? txn : most, 0n),
      );
    }),
    300,
  );
});

Deno.test("Outcomes.get() tells an aborted transaction from an unknown one", () => {
  const outcomes = new Outcomes(3);
  outcomes.add(7n, false);
  assertEquals([outcomes.get(7n), outcomes.get(8n), outcomes.forgotten], [false, null, 0n]);
});

Deno.test("Outcomes.forget() never takes back what was forgotten", () => {
  const outcomes = new Outcomes(3);
  for (const txn of [2n ** 40n, 5n, 2n ** 40n + 7n, 2n ** 40n + 6n]) outcomes.forget(txn);
  assertEquals(outcomes.forgotten, 2n ** 40n + 7n);
});
