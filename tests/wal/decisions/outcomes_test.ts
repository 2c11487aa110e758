/**
 * Proves that an outcome is kept until so many others have ended that it must be forgotten, and that
 * nothing is said about a transaction of which nothing is known.
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Outcomes } from "../../../src/wal/decisions/outcomes.ts";
import { checkProperty } from "../../simulation/seeds.ts";

const outcome = fc.record({
  txn: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  committed: fc.boolean(),
});

Deno.test("Outcomes keeps the last ones and says from where on it may have forgotten", () => {
  const ended = fc.uniqueArray(outcome, { maxLength: 200, selector: ({ txn }) => txn });
  checkProperty(
    fc.property(ended, fc.oneof(fc.nat(12), fc.nat(100)), fc.boolean(), (all, limit, inHalves) => {
      const outcomes = new Outcomes(limit);
      for (const { txn, committed } of all) {
        if (!inHalves) outcomes.add(txn, committed);
        else outcomes.addHalves(Number(txn >> 32n), Number(txn & 0xffff_ffffn), committed);
      }
      assertEquals(outcomes.size, Math.min(all.length, limit));
      const kept = limit === 0 ? [] : all.slice(-limit);
      assertEquals(outcomes.toArray(), kept);
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
