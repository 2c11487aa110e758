/**
 * Runs the log, whole coordinators, or both, in a simulated world, with as many seeds as one likes.
 * Prints each seed that fails and goes on, or stops at the first with --stop; ends with 1 if there
 * was one. --timeline prints everything that happened in a run that failed.
 *
 *     deno task simulate --of coordinator --seeds 20000 --from 1
 *
 * @module
 */

import { parseArgs } from "node:util";
import { randomRun } from "../tests/fuzz/random_run.ts";
import { simulate as simulateCoordinator } from "../tests/simulation/coordinator/run.ts";
import { SeededRandom } from "../tests/simulation/seeded_random.ts";

/** How often is said how far it is, in seeds. */
const REPORT_EVERY = 1000;

/** What can be simulated. */
const SUBJECTS = { log: randomRun, coordinator: simulateCoordinator } as const;

type Subject = keyof typeof SUBJECTS;

const { values } = parseArgs({
  options: {
    of: { type: "string", default: "both" },
    seeds: { type: "string", default: "10000" },
    from: { type: "string", default: "1" },
    stop: { type: "boolean", default: false },
    timeline: { type: "boolean", default: false },
  },
});
const from = wholeNumber("from", values.from);
const seeds = wholeNumber("seeds", values.seeds);
let failed = 0;
for (const subject of subjects(values.of)) {
  if (failed === 0 || !values.stop) failed += await simulate(subject, from, seeds);
}
Deno.exitCode = failed === 0 ? 0 : 1;

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`Cannot simulate: --${option} is ${text}, it must be a whole number`);
}

function subjects(text: string): Subject[] {
  if (text === "both") return ["log", "coordinator"];
  if (text === "log" || text === "coordinator") return [text];
  throw new RangeError(`Cannot simulate: --of is ${text}, it must be log, coordinator or both`);
}

/** Runs the seeds; gives how many failed. */
async function simulate(subject: Subject, first: number, count: number): Promise<number> {
  const begun = performance.now();
  let failed = 0;
  for (let done = 0; done < count; done++) {
    const seed = first + done;
    try {
      await SUBJECTS[subject](new SeededRandom(seed));
    } catch (error) {
      failed++;
      console.error(`${subject}, INDOUBT_SEED=${seed}: ${describe(error)}`);
    }
    if (failed > 0 && values.stop) break;
    if ((done + 1) % REPORT_EVERY !== 0 && done + 1 < count) continue;
    const each = (performance.now() - begun) / (done + 1);
    const rate = `${each.toFixed(2)} ms each`;
    console.log(`${subject}: ${done + 1} of ${count} seeds, ${failed} failed, ${rate}`);
  }
  return failed;
}

function describe(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return values.timeline ? text : text.split("\n")[0] ?? "";
}
