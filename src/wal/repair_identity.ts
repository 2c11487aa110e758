/**
 * Makes `identity.json` again if it is damaged or gone, from the segments, each of which says the log's id and
 * the number of its opening. What only that file knew is not guessed: whether a later segment is lost, and
 * whether the directory is a copy. So somebody must vouch that it is the only one from now on, and the log is
 * then opened as a copy is (`place.ts`).
 *
 * Guarantees: nothing is made up. If the segments do not agree, or the newest one does not say its opening,
 * nothing is changed. The damaged file is kept byte for byte under a name of its own, synced, before anything
 * else happens; and until the new segment, with the verdict in it, is durable, the damaged file stays where
 * it is, so that a crash leaves a log that is either refused as before or repaired as a whole.
 *
 * @module
 */

import type { FileSystem } from "../platform/file_system.ts";
import type { Platform } from "../platform/platform.ts";
import { copyFile } from "./copy_file.ts";
import { LogCorruptedError } from "./errors.ts";
import { IDENTITY_NAME, readIdentity } from "./identity.ts";
import { SettledFiles } from "./inspect_files.ts";
import { inspectSegment } from "./inspect_segment.ts";
import { removeUnfinished } from "./retire.ts";
import { brokenName, parseSegmentName, pathOf } from "./segment_name.ts";
import { LoadedSegment } from "./segment_scan.ts";

/**
 * Whether the identity is gone or is not what was once written. One that is whole but of another log is not
 * damaged: files of two logs were mixed, and which ones are right cannot be told.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @returns True if it can be made again.
 * @throws {LogVersionError} If a newer version wrote it.
 */
export async function isIdentityDamaged(platform: Platform, directory: string): Promise<boolean> {
  if (!(await platform.fileSystem.list(directory)).includes(IDENTITY_NAME)) return true;
  try {
    await readIdentity(platform, directory);
    return false;
  } catch (error) {
    if (error instanceof LogCorruptedError) return true;
    throw error;
  }
}

/**
 * The largest opening that the segments know of.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @returns Its number.
 * @throws {LogCorruptedError} If the segments do not say with certainty whose they are and which was last.
 */
export async function epochInSegments(
  { fileSystem }: Platform,
  directory: string,
): Promise<number> {
  using files = new SettledFiles(fileSystem);
  const names = (await files.list(directory)).sort();
  const segments = names.filter((name) => parseSegmentName(name) !== null);
  let known: { readonly id: string; readonly file: string } | null = null;
  let newest = 0;
  for (const file of segments) {
    const epochs = await epochsIn(files, directory, file);
    for (const { id } of epochs) {
      known ??= { id, file };
      if (id === known.id) continue;
      const why = `it is of log ${id}, but ${known.file} is of log ${known.id}`;
      throw unrepairable(directory, file, `${why}, put the files of one log together again`);
    }
    newest = epochs.reduce((most, { epoch }) => Math.max(most, epoch), 0);
  }
  const last = segments.at(-1);
  if (last === undefined) {
    throw unrepairable(directory, IDENTITY_NAME, "no segment says whose log it is");
  }
  if (newest === 0) {
    throw unrepairable(directory, last, "the newest segment does not say which opening it is of");
  }
  const setAsideBy = names.reduce((most, name) => Math.max(most, openingThatSetAside(name)), 0);
  if (setAsideBy > newest) {
    const why = `it is of opening ${newest}, but opening ${setAsideBy} has set a file aside`;
    throw unrepairable(directory, last, why);
  }
  return newest;
}

/** The opening that set a segment aside; 0 if none did. */
function openingThatSetAside(name: string): number {
  return Number(/\.wal\.broken-([0-9]{1,15})(?:-[0-9]+)?$/.exec(name)?.[1] ?? 0);
}

async function epochsIn(
  files: FileSystem,
  directory: string,
  file: string,
): Promise<{ readonly id: string; readonly epoch: number }[]> {
  const epochs: { id: string; epoch: number }[] = [];
  using segment = await LoadedSegment.load(files, directory, file);
  for (const item of inspectSegment(file, parseSegmentName(file) ?? 0, segment)) {
    const record = item.kind === "record" ? item.record : null;
    if (record?.type === "epoch") epochs.push({ id: record.id, epoch: record.epoch });
  }
  return epochs;
}

function unrepairable(directory: string, file: string, why: string): LogCorruptedError {
  const remedy =
    `so ${IDENTITY_NAME} cannot be made again: restore it from a backup, or, without one, ` +
    "settle in the databases what is prepared as indoubt_ID_... where ID is no other log's, " +
    "and begin with an empty directory";
  return new LogCorruptedError(directory, { file }, `${why}, ${remedy}`);
}

/**
 * Copies the damaged identity, byte for byte and durably, to a name that nothing has. The caller holds the
 * log's lock.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @param epoch The opening that is to be made.
 * @returns The name; `null` if there is no identity to keep.
 */
export async function keepIdentity(
  platform: Platform,
  directory: string,
  epoch: number,
): Promise<string | null> {
  const { fileSystem } = platform;
  await removeUnfinished(platform, directory);
  const names = await fileSystem.list(directory);
  if (!names.includes(IDENTITY_NAME)) return null;
  const name = brokenName(IDENTITY_NAME, epoch, names);
  const identity = pathOf(directory, IDENTITY_NAME);
  await copyFile(fileSystem, identity, pathOf(directory, name), Infinity);
  await fileSystem.syncDirectory(directory);
  return name;
}
