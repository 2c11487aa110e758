/**
 * `deno task bench:load`: see `bench/README.md` for what each work measures and what its numbers mean.
 *
 * @module
 */

import { ensureDir } from "@std/fs/ensure-dir";
import { drawChart } from "./chart.ts";
import { compare, type Comparison, type OnProgress } from "./comparison.ts";
import { describeMachine, machineWords } from "./machine.ts";
import { noiseWords } from "./noise.ts";
import { type LoadOptions, readOptions, USAGE, UsageError, type Work } from "./options.ts";
import { type Result, toJsonLines } from "./result.ts";
import { drawTable } from "./table.ts";
import { removeWhenInterrupted } from "./temporary.ts";
import { measureAllocation } from "./works/allocation.ts";
import { measureImport } from "./works/import.ts";
import { measurePostgres } from "./works/postgres.ts";
import { measureRecovery } from "./works/recover.ts";
import { soak } from "./works/soak.ts";

const CALLERS = [1, 16, 128, 1024];
const POSTGRES_CALLERS = [1, 64];
const SOAK_CALLERS = 16;
const RECORD_BYTES = 100;

/** Works whose figures a chart can show: rates by concurrency. */
const CHARTED: readonly Work[] = ["log", "commit"];

/** Compares what needs nothing but a disk. */
function comparison(
  options: LoadOptions,
  part: Pick<Comparison, "work" | "contenders" | "bytes">,
): Comparison {
  const { concurrency, seconds, rounds } = options;
  return { ...part, disk: "disk", concurrency: concurrency ?? CALLERS, seconds, rounds };
}

/** Measures one work. */
async function measure(
  work: Exclude<Work, "soak" | "allocation">,
  options: LoadOptions,
  onProgress: OnProgress,
): Promise<Result[]> {
  switch (work) {
    case "log": {
      const contenders = ["log", "forced", "disk", "sqlite"] as const;
      return await compare(
        comparison(options, { work, contenders, bytes: RECORD_BYTES }),
        onProgress,
      );
    }
    case "commit": {
      const contenders = ["commit", "tuned", "disk", "sqlite", "bare path"] as const;
      return await compare(comparison(options, { work, contenders }), onProgress);
    }
    case "rotation":
      return await compare(
        comparison(options, { work, contenders: ["rotation", "disk"], bytes: RECORD_BYTES }),
        onProgress,
      );
    case "recover":
      return await measureRecovery(options.transactions, options.rounds, onProgress);
    case "postgres": {
      const concurrency = options.concurrency ?? POSTGRES_CALLERS;
      return await measurePostgres({ ...options, concurrency }, onProgress);
    }
    case "import":
      return await measureImport(options.rounds, onProgress);
  }
}

/** Minutes of measuring must not end where their figures cannot be kept. */
async function assertWritable({ json, chart }: LoadOptions): Promise<void> {
  try {
    // What is in it stays until there are new figures.
    if (json !== null) (await Deno.open(json, { append: true, create: true })).close();
    if (chart !== null) await ensureDir(chart);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw new UsageError(`Cannot keep the figures: ${cause.message}`, { cause });
  }
}

/** Measures all that was asked for; gives the exit code. */
async function run(options: LoadOptions): Promise<number> {
  const machine = await describeMachine(await Deno.realPath(Deno.env.get("TMPDIR") ?? "/tmp"));
  console.log(`${machineWords(machine)}\n`);
  const onProgress = (text: string) => console.error(text);
  const results: Result[] = [];
  await assertWritable(options);
  for (const work of options.works) {
    if (work === "soak") {
      if (!await soak(options.minutes, options.concurrency?.[0] ?? SOAK_CALLERS)) return 1;
      continue;
    }
    if (work === "allocation") {
      for (const callers of options.concurrency ?? CALLERS) {
        for (const name of ["commit", "log"] as const) {
          await measureAllocation(name, callers, options.seconds);
        }
      }
      continue;
    }
    const measured = await measure(work, options, onProgress);
    console.log(`${drawTable(measured)}\n\n${noiseWords(measured)}\n`);
    results.push(...measured);
    if (options.json !== null) await Deno.writeTextFile(options.json, toJsonLines(results));
    if (options.chart !== null && CHARTED.includes(work)) {
      const svg = drawChart(measured, {
        title: TITLES[work] ?? work,
        subtitle: `${machine.processor}, ${machine.cores} cores; ${machine.runtime}`,
      });
      await Deno.writeTextFile(`${options.chart}/performance-${work}.svg`, svg);
    }
  }
  return 0;
}

const TITLES: Partial<Record<Work, string>> = {
  commit: "Commits per second, two no-op participants",
  log: "Durable appends of 100 bytes per second",
};

/** Runs; the exit code is what it returns. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args);
    if (options !== "help") {
      removeWhenInterrupted();
      return await run(options);
    }
    console.log(USAGE.trimEnd());
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    return 2;
  }
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
