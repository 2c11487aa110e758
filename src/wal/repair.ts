/**
 * What a person can do about a damaged log: have it opened, so that the damage becomes a durable verdict and
 * the damaged files are set aside, and, having compared the databases, declare that transactions without
 * a decision may be presumed aborted from now on. An `identity.json` that is damaged or gone is made again
 * from the segments.
 * Who did it, why, when and what was done stands in the log from then on (a verdict of kind `repaired`), in
 * the segment that the repair begins, and is restated in later ones.
 *
 * A log that is not known to be a coordinator's is continued and not restated: its damaged files are set aside
 * only when its owner opens it. Nothing is removed that is damaged, every outcome that can be read is kept, and
 * nothing is done to a log that is sound, is open elsewhere, or cannot be told to be a log.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { ApplicationRecords } from "./application_records.ts";
import { LiveState } from "./decisions/live_state.ts";
import { MOST_OUTCOMES } from "./decisions/outcomes.ts";
import type { ActiveTransaction } from "./decisions/record.ts";
import { LogCorruptedError } from "./errors.ts";
import { type VerdictRecord, verdictText } from "./head.ts";
import { IDENTITY_NAME } from "./identity.ts";
import { DirectoryLock } from "./lock.ts";
import { Log, type LogRepair } from "./log.ts";
import { behindOriginal } from "./place.ts";
import { epochInSegments, isIdentityDamaged, keepIdentity } from "./repair_identity.ts";
import { verifyLog, verifySegments } from "./verify.ts";
import type { VerifyReport } from "./verify_report.ts";

/** What is to be repaired, by whom and why. */
export interface RepairOptions {
  /** The machine. */
  readonly platform: Platform;
  /** The log directory. */
  readonly directory: string;
  /** Why; kept in the log with the verdict. 1 to 1000 characters. */
  readonly reason: string;
  /** Who decides; kept in the log with the verdict. 1 to 1000 characters. */
  readonly by: string;
  /** Whether transactions without a decision may be presumed aborted from now on. */
  readonly presumeAbort: boolean;
  /**
   * Whether the one who decides vouches that the directory, if it is a copy or may be one, is the only one
   * from now on. It may be one if its identity is damaged or gone.
   */
  readonly acceptCopy?: boolean;
}

/** What a repair has done. */
export interface RepairReport {
  /** What was there before. */
  readonly before: VerifyReport;
  /** Number of the opening that was made for it; `null` if there was nothing to repair. */
  readonly epoch: number | null;
  /** Id of the log; `null` if there was nothing to repair. */
  readonly id: string | null;
  /** What was done, as the verdict in the log says it; empty if there was nothing to repair. */
  readonly done: string;
  /** Names under which damaged files have been set aside. */
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
 * @throws {RangeError} If `reason` or `by` is empty or too long.
 * @throws {LogLockedError} If the log is open, here or in another process.
 * @throws {LogCopiedError} If the directory is a copy and nobody vouches for it.
 * @throws {LogCorruptedError} If the identity is that of another log; or if it is damaged or gone, and nobody
 *   vouches for the directory or the segments do not say for certain whose it is.
 * @throws {Error} If there is no log of ours that can be read.
 */
export async function repairLog(options: RepairOptions): Promise<RepairReport> {
  const { directory, presumeAbort } = options;
  const reason = verdictText(options.reason, "reason");
  const by = verdictText(options.by, "name of the one who decides");
  const before = await verifyLog(options.platform, directory);
  if (before.verdict === "cannot_tell") throw refusal(directory, before.reason);
  if (before.format === "pgdog") throw refusal(directory, before.reason);
  if (before.verdict === "sound" && !before.copied) {
    // A log that is in use is its owner's, also if there is nothing to repair.
    (await DirectoryLock.take(options.platform, directory)).release();
    return { ...NOTHING_DONE, before };
  }
  const { platform, acceptCopy = false } = options;
  const { done, withoutIdentity } = await prepare(platform, directory, before, acceptCopy);
  const repair: LogRepair = { done, reason, by, withoutIdentity };
  const accepted = acceptCopy ? { acceptCopy: { by, reason } } : {};
  const common = { directory, platform, repair, ...accepted };
  // How many outcomes the coordinator keeps it says at its own opening; what is not restated here is gone by then.
  const live = new LiveState(MOST_OUTCOMES);
  // A Checkpoint would spoil an application's log; one that is only continued is good for a coordinator, too.
  await using log = before.application === false
    ? await Log.open({ ...common, model: live })
    : await Log.open({ ...common, model: new ApplicationRecords() });
  const verdicts = [...log.damages];
  const names = await platform.fileSystem.list(directory);
  const cleared = presumeAbort && verdicts.length > 0;
  if (cleared) await log.clearDamage(by, reason);
  return {
    before,
    epoch: log.epoch,
    id: log.id,
    done,
    setAside: names.filter((name) => wasSetAsideBy(log.epoch, name)).sort(),
    verdicts,
    cleared,
    decided: live.active.filter(({ decided }) => decided),
    undecided: live.active.filter(({ decided }) => !decided),
  };
}

/** Keeps a damaged identity; says in words what is done, and whether to do without the identity. */
async function prepare(
  platform: Platform,
  directory: string,
  before: VerifyReport,
  acceptCopy: boolean,
): Promise<{ readonly done: string; readonly withoutIdentity: boolean }> {
  const isRefused = before.found.some(({ file }) => file === IDENTITY_NAME);
  if (!isRefused || !await isIdentityDamaged(platform, directory)) {
    const parts = before.copied && acceptCopy ? [ACCEPTED] : [];
    return { done: doneWords(before, parts), withoutIdentity: false };
  }
  if (!acceptCopy) throw uncertainPlace(directory);
  const lock = await DirectoryLock.take(platform, directory);
  try {
    const epoch = await epochInSegments(platform, directory);
    const segments = await verifySegments(platform, directory);
    const opening = behindOriginal({ epoch, nextLsn: 0 }).epoch + 1;
    const kept = await keepIdentity(platform, directory, opening);
    const made = `made ${IDENTITY_NAME} again from the segments`;
    const what = kept === null
      ? `${made}, it was gone`
      : `${made} and kept the damaged one as ${kept}`;
    return { done: doneWords(segments, [what, ACCEPTED]), withoutIdentity: true };
  } finally {
    lock.release();
  }
}

const ACCEPTED = "accepted the directory as the only copy";

function uncertainPlace(directory: string): LogCorruptedError {
  return new LogCorruptedError(
    directory,
    { file: IDENTITY_NAME },
    "it is damaged or gone, so nobody can tell whether the directory is a copy: if the original still " +
      "runs anywhere, use that one; if this is the only one from now on, say so with --accept-copy",
  );
}

function doneWords({ nextOpening }: VerifyReport, parts: readonly string[]): string {
  const setAside = nextOpening?.setAside ?? [];
  const more = setAside.length - NAMED_FILES;
  const names = setAside.slice(0, NAMED_FILES).join(", ") + (more > 0 ? ` and ${more} more` : "");
  return ["opened", ...(setAside.length > 0 ? [`set aside ${names}`] : []), ...parts].join(", ");
}

/** How many of the files that are set aside a verdict names. */
const NAMED_FILES = 20;

const NOTHING_DONE: Omit<RepairReport, "before"> = {
  epoch: null,
  id: null,
  done: "",
  setAside: [],
  verdicts: [],
  cleared: false,
  decided: [],
  undecided: [],
};

function wasSetAsideBy(epoch: number, name: string): boolean {
  return /^(?:[0-9]{20}\.wal|identity\.json)\.broken-([0-9]+)/.exec(name)?.[1] === String(epoch);
}

function refusal(directory: string, reason: string): Error {
  return new Error(`Cannot repair "${directory}": ${reason}`);
}
