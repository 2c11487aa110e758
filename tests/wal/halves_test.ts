/** Proves that a number comes back from its halves, also where they are as large as they can be. */

import { assertEquals } from "@std/assert";
import { halvesOf, numberOf } from "../../src/wal/halves.ts";

const NUMBERS = [0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n];

Deno.test("numberOf() gives the number whose halves these are", () => {
  for (const number of NUMBERS) {
    assertEquals(numberOf(Number(number >> 32n), Number(number & 0xffff_ffffn)), number);
  }
});

Deno.test("halvesOf() gives the low half and the high one", () => {
  for (const number of NUMBERS) {
    assertEquals([...halvesOf(number)], [Number(number & 0xffff_ffffn), Number(number >> 32n)]);
  }
});
