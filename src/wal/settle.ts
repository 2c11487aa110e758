/**
 * Makes durable what an opening has read of the newest segment, for a log that no later segment restates.
 *
 * A process that died may have left records that were written and never synced, and the kernel may still hold
 * them: they are read, and are gone after a power cut. A sync now is no remedy if one of them failed earlier:
 * the kernel took the pages for clean then, and says nothing the next time. So the segment is copied, the copy
 * is synced and takes its name, before anybody is shown a record of it. Nothing else is changed: the bytes
 * are the same, and of those behind the last record only zeros are left out.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { copyFile } from "./copy_file.ts";
import type { Tail } from "./reading.ts";
import { pathOf } from "./segment_name.ts";

/**
 * Makes a segment durable as it was read.
 *
 * @param platform The machine.
 * @param directory The log directory, of which this process holds the lock.
 * @param tail The segment; `null` if there is none.
 * @throws Whatever the file system throws; the segment is then as it was.
 */
export async function settleSegment(
  { fileSystem }: Platform,
  directory: string,
  tail: Tail | null,
): Promise<void> {
  if (tail === null) return;
  const path = pathOf(directory, tail.file);
  await copyFile(fileSystem, path, path, tail.length);
  await fileSystem.syncDirectory(directory);
}
