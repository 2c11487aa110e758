/**
 * Everything that has to hold before a change is taken, from a fresh clone, as a new user would run
 * it. Started by `.ci/run`, which gives it a folder of its own with `tmp` in it, the folder for
 * temporary files.
 *
 * Every step runs, also after one that failed. Every step counts, and so do the processes and files
 * that it leaves. The result is in the file `summary` in the folder; until the last step is done it
 * says that one thing failed. What failed is said where it did, and again at the end.
 *
 * @module
 */

import { type Count, describe, FAIL, NONE, PASS, sum } from "./ci/count.ts";
import { debianPackages } from "./ci/debian.ts";
import { Runner } from "./ci/runner.ts";
import { checks, command, problemOfDemonstration, type Step, tests } from "./ci/steps.ts";
import { endStrays, removeLeftovers } from "./ci/strays.ts";
import { uncommitted } from "./project.ts";

/** Deno as a user without Deno gets it. */
const DENO = ["npx", "-y", `deno@${Deno.version.deno}`];

const STEPS: readonly Step[] = [
  debianPackages,
  checks([...DENO, "task", "check"]),
  tests([...DENO, "task", "test"]),
  command([...DENO, "task", "simulate", "--of", "coordinator", "--seeds", "10000"]),
  tests([...DENO, "task", "test:servers"]),
  tests([...DENO, "task", "test:disks"]),
  command([...DENO, "task", "demo", "--json"], problemOfDemonstration),
  command([...DENO, "run", "-A", "tasks/demo_on_postgresql.ts", "--json"], problemOfDemonstration),
  command([...DENO, "task", "wasm", "--check"]),
];

/** A step with all that belongs to it, and how long it took. */
interface Result {
  readonly title: string;
  readonly count: Count;
  readonly seconds: string;
  readonly failures: readonly string[];
}

async function perform(step: Step, runner: Runner): Promise<Result> {
  runner.say(`\n=== ${step.title}\n`);
  const start = performance.now();
  let count: Count;
  try {
    count = await step.run(runner);
  } catch (error) {
    runner.fail(error instanceof Error ? error.message : String(error));
    count = FAIL;
  }
  const left = [
    ...await endStrays(runner.folder),
    ...await removeLeftovers(`${runner.folder}/tmp`),
  ];
  if (left.length > 0) runner.fail(`it left behind\n  ${left.join("\n  ")}`);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const all = sum([count, left.length > 0 ? FAIL : NONE]);
  runner.say(`\n${describe(all)} in ${seconds} s`);
  return { title: step.title, count: all, seconds, failures: runner.takeFailures() };
}

/** The steps write only where git does not look. */
function unchangedTree(before: string): Step {
  return {
    title: "The clone is as it was",
    run: async (runner) => {
      const after = await uncommitted();
      if (after === before) return PASS;
      runner.fail(`git status was\n${before}\nand is\n${after}`);
      return FAIL;
    },
  };
}

async function main(folder: string): Promise<void> {
  const runner = new Runner(folder);
  const steps = [...STEPS, unchangedTree(await uncommitted())];
  const results: Result[] = [];
  for (const step of steps) {
    await writeSummary(folder, sum([...results.map(({ count }) => count), FAIL]));
    results.push(await perform(step, runner));
  }
  for (const { title, failures } of results) {
    if (failures.length > 0) {
      runner.say(`\n=== What failed of ${title}\n\n${failures.join("\n\n")}`);
    }
  }
  runner.say("\n=== All steps\n");
  for (const { title, count, seconds } of results) {
    runner.say(`${seconds.padStart(7)} s  ${describe(count).padEnd(24)}  ${title}`);
  }
  await writeSummary(folder, sum(results.map(({ count }) => count)));
}

function writeSummary(folder: string, count: Count): Promise<void> {
  return Deno.writeTextFile(`${folder}/summary`, `${describe(count)}\n`);
}

const [folder] = Deno.args;
if (folder === undefined) {
  console.error("Cannot run without a folder: start this with 'bash .ci/run'");
  Deno.exit(2);
}
await main(folder);
