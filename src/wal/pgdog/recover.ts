/**
 * Reads a log directory of pgdog and says what is to become of its transactions. The rules are
 * those of `replay.ts`; they are not pgdog's own, which lose decisions where a file is damaged.
 *
 * Guarantees: files are only listed, opened for reading and read, so a directory without write
 * permission is as good as any, and nothing in it changes. One file is in memory at a time, once,
 * and besides it only the transactions that are live.
 *
 * @module
 */

import type { FileHandle, FileSystem } from "../../platform/file_system.ts";
import { pathOf } from "../segment_name.ts";
import { settledLength } from "../shared_file.ts";
import { type PgdogFile, sortPgdogDirectory } from "./directory.ts";
import { PGDOG_MAX_SEGMENT_LENGTH } from "./format.ts";
import { type PgdogRecovery, PgdogReplay } from "./replay.ts";

/** Takes a segment: its file, its bytes (to be let go when it returns), and whether it is the last. */
export type VisitPgdogSegment = (
  file: PgdogFile,
  bytes: Uint8Array,
  isLast: boolean,
) => void;

/**
 * Recovers from a directory. pgdog must not be using it meanwhile. It is for logs that pgdog wrote
 * alone: once a segment of our own stands there, that one says everything.
 *
 * @param fileSystem Where the directory is.
 * @param directory The log directory.
 * @param onSegment Is given each segment, too; nothing is read again for it.
 * @returns What it says.
 * @throws {LogVersionError} If a newer version wrote a record.
 * @throws {RangeError} If a number in a name or of a record is too large, or a file is.
 */
export async function recoverPgdogLog(
  fileSystem: FileSystem,
  directory: string,
  onSegment: VisitPgdogSegment = () => {},
): Promise<PgdogRecovery> {
  const sorted = sortPgdogDirectory(await fileSystem.list(directory));
  const replay = new PgdogReplay(directory, sorted);
  const last = sorted.segments.at(-1);
  for (const file of sorted.setAside) {
    const path = pathOf(directory, file.name);
    replay.addSetAside(file, await withOpenFile(fileSystem, path, (open) => open.size()));
  }
  for (const file of sorted.segments) {
    const bytes = await readPgdogFile(fileSystem, pathOf(directory, file.name));
    replay.addSegment(file, bytes, file === last);
    onSegment(file, bytes, file === last);
  }
  return replay.finish();
}

/**
 * Reads the whole of one of pgdog's segments.
 *
 * @param fileSystem Where it is.
 * @param path Its path.
 * @returns Its bytes, as many as there were when it was opened.
 * @throws {RangeError} If it is too large.
 */
export function readPgdogFile(fileSystem: FileSystem, path: string): Promise<Uint8Array> {
  return withOpenFile(fileSystem, path, (file) => readWhole(file, path));
}

async function withOpenFile<T>(
  fileSystem: FileSystem,
  path: string,
  use: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const file = await fileSystem.open(path, "read");
  try {
    return await use(file);
  } finally {
    file.close();
  }
}

async function readWhole(file: FileHandle, path: string): Promise<Uint8Array> {
  const size = await file.size();
  if (size > PGDOG_MAX_SEGMENT_LENGTH) {
    throw new RangeError(
      `Cannot read ${path}: it has ${size} bytes, a segment of pgdog has at most ` +
        `${PGDOG_MAX_SEGMENT_LENGTH}`,
    );
  }
  const bytes = new Uint8Array(size);
  let loaded = 0;
  while (loaded < size) {
    const count = await file.read(bytes.subarray(loaded), loaded);
    if (count === 0) break; // it was cut while it was read
    loaded += count;
  }
  return bytes.subarray(0, await settledLength(file, loaded, () => bytes));
}
