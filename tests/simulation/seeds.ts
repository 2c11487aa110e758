/**
 * Where the seeds of tests come from. A test with a seed that fails says which one it was, and
 * INDOUBT_SEED=n runs it again with that seed alone.
 */

import fc from "fast-check";
import { SeededRandom } from "./seeded_random.ts";

/** The seed that INDOUBT_SEED asks for; undefined if it asks for none. */
export function askedSeed(): number | undefined {
  const text = Deno.env.get("INDOUBT_SEED");
  return text === undefined ? undefined : Number(text);
}

/**
 * Defines a test that runs with the seeds from 1 to `seeds`, or with the one that is asked for.
 * The seeds are the same in every run: a test that passed passes again.
 */
export function seededTest(
  name: string,
  seeds: number,
  body: (random: SeededRandom) => Promise<void> | void,
): void {
  Deno.test(name, async () => {
    const asked = askedSeed();
    const last = asked ?? seeds;
    for (let seed = asked ?? 1; seed <= last; seed++) {
      try {
        await body(new SeededRandom(seed));
      } catch (error) {
        throw new Error(`${name}: INDOUBT_SEED=${seed}: ${describe(error)}`, { cause: error });
      }
    }
  });
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Checks a property of fast-check. Its seed is new in every run, and said when the property fails.
 *
 * @param runs How many cases are tried; 100 unless told otherwise.
 */
export function checkProperty<T>(property: fc.IPropertyWithHooks<T>, runs: number = 100): void {
  const seed = askedSeed() ?? Math.floor(Math.random() * 2 ** 31);
  try {
    fc.assert(property, { seed, numRuns: runs });
  } catch (error) {
    throw new Error(`INDOUBT_SEED=${seed}: ${describe(error)}`, { cause: error });
  }
}
