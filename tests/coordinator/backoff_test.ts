/** Guarantees bounded delays: they double up to a cap, and jitter never takes more than half. */

import { assert, assertEquals } from "@std/assert";
import { backoffDelay } from "../../src/coordinator/backoff.ts";
import type { Randomness } from "../../src/platform/randomness.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";

function always(fraction: number): Randomness {
  return { fill: () => {}, fraction: () => fraction };
}

Deno.test("backoffDelay() doubles from the first delay up to the cap", () => {
  const delays = [1, 2, 3, 4, 9, 10, 11].map((failures) => backoffDelay(failures, always(0)));
  assertEquals(delays, [50, 100, 200, 400, 12_800, 15_000, 15_000]);
});

Deno.test("backoffDelay() adds up to as much again as jitter", () => {
  assertEquals(backoffDelay(1, always(0.5)), 75);
  const random = new SeededRandom(4);
  const delays = Array.from({ length: 200 }, () => backoffDelay(3, random));
  for (const delay of delays) assert(delay >= 200 && delay < 400, String(delay));
  assert(new Set(delays).size > 100, "waiters would come back together");
});

Deno.test("backoffDelay() stays bounded after any number of failures", () => {
  for (const failures of [100, 10_000, Number.MAX_SAFE_INTEGER, Infinity]) {
    assertEquals(backoffDelay(failures, always(0)), 15_000);
  }
});

Deno.test("backoffDelay() takes no failure for the first one", () => {
  assertEquals(backoffDelay(0, always(0)), backoffDelay(1, always(0)));
});
