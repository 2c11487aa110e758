/**
 * What it costs to import the library: the time of a process that imports it and ends, against one that
 * imports nothing. In turn, many times, with everything in Deno's cache.
 *
 * @module
 */

import type { OnProgress } from "../comparison.ts";
import { type ProcessorReading, processorUse, readProcessor } from "../processor.ts";
import type { Result } from "../result.ts";
import { median, spread } from "../statistics.ts";
import { TemporaryFolder } from "../temporary.ts";

/** Process starts for each of the rounds asked for; one takes some tens of milliseconds. */
const STARTS_PER_ROUND = 10;

const ENTRY = new URL("../../../mod.ts", import.meta.url).href;
const CONFIGURATION = new URL("../../../deno.json", import.meta.url).pathname;

/** Measures it. */
export async function measureImport(rounds: number, onProgress: OnProgress): Promise<Result[]> {
  await using folder = await TemporaryFolder.make();
  const directory = folder.path;
  const programs = {
    "empty program": await program(directory, "empty.ts", "export {};\n"),
    "imports mod.ts": await program(
      directory,
      "importing.ts",
      `import { Coordinator } from ${JSON.stringify(ENTRY)};\nexport { Coordinator };\n`,
    ),
  };
  // Types are stripped and cached at the first start, which is not counted.
  for (const path of Object.values(programs)) await start(path);
  const times = Object.keys(programs).map((): number[] => []);
  const before = readProcessor();
  for (let count = 0; count < rounds * STARTS_PER_ROUND; count++) {
    if (count % STARTS_PER_ROUND === 0) {
      onProgress(`import: round ${count / STARTS_PER_ROUND + 1} of ${rounds}`);
    }
    for (const [index, path] of Object.values(programs).entries()) {
      times[index]!.push(await start(path));
    }
  }
  return Object.keys(programs).map((contender, index) =>
    resultOf(contender, times[index]!, times[0]!, before)
  );
}

function resultOf(
  contender: string,
  times: readonly number[],
  empty: readonly number[],
  before: ProcessorReading,
): Result {
  const { stolen } = processorUse(before, readProcessor());
  const middle = median(times);
  return {
    work: "import",
    contender,
    concurrency: 1,
    per_s: 1000 / middle,
    p50_us: middle * 1000,
    spread: spread(times),
    ...(stolen === null ? {} : { stolen_cpu: stolen }),
    rounds: times.length,
    ...(times === empty ? {} : { extra: { "more ms": middle - median(empty) } }),
  };
}

async function program(directory: string, name: string, text: string): Promise<string> {
  const path = `${directory}/${name}`;
  await Deno.writeTextFile(path, text);
  return path;
}

/** Milliseconds from the start of a process to its end. */
async function start(path: string): Promise<number> {
  const begun = performance.now();
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--config", CONFIGURATION, path],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot measure the start of ${path}: it ended with an error`);
  return performance.now() - begun;
}
