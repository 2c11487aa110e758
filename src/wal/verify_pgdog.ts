/**
 * Verifies a log of pgdog, by the rules of `pgdog/replay.ts`.
 *
 * @module
 */

import type { FileSystem } from "../platform/file_system.ts";
import { unlessGone } from "./inspect_files.ts";
import { sortPgdogDirectory } from "./pgdog/directory.ts";
import { readPgdogFile, recoverPgdogLog } from "./pgdog/recover.ts";
import { readPgdogSegment } from "./pgdog/segment.ts";
import type { PgdogDamage } from "./pgdog/replay.ts";
import { reasonOfDamage } from "./pgdog/verdict.ts";
import { pathOf } from "./segment_name.ts";
import { EMPTY_REPORT, type FileFinding, type VerifyReport } from "./verify_report.ts";

/**
 * Verifies a log of pgdog.
 *
 * @param fileSystem Where it is.
 * @param directory The log directory.
 * @returns What it comes to.
 * @throws {LogVersionError} If a newer version wrote a record.
 * @throws {RangeError} If a number or a file is too large.
 * @throws Whatever the file system throws.
 */
export async function verifyPgdog(
  fileSystem: FileSystem,
  directory: string,
): Promise<VerifyReport> {
  const { restored, leftAlone, damage, nextLsn } = await recoverPgdogLog(fileSystem, directory);
  const isDamaged = damage.length > 0;
  const { misnamed } = sortPgdogDirectory(await fileSystem.list(directory));
  return {
    ...EMPTY_REPORT,
    directory,
    verdict: isDamaged ? "damaged" : "sound",
    reason: "it is a log of pgdog, which can be inspected but not continued",
    format: "pgdog",
    nextLsn,
    found: damage.map(({ file, offset, lsn, reason }) => ({
      file,
      reason: `at offset ${offset} (LSN ${lsn}) ${reason}`,
    })),
    harmless: await harmlessDamage(fileSystem, directory, damage),
    passedOver: misnamed.map(({ name }) => ({
      file: name,
      reason: "a segment's name has 20 digits, so this file is not replayed, though pgdog did so",
    })),
    decided: restored.filter(({ decided }) => decided),
    undecided: isDamaged ? leftAlone : restored.filter(({ decided }) => !decided),
    uncertainUpTo: isDamaged ? 0 : null,
  };
}

/** Damage that recovery passed over, since a later Checkpoint says what was live. */
async function harmlessDamage(
  fileSystem: FileSystem,
  directory: string,
  counted: readonly PgdogDamage[],
): Promise<FileFinding[]> {
  const { segments } = sortPgdogDirectory(await fileSystem.list(directory));
  const harmless: FileFinding[] = [];
  for (const { name, firstLsn } of segments) {
    const bytes = await unlessGone(readPgdogFile(fileSystem, pathOf(directory, name)));
    if (bytes === null) continue;
    const { end, nextLsn } = readPgdogSegment(bytes, firstLsn, () => {});
    if (end.kind === "invalid_tag") continue;
    const reason = reasonOfDamage(bytes, end, name === segments.at(-1)?.name);
    const { offset } = end;
    const counts = counted.some((one) => one.file === name && one.offset === offset);
    if (reason === null || counts) continue;
    harmless.push({ file: name, reason: `at offset ${offset} (LSN ${nextLsn}) ${reason}` });
  }
  return harmless;
}
