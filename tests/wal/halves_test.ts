/** Proves that a number comes back from its halves, also where they are as large as they can be. */

import { assertEquals } from "@std/assert";
import { numberOf } from "../../src/wal/halves.ts";

Deno.test("numberOf() gives the number whose halves these are", () => {
  for (const number of [0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n]) {
    const [low, high] = new Uint32Array(new BigUint64Array([number]).buffer);
    assertEquals(numberOf(high!, low!), number);
  }
});
