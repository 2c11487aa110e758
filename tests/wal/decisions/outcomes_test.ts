/**
 * Proves that an outcome is kept until so many others have ended that it must be forgotten, and that
 * nothing is said about a transaction of which nothing is known.
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Outcomes, packOutcomes, unpackOutcomes } from "../../../src/wal/decisions/outcomes.ts";
import { checkProperty } from "../../simulation/seeds.ts";

const outcome = fc.record({
  txn: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  committed: fc.boolean(),
});

Deno.test("Outcomes keeps the last ones and says from where on it may have forgotten", () => {
  const ended = fc.uniqueArray(outcome, { maxLength: 40, selector: ({ txn }) => txn });
  checkProperty(
    fc.property(ended, fc.nat(12), (all, limit) => {
      const outcomes = new Outcomes(limit);
      for (const { txn, committed } of all) outcomes.add(txn, committed);
      const kept = limit === 0 ? [] : all.slice(-limit);
      assertEquals([...outcomes], kept);
      for (const { txn, committed } of kept) assertEquals(outcomes.get(txn), committed);
      for (const { txn } of all.slice(0, all.length - kept.length)) {
        assertEquals(outcomes.get(txn), null);
        assert(outcomes.forgotten >= txn);
      }
    }),
    300,
  );
});

Deno.test("Outcomes.get() tells an aborted transaction from an unknown one", () => {
  const outcomes = new Outcomes(3);
  outcomes.add(7n, false);
  assertEquals([outcomes.get(7n), outcomes.get(8n), outcomes.forgotten], [false, null, 0n]);
});

Deno.test("unpackOutcomes gives back what packOutcomes was given", () => {
  checkProperty(
    fc.property(fc.array(outcome, { maxLength: 30 }), (all) => {
      assertEquals(unpackOutcomes(packOutcomes(all)), all);
    }),
    300,
  );
});

Deno.test("packOutcomes needs one small number for each of a row of transactions", () => {
  const row = Array.from(
    { length: 5 },
    (_, n) => ({ txn: 7_000_000_000_001n + BigInt(n), committed: true }),
  );
  assertEquals(packOutcomes(row), [[7_000_000_000_001n, 1, 3, 3, 3, 3]]);
});
