/**
 * Makes durable what an opening has read of the newest segment, for a log that no later segment restates.
 *
 * A process that died may have left records that were written and never synced, and the kernel may still hold
 * them: they are read, and are gone after a power cut. A sync now is no remedy if one of them failed earlier:
 * the kernel took the pages for clean then, and says nothing the next time. So the segment is copied, the copy
 * is synced and takes its name, before anybody is shown a record of it. Nothing else is changed: the bytes
 * are the same, and of those behind the last record only zeros are left out.
 *
 * And makes the directory durable in which a log is begun: its own name, before anything is written there that
 * counts.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { copyFile } from "./copy_file.ts";
import type { Tail } from "./reading.ts";
import type { RecoveredLog } from "./recovery.ts";
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

/**
 * Makes the name of a log directory durable if it may be new, and the names of the segments that were there if no
 * opening of it is known to be finished. Nothing else is changed.
 *
 * @param platform The machine.
 * @param directory The log directory, of which this process holds the lock.
 * @param log What was read there.
 * @param mayBeCopy Whether somebody vouches for the directory, since it is or may be a copy.
 * @throws Whatever the file system throws.
 */
export async function settleDirectory(
  { fileSystem }: Platform,
  directory: string,
  { first, used, tail }: Pick<RecoveredLog<unknown>, "first" | "used" | "tail">,
  mayBeCopy: boolean,
): Promise<void> {
  // Of an unfinished first opening no segment may be missing that others follow (`first_opening.ts`).
  if (first && tail !== null) await fileSystem.syncDirectory(directory);
  if (!first && !mayBeCopy) return;
  try {
    await fileSystem.syncAncestors(directory);
  } catch (error) {
    // A log that was used had its name made durable before, and who copies one has to see to that of the copy. So a
    // repair needs no permission beyond the directory.
    if (!used || !isNotPermitted(error)) throw error;
  }
}

/** Whether Deno was not given the permission. */
function isNotPermitted(error: unknown): boolean {
  return error instanceof Error && error.name === "NotCapable";
}
