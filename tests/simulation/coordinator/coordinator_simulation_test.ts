/**
 * Proves I1 to I11 over a fixed range of seeds, and over every seed that has ever failed.
 * `deno task simulate --of coordinator` runs as many more as one likes.
 */

import { assertEquals } from "@std/assert";
import { SeededRandom } from "../seeded_random.ts";
import { seededTest } from "../seeds.ts";
import { FAILED_SEEDS } from "./regression_seeds.ts";
import { simulate } from "./run.ts";

/** Few, since everybody waits for them. */
const SEEDS = 300;

seededTest("Coordinators keep every promise through faults and crashes", SEEDS, async (random) => {
  await simulate(random);
});

for (const { seed, found } of FAILED_SEEDS) {
  Deno.test(`Coordinators keep every promise with seed ${seed}: ${found}`, async () => {
    await simulate(new SeededRandom(seed));
  });
}

Deno.test("A seed gives the same run again", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const one = await simulate(new SeededRandom(seed));
    const other = await simulate(new SeededRandom(seed));
    assertEquals(other.attempts, one.attempts);
    assertEquals(other.settlings, one.settlings);
    assertEquals(other.points, one.points);
    assertEquals(other.final, one.final);
  }
});
