/**
 * The main job, to be seen: money moves between two databases through `coordinator.transaction`, in a
 * process that is killed with SIGKILL at every named point of the protocol and at random moments. The
 * exit code is 0 only if everything that must hold was seen to hold.
 *
 * Run it with `deno task demo`, or `deno task demo --help`.
 *
 * @module
 */

import { FOUNDING_SUM, readBooks } from "./bank.ts";
import type { Facts } from "./facts.ts";
import type { Ledger } from "./ledger.ts";
import { Banks } from "./open_bank.ts";
import { type DemoOptions, parseOptions, USAGE, UsageError } from "./options.ts";
import { PgliteStage } from "./pglite_stage.ts";
import { PostgresStage } from "./postgres_stage.ts";
import { judge } from "./referee.ts";
import { drawTable, failureToJson, toJson, writeConclusion, writeProof } from "./report.ts";
import { playRounds } from "./rounds.ts";
import type { Stage } from "./stage.ts";
import { Story } from "./story.ts";
import { styleFor } from "./style.ts";
import { tallyOf } from "./tally.ts";

const HELD = 0;
const VIOLATED = 1;
const MISUSED = 2;
const INTERRUPTED = 130;

/** Runs the demo; the exit code is what it returns. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options !== "help") return await runGuarded(options);
    console.log(USAGE.trimEnd());
    return HELD;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    return MISUSED;
  }
}

/** Runs until the end or a signal; either way nothing is left behind. */
async function runGuarded(options: DemoOptions): Promise<number> {
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, interrupt);
  try {
    return await run(options, interruption.signal);
  } catch (error) {
    if (interruption.signal.aborted) {
      const failure = error instanceof SuppressedError ? messageOf(error.error) : null;
      const left = options.keep ? "everything is where it was" : "nothing is left behind";
      console.error(failure ?? `Interrupted, ${left}`);
      return INTERRUPTED;
    }
    const message = messageOf(error);
    console.error(message);
    if (options.json) console.log(failureToJson(message, options.seed));
    return VIOLATED;
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, interrupt);
  }
}

async function run(options: DemoOptions, signal: AbortSignal): Promise<number> {
  const begun = performance.now();
  const output = options.json ? Deno.stderr : Deno.stdout;
  const style = styleFor(output);
  const write: (text: string) => void = options.json ? console.error : console.log;
  const story = new Story(write, style, options.rounds);

  await using stage = makeStage(options);
  try {
    story.opening(options, stage.title);
    await stage.found(signal);
    story.founded(performance.now() - begun);
    const ledger = await playRounds(options, stage, story, signal);
    const facts = await gatherFacts(ledger, stage);

    const claims = judge(facts);
    const violations = claims.flatMap((claim) => claim.violations);
    const tally = tallyOf(facts);
    write(drawTable(tally, style) + "\n");
    write(writeProof(claims, style) + "\n");
    write(writeConclusion(tally, violations, options.seed, style));
    const milliseconds = Math.round(performance.now() - begun);
    const run = { seed: options.seed, databases: stage.title, milliseconds };
    if (options.json) console.log(toJson(tally, violations, run));
    return violations.length === 0 ? HELD : VIOLATED;
  } finally {
    if (options.keep) story.kept(stage.remains);
  }
}

/** What went wrong, and also what went wrong when it was tidied up, if both did. */
function messageOf(error: unknown): string {
  if (error instanceof SuppressedError) {
    return `${messageOf(error.suppressed)}\n${messageOf(error.error)}`;
  }
  return error instanceof Error ? error.message : String(error);
}

function makeStage({ postgres, keep }: DemoOptions): Stage {
  return postgres === null ? new PgliteStage(keep) : new PostgresStage(postgres, keep);
}

async function gatherFacts(ledger: Ledger, stage: Stage): Promise<Facts> {
  await using banks = await Banks.open(stage.banks);
  return {
    sumBefore: FOUNDING_SUM,
    books: { north: await readBooks(banks.north), south: await readBooks(banks.south) },
    transfers: ledger.transfers,
    rounds: ledger.rounds,
  };
}

Deno.exit(await main(Deno.args));
