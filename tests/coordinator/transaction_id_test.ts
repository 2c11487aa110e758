/** Guarantees that a transaction's number is never given out twice and is read from digits only. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  epochOf,
  isTransactionNumber,
  parseTransactionNumber,
  TransactionNumbers,
} from "../../src/coordinator/transaction_id.ts";

const LARGEST = 2n ** 64n - 1n;

Deno.test("TransactionNumbers.next() counts from 1 within an epoch that people can read", () => {
  const numbers = new TransactionNumbers(7);
  assertEquals([numbers.next(), numbers.next()], [7_000_000_000_001n, 7_000_000_000_002n]);
});

Deno.test("TransactionNumbers.next() gives a later epoch larger numbers only", () => {
  const earlier = new TransactionNumbers(1);
  for (let count = 0; count < 1000; count++) earlier.next();
  assert(new TransactionNumbers(2).next() > earlier.next());
});

Deno.test("TransactionNumbers fits the last epoch's numbers into 64 bits", () => {
  const number = new TransactionNumbers(18_446_743).next();
  assert(number + 999_999_999_998n <= LARGEST);
  assertEquals(parseTransactionNumber(String(number)), number);
});

Deno.test("TransactionNumbers refuses an epoch that is none or has no numbers", () => {
  for (const epoch of [0, -1, 1.5, NaN, Infinity, 18_446_744]) {
    assertThrows(() => new TransactionNumbers(epoch), RangeError, "Cannot number transactions");
  }
});

Deno.test("epochOf() finds the opening in which a transaction began", () => {
  for (const epoch of [1, 7, 18_446_743]) {
    assertEquals(epochOf(new TransactionNumbers(epoch).next()), epoch);
  }
  assertEquals([epochOf(7_999_999_999_999n), epochOf(8_000_000_000_000n)], [7, 8]);
});

Deno.test("isTransactionNumber() holds for every number that an epoch gives out", () => {
  const numbers = new TransactionNumbers(3);
  assertEquals([isTransactionNumber(numbers.last), isTransactionNumber(numbers.next())], [
    false,
    true,
  ]);
  assertEquals([0n, 1n, 999_999_999_999n, 1_999_999_999_999n].map(isTransactionNumber), [
    false,
    false,
    false,
    true,
  ]);
});

Deno.test("parseTransactionNumber() reads decimal digits up to 64 bits", () => {
  assertEquals(parseTransactionNumber("1"), 1n);
  assertEquals(parseTransactionNumber("7000000001042"), 7_000_000_001_042n);
  assertEquals(parseTransactionNumber(String(LARGEST)), LARGEST);
});

Deno.test("parseTransactionNumber() takes nothing else for a number", () => {
  const others = ["", "0", "01", "-1", "+1", "1.0", "1e3", "0x1", " 1", "1 ", "1\n", "١", "1_0"];
  for (const text of [...others, String(LARGEST + 1n), "9".repeat(20), "1".repeat(21)]) {
    assertEquals(parseTransactionNumber(text), null, JSON.stringify(text));
  }
});
