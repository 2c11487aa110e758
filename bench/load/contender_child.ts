/**
 * Runs one contender in a process of its own: its memory, its garbage and what the compiler has learnt of
 * its code are then nobody else's. Says a line when it is ready, then runs a round for each line of input
 * (the number of seconds) and answers with a line of JSON.
 *
 *     deno run -A bench/load/contender_child.ts '{"name":"log","concurrency":16,…}'
 *
 * @module
 */

import { TextLineStream } from "./text_lines.ts";
import { openContender } from "./contenders.ts";
import type { ContenderSettings } from "./contender.ts";
import { measureRound } from "./round.ts";
import { TemporaryFolder } from "./temporary.ts";

/** What a child is told to run. */
export interface ContenderTask extends Omit<ContenderSettings, "directory"> {
  /** Name of the contender. */
  readonly name: string;
}

async function main(task: ContenderTask): Promise<void> {
  // Whoever has started it is interrupted as well, and ends it by the end of its input.
  Deno.addSignalListener("SIGINT", () => {});
  await using folder = await TemporaryFolder.make();
  const directory = folder.path;
  await using contender = await openContender(task.name, { ...task, directory });
  console.log("ready");
  const lines = Deno.stdin.readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const line of lines) {
    const round = await measureRound(contender, task.concurrency, Number(line));
    console.log(JSON.stringify(round));
  }
}

if (import.meta.main) await main(JSON.parse(Deno.args[0] ?? "") as ContenderTask);
