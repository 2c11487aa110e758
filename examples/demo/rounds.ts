/**
 * Plays all rounds: a worker, a kill, the next worker, and so on; the last worker ends by itself.
 *
 * @module
 */

import type { RoundRecord } from "./facts.ts";
import { Ledger, type RoundNotes } from "./ledger.ts";
import type { WorkerMessage, WorkerOrder } from "./messages.ts";
import type { DemoOptions } from "./options.ts";
import { type Kill, planKills } from "./plan.ts";
import type { Stage } from "./stage.ts";
import type { Story } from "./story.ts";
import { WorkerProcess } from "./worker_process.ts";

/** Transfers that the last worker makes, to show that the banks still work. */
const LAST_TRANSFERS = 20;

/** Plays a run; what the workers reported is in the ledger that it returns. */
export async function playRounds(
  options: DemoOptions,
  stage: Stage,
  story: Story,
  signal: AbortSignal,
): Promise<Ledger> {
  const ledger = new Ledger();
  let before: RoundRecord | null = null;
  for (const kill of [...planKills(options.seed, options.rounds), null]) {
    const notes = ledger.beginRound(kill);
    const order = orderFor(notes.record.round, kill, options.seed, stage);
    await playRound(order, ledger, notes, signal);
    const { record } = notes;
    if (before !== null) story.killed(before, record);
    before = record;
    if (isStuck(record)) break;
  }
  if (before?.kill === null) story.finished(before);
  return ledger;
}

function orderFor(round: number, kill: Kill | null, seed: number, stage: Stage): WorkerOrder {
  const { directory, banks } = stage;
  const dieAt = kill?.kind === "point" ? { point: kill.point, passing: kill.passing } : null;
  return { round, seed, directory, banks, dieAt, transfers: kill === null ? LAST_TRANSFERS : null };
}

async function playRound(
  order: WorkerOrder,
  ledger: Ledger,
  notes: RoundNotes,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  await using worker = await WorkerProcess.start(order);
  const killNow = () => worker.kill();
  signal.addEventListener("abort", killNow);
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    for await (const message of worker.messages()) {
      ledger.take(notes, message);
      const delay = isStuck(notes.record) ? 0 : delayAfter(message, notes.record.kill);
      if (delay !== null) timer = setTimeout(killNow, delay);
    }
    signal.throwIfAborted();
    notes.end(await worker.end());
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", killNow);
  }
}

/**
 * Whether something that nobody ends is prepared: transfers would wait for its locks without end, so the
 * run ends here, and the referee says why.
 */
function isStuck({ preparedLeft }: RoundRecord): boolean {
  return preparedLeft !== null && preparedLeft.length > 0;
}

/** How long after this message the worker is to be killed; `null` if this message does not matter. */
function delayAfter({ type }: WorkerMessage, kill: Kill | null): number | null {
  if (kill?.kind === "moment" && type === "ready") return kill.milliseconds;
  if (kill?.kind === "recovery" && type === "opening") return kill.milliseconds;
  return null;
}
