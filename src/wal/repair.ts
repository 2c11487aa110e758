/**
 * What a person can do about a damaged log: have it opened, so that the damage becomes a durable verdict and
 * the damaged files are set aside, and, having compared the databases, declare that transactions without
 * a decision may be presumed aborted from now on. Nothing is removed that is damaged, and nothing is done
 * to a log that is sound, is open elsewhere, or cannot be told to be a log.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { LiveState } from "./decisions/live_state.ts";
import type { ActiveTransaction } from "./decisions/record.ts";
import type { VerdictRecord } from "./head.ts";
import { DirectoryLock } from "./lock.ts";
import { Log } from "./log.ts";
import { verifyLog } from "./verify.ts";
import type { VerifyReport } from "./verify_report.ts";

/** What is to be repaired, by whom and why. */
export interface RepairOptions {
  /** The machine. */
  readonly platform: Platform;
  /** The log directory. */
  readonly directory: string;
  /** Why; kept in the log with the verdict. Not empty. */
  readonly reason: string;
  /** Who decides; kept in the log with the verdict. Not empty. */
  readonly by: string;
  /** Whether transactions without a decision may be presumed aborted from now on. */
  readonly presumeAbort: boolean;
}

/** What a repair has done. */
export interface RepairReport {
  /** What was there before. */
  readonly before: VerifyReport;
  /** Number of the opening that was made for it; `null` if there was nothing to repair. */
  readonly epoch: number | null;
  /** Id of the log; `null` if there was nothing to repair. */
  readonly id: string | null;
  /** Names under which this opening has set damaged files aside. */
  readonly setAside: readonly string[];
  /** The verdicts on damage that were standing when the log was open. */
  readonly verdicts: readonly VerdictRecord[];
  /** Whether they have been cleared. */
  readonly cleared: boolean;
  /** Transactions that are decided and not finished: they must commit, whatever was cleared. */
  readonly decided: readonly ActiveTransaction[];
  /** Transactions that were begun and for which no decision can be read. */
  readonly undecided: readonly ActiveTransaction[];
}

/**
 * Repairs a log.
 *
 * @param options What, by whom and why.
 * @returns What was done.
 * @throws {RangeError} If `reason` or `by` is empty.
 * @throws {LogLockedError} If the log is open, here or in another process.
 * @throws {LogCorruptedError} If the identity is damaged or that of another log.
 * @throws {Error} If there is no log of ours that can be read.
 */
export async function repairLog(options: RepairOptions): Promise<RepairReport> {
  const { platform, directory, presumeAbort } = options;
  const reason = required(options.reason, "reason");
  const by = required(options.by, "name of the one who decides");
  const before = await verifyLog(platform, directory);
  if (before.verdict === "cannot_tell") throw refusal(directory, before.reason);
  if (before.format === "pgdog") throw refusal(directory, before.reason);
  if (before.verdict === "sound") {
    // A log that is in use is its owner's, also if there is nothing to repair.
    (await DirectoryLock.take(platform, directory)).release();
    return { ...NOTHING_DONE, before };
  }
  const model = new LiveState();
  await using log = await Log.open({ directory, platform, model });
  const verdicts = [...log.damages];
  const names = await platform.fileSystem.list(directory);
  if (presumeAbort) await log.clearDamage(by, reason);
  return {
    before,
    epoch: log.epoch,
    id: log.id,
    setAside: names.filter((name) => wasSetAsideBy(log.epoch, name)).sort(),
    verdicts,
    cleared: presumeAbort,
    decided: model.active.filter(({ decided }) => decided),
    undecided: model.active.filter(({ decided }) => !decided),
  };
}

const NOTHING_DONE: Omit<RepairReport, "before"> = {
  epoch: null,
  id: null,
  setAside: [],
  verdicts: [],
  cleared: false,
  decided: [],
  undecided: [],
};

function wasSetAsideBy(epoch: number, name: string): boolean {
  return /\.wal\.broken-([0-9]+)/.exec(name)?.[1] === String(epoch);
}

function required(text: string, what: string): string {
  const trimmed = text.trim();
  if (trimmed === "") {
    throw new RangeError(`Cannot repair a log without a ${what}: give one, it is kept in the log`);
  }
  return trimmed;
}

function refusal(directory: string, reason: string): Error {
  return new Error(`Cannot repair "${directory}": ${reason}`);
}
