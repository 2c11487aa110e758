/**
 * Says whether a log directory is sound, without its lock and without changing anything, also while a
 * program writes to it. The rules are those of opening the log (`recovery.ts`): what it would find is
 * what is found here.
 *
 * Guarantees: what is verified is what was there at the beginning, and a writer that goes on is not chased; a
 * log that is being written to is never called damaged because of that; what cannot be read is never called
 * sound or damaged; one segment is in memory at a time, and besides it only the transactions that are live.
 *
 * @module
 */

import { describeDamage } from "./describe_damage.ts";
import type { Platform } from "../platform/platform.ts";
import type { LogModel } from "./model.ts";
import { ApplicationRecords } from "./application_records.ts";
import { CoordinatorRecords } from "./coordinator_records.ts";
import { LogCopiedError, LogCorruptedError, LogVersionError } from "./errors.ts";
import { IDENTITY_NAME } from "./identity.ts";
import { formatOf, formatOfFile } from "./inspect.ts";
import { isNotFound, SettledFiles, unlessGone } from "./inspect_files.ts";
import type { InspectedItem } from "./inspect_item.ts";
import { inspectSegment } from "./inspect_segment.ts";
import { isCopy } from "./place.ts";
import { type RecoveredLog, recoverLog } from "./recovery.ts";
import { parseSegmentName, pathOf } from "./segment_name.ts";
import { LoadedSegment } from "./segment_scan.ts";
import { verifyPgdog } from "./verify_pgdog.ts";
import {
  EMPTY_REPORT,
  type FileFinding,
  type NextOpening,
  type VerifyReport,
} from "./verify_report.ts";

export type { FileFinding, LogVerdict, NextOpening, VerifyReport } from "./verify_report.ts";

/** How often reading is begun again because an older segment that was needed went away. */
const MAX_TRIES = 10;

/**
 * Verifies a log directory.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @returns What it comes to. What goes wrong in reading is in it, as `cannot_tell`.
 */
export async function verifyLog(platform: Platform, directory: string): Promise<VerifyReport> {
  using files = new SettledFiles(platform.fileSystem);
  try {
    await files.list(directory);
    for (let tries = 1;; tries++) {
      try {
        return await verifyOnce({ ...platform, fileSystem: files }, directory);
      } catch (error) {
        // If the newest segment does not say everything the older ones are read, which may go away.
        if (!isNotFound(error) || tries === MAX_TRIES) throw error;
      }
    }
  } catch (error) {
    const reason = isNotFound(error)
      ? "the directory is not there, or goes away while it is read"
      : error instanceof Error
      ? error.message
      : String(error);
    return { ...EMPTY_REPORT, directory, verdict: "cannot_tell", reason };
  }
}

/** A machine of whose files nothing can be changed. */
interface ReadingPlatform extends Platform {
  readonly fileSystem: SettledFiles;
}

async function verifyOnce(platform: ReadingPlatform, directory: string): Promise<VerifyReport> {
  if (await isPgdogLog(platform, directory)) {
    return await verifyPgdog(platform.fileSystem, directory);
  }
  try {
    return await verifyAnyModel(platform, directory, false);
  } catch (error) {
    if (!(error instanceof LogCorruptedError)) throw error;
    const { file } = error.place;
    const refused = { verdict: "damaged", reason: error.message, nextOpening: null } as const;
    const found = [{ file, reason: error.message }];
    if (file !== IDENTITY_NAME) {
      return { ...EMPTY_REPORT, directory, format: "indoubt", ...refused, found };
    }
    // What the segments say is worth knowing even if nobody knows whose they are.
    const report = await verifyAnyModel(platform, directory, true);
    return { ...report, ...refused, found: [...found, ...report.found] };
  }
}

/**
 * Verifies the segments of a log alone, as if it had no identity.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @returns What they come to.
 * @throws Whatever goes wrong in reading.
 */
export async function verifySegments(
  platform: Platform,
  directory: string,
): Promise<VerifyReport> {
  using files = new SettledFiles(platform.fileSystem);
  return await verifyAnyModel({ ...platform, fileSystem: files }, directory, true);
}

async function isPgdogLog({ fileSystem }: ReadingPlatform, directory: string): Promise<boolean> {
  const names = await fileSystem.list(directory);
  if (await formatOf(fileSystem, directory, names) !== "pgdog") return false;
  for (const name of names) {
    if (parseSegmentName(name) === null) continue;
    if (await formatOfFile(fileSystem, pathOf(directory, name)) === "pgdog") return true;
  }
  return false;
}

/** A log is a coordinator's or an application's if a record of theirs can be read; else nobody knows. */
async function verifyAnyModel(
  platform: ReadingPlatform,
  directory: string,
  withoutIdentity: boolean,
): Promise<VerifyReport> {
  const records = new CoordinatorRecords();
  let refusal: LogVersionError | null = null;
  try {
    const report = await verifyOwn(platform, directory, withoutIdentity, records);
    if (report.verdict === "cannot_tell") return report;
    if (records.hasRead) {
      return {
        ...report,
        application: false,
        decided: records.active.filter(({ decided }) => decided),
        undecided: records.active.filter(({ decided }) => !decided),
      };
    }
  } catch (error) {
    if (!(error instanceof LogVersionError)) throw error;
    refusal = error;
  }
  try {
    return await verifyApplication(platform, directory, withoutIdentity);
  } catch (error) {
    // A newer version's record is none of an application's either.
    throw error instanceof LogVersionError && refusal !== null ? refusal : error;
  }
}

async function verifyApplication(
  platform: ReadingPlatform,
  directory: string,
  withoutIdentity: boolean,
): Promise<VerifyReport> {
  const records = new ApplicationRecords();
  const report = await verifyOwn(platform, directory, withoutIdentity, records);
  const { nextOpening } = report;
  return {
    ...report,
    application: records.hasRead ? true : null,
    nextOpening: nextOpening && { ...nextOpening, setAside: [], remove: [] },
  };
}

async function verifyOwn<Entry>(
  platform: ReadingPlatform,
  directory: string,
  withoutIdentity: boolean,
  model: LogModel<Entry>,
): Promise<VerifyReport> {
  const recovered = await recoverLog(platform, directory, model, withoutIdentity);
  const { state, found, id, epoch, nextLsn } = recovered;
  if (id === null && found.length === 0) {
    return { ...EMPTY_REPORT, directory, verdict: "cannot_tell", reason: "no log is in it" };
  }
  const verdicts = state.damages;
  const uncertain = [...verdicts.map((verdict) => verdict.epoch), ...found.map(() => epoch)];
  const upTo = uncertain.reduce((most, one) => Math.max(most, one), 0);
  const copied = await isCopy(platform, directory, recovered.place);
  return {
    ...EMPTY_REPORT,
    directory,
    verdict: uncertain.length === 0 ? "sound" : "damaged",
    format: "indoubt",
    copied,
    reason: copied ? new LogCopiedError(directory).message : "",
    id,
    epoch,
    nextLsn,
    found,
    harmless: await harmlessDamage(platform, directory, recovered),
    setAside: recovered.setAside,
    verdicts,
    uncertainUpTo: uncertain.length === 0 ? null : upTo,
    nextOpening: copied ? null : await nextOpening(platform, directory, recovered),
  };
}

/** Damage that recovery passed over, since a later segment restates everything. */
async function harmlessDamage<Entry>(
  { fileSystem }: ReadingPlatform,
  directory: string,
  { found, nextLsn }: RecoveredLog<Entry>,
): Promise<FileFinding[]> {
  const counted = new Set(found.map(({ file }) => file));
  const harmless: FileFinding[] = [];
  for (const file of (await fileSystem.list(directory)).sort()) {
    const firstLsn = parseSegmentName(file);
    // What was begun since is not what was recovered.
    if (firstLsn === null || firstLsn >= nextLsn) continue;
    using segment = await unlessGone(LoadedSegment.load(fileSystem, directory, file));
    if (segment === null) continue;
    for (const item of inspectSegment(file, firstLsn, segment)) {
      const reason = damageIn(item);
      // A damaged header that could be mended has cost no record.
      const costsNothing = item.kind === "damage" && item.offset === 0;
      if (reason !== null && (costsNothing || !counted.has(file))) harmless.push({ file, reason });
    }
  }
  return harmless;
}

function damageIn(item: InspectedItem): string | null {
  if (item.kind === "damage") return describeDamage(item);
  const isUnreadable = item.kind === "end" && item.end.kind === "bad_segment_header";
  return isUnreadable && item.format === "indoubt" ? item.end.detail : null;
}

async function nextOpening<Entry>(
  { fileSystem }: ReadingPlatform,
  directory: string,
  { state, found, harmless, unread, epoch, nextLsn }: RecoveredLog<Entry>,
): Promise<NextOpening> {
  const damaged = new Set([...state.damages, ...found, ...harmless].map(({ file }) => file));
  const names = await fileSystem.list(directory);
  const older = names.filter((name) => (parseSegmentName(name) ?? nextLsn) < nextLsn).sort();
  return {
    epoch: epoch + 1,
    firstLsn: nextLsn,
    setAside: older.filter((name) => damaged.has(name)),
    remove: older.filter((name) => !damaged.has(name) && !unread.includes(name)),
  };
}
