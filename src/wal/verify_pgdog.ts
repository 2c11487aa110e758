/**
 * Verifies a log of pgdog, by the rules of `pgdog/replay.ts`.
 *
 * @module
 */

import type { FileSystem } from "../platform/file_system.ts";
import { type PgdogFile, sortPgdogDirectory } from "./pgdog/directory.ts";
import { recoverPgdogLog } from "./pgdog/recover.ts";
import { readPgdogSegment } from "./pgdog/segment.ts";
import type { PgdogDamage } from "./pgdog/replay.ts";
import { reasonOfDamage } from "./pgdog/verdict.ts";
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
  const ends: DamagedEnd[] = [];
  const { restored, leftAlone, damage, nextLsn } = await recoverPgdogLog(
    fileSystem,
    directory,
    (file, bytes, isLast) => ends.push(...damagedEndOf(file, bytes, isLast)),
  );
  const isDamaged = damage.length > 0;
  const { misnamed } = sortPgdogDirectory(await fileSystem.list(directory));
  return {
    ...EMPTY_REPORT,
    directory,
    verdict: isDamaged ? "damaged" : "sound",
    reason: "it is a log of pgdog, which can be inspected but not continued",
    format: "pgdog",
    application: false,
    nextLsn,
    found: damage.map(({ file, offset, lsn, reason }) => ({
      file,
      reason: `at offset ${offset} (LSN ${lsn}) ${reason}`,
    })),
    harmless: harmlessDamage(ends, damage),
    passedOver: misnamed.map(({ name }) => ({
      file: name,
      reason: "a segment's name has 20 digits, so this file is not replayed, though pgdog did so",
    })),
    decided: restored.filter(({ decided }) => decided),
    undecided: isDamaged ? leftAlone : restored.filter(({ decided }) => !decided),
    uncertainUpTo: isDamaged ? 0 : null,
  };
}

/** Where and why a segment ends as no crash leaves it. */
interface DamagedEnd {
  readonly file: string;
  readonly offset: number;
  readonly lsn: number;
  readonly reason: string;
}

function damagedEndOf(
  { name, firstLsn }: PgdogFile,
  bytes: Uint8Array,
  isLast: boolean,
): DamagedEnd[] {
  const { end, nextLsn } = readPgdogSegment(bytes, firstLsn, () => {});
  if (end.kind === "invalid_tag") return [];
  const reason = reasonOfDamage(bytes, end, isLast);
  return reason === null ? [] : [{ file: name, offset: end.offset, lsn: nextLsn, reason }];
}

/** Damage that recovery passed over, since a later Checkpoint says what was live. */
function harmlessDamage(
  ends: readonly DamagedEnd[],
  counted: readonly PgdogDamage[],
): FileFinding[] {
  return ends
    .filter(({ file, offset }) =>
      !counted.some((one) => one.file === file && one.offset === offset)
    )
    .map(({ file, offset, lsn, reason }) => ({
      file,
      reason: `at offset ${offset} (LSN ${lsn}) ${reason}`,
    }));
}
