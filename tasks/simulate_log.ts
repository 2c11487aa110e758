/**
 * Runs the log on a simulated disk that fails, with as many seeds as one likes. Prints each seed
 * that fails and goes on, or stops at the first with --stop; ends with 1 if there was one.
 *
 *     deno run -A tasks/simulate_log.ts --seeds 100000 --from 1
 *
 * @module
 */

import { parseArgs } from "node:util";
import { SeededRandom } from "../tests/simulation/seeded_random.ts";
import { randomRun } from "../tests/fuzz/random_run.ts";

/** How often is said how far it is, in seeds. */
const REPORT_EVERY = 1000;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "10000" },
    from: { type: "string", default: "1" },
    stop: { type: "boolean", default: false },
  },
});
const from = wholeNumber("from", values.from);
const seeds = wholeNumber("seeds", values.seeds);
Deno.exitCode = await simulate(from, seeds) === 0 ? 0 : 1;

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`Cannot simulate: --${option} is ${text}, it must be a whole number`);
}

/** Runs the seeds; gives how many failed. */
async function simulate(first: number, count: number): Promise<number> {
  const begun = performance.now();
  let failed = 0;
  for (let done = 0; done < count; done++) {
    const seed = first + done;
    try {
      await randomRun(new SeededRandom(seed));
    } catch (error) {
      failed++;
      console.error(`INDOUBT_SEED=${seed}: ${error instanceof Error ? error.message : error}`);
    }
    if (failed > 0 && values.stop) break;
    if ((done + 1) % REPORT_EVERY !== 0 && done + 1 < count) continue;
    const each = (performance.now() - begun) / (done + 1);
    console.log(`${done + 1} of ${count} seeds, ${failed} failed, ${each.toFixed(2)} ms each`);
  }
  return failed;
}
