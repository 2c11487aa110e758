/**
 * Proves that outcomes come back as they were packed, that those of one transaction after another take a byte
 * each, and that other bytes are refused or read as some outcomes, never as numbers that no transaction has.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { packOutcomes, unpackOutcomes } from "../../../src/wal/decisions/packed_outcomes.ts";
import { checkProperty } from "../../simulation/seeds.ts";

const LARGEST = 2n ** 64n - 1n;

const near = [0n, 2n ** 32n, 2n ** 48n, 2n ** 50n, 2n ** 53n, 2n ** 63n].map((middle) =>
  fc.bigInt({ min: middle > 9n ? middle - 9n : 0n, max: middle + 9n })
);
const outcome = fc.record({
  txn: fc.oneof(fc.bigInt({ min: 0n, max: LARGEST }), ...near, fc.constant(LARGEST)),
  committed: fc.boolean(),
});

Deno.test("unpackOutcomes gives back what packOutcomes was given", () => {
  checkProperty(
    fc.property(fc.array(outcome, { maxLength: 300 }), (all) => {
      assertEquals([...unpackOutcomes(packOutcomes(all))], all);
    }),
    500,
  );
});

Deno.test("packOutcomes needs one byte for each of a row of transactions", () => {
  const first = 7_000_000_000_001n;
  const row = Array.from({ length: 2000 }, (_, n) => ({ txn: first + BigInt(n), committed: true }));
  const packed = packOutcomes(row);
  assertEquals([...packed.subarray(0, 9)], [0x85, 0x80, 0xb7, 0x90, 0xf4, 0xae, 6, 5, 5]);
  assertEquals(packed.length, row.length + 6);
});

Deno.test("unpackOutcomes refuses what is cut off, too long or no number", () => {
  const [most] = [packOutcomes([{ txn: LARGEST, committed: true }])];
  assertEquals(most.length, 10);
  const above = [...most.subarray(0, 9), most[9]! * 2];
  const wrong = [
    [0x80],
    [5, 0x85],
    [...Array(10).fill(0x80), 0],
    // Before 0, and above 64 bits.
    [3],
    above,
    [...most, 5],
  ];
  for (const bytes of wrong) {
    assertThrows(() => unpackOutcomes(Uint8Array.from(bytes)), TypeError, "outcome");
  }
});

Deno.test("unpackOutcomes takes no bytes for a number that is none", () => {
  let taken = 0;
  checkProperty(
    fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
      try {
        for (const { txn } of unpackOutcomes(bytes)) assert(txn >= 0n && txn <= LARGEST);
        taken++;
      } catch (error) {
        assert(error instanceof TypeError, `${error}`);
      }
    }),
    1000,
  );
  assert(taken > 20, `${taken} of 1000 were taken`);
});
