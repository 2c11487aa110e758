/**
 * Takes segments away that are no longer needed: those before one that restates everything and is durable.
 * Damaged ones are set aside under names of their own, never removed and never overwritten; those of which
 * it is not known stay where they are until an opening can read them.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { brokenName, parseSegmentName, pathOf, UNFINISHED_SUFFIX } from "./segment_name.ts";

/** What is to be kept of the segments that were there when the log was opened. */
export interface KeptSegments {
  /** The opening that sets files aside. */
  readonly epoch: number;
  /** Names of the damaged ones. */
  readonly damaged: ReadonlySet<string>;
  /** Names of those that could not be read. */
  readonly unread: ReadonlySet<string>;
}

/**
 * Removes or sets aside the segments before one.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @param firstLsn Number of the first record of the segment that restates everything.
 * @param kept What is not to be removed.
 * @returns Names under which files have been set aside.
 */
export async function retireSegments(
  platform: Platform,
  directory: string,
  firstLsn: number,
  kept: KeptSegments,
): Promise<string[]> {
  const { fileSystem } = platform;
  const names = await fileSystem.list(directory);
  const older = names.filter((name) => (parseSegmentName(name) ?? firstLsn) < firstLsn).sort();
  const setAside: string[] = [];
  let changed = false;
  let failure: unknown = null;
  for (const name of older) {
    if (kept.unread.has(name)) continue;
    try {
      if (kept.damaged.has(name)) {
        const aside = brokenName(name, kept.epoch, names);
        await fileSystem.rename(pathOf(directory, name), pathOf(directory, aside));
        setAside.push(aside);
      } else await fileSystem.remove(pathOf(directory, name));
      changed = true;
    } catch (error) {
      // One that cannot be taken away must not keep the others: the log would grow without bound.
      failure ??= error;
    }
  }
  if (changed) await fileSystem.syncDirectory(directory);
  if (failure !== null) throw failure;
  return setAside;
}

/**
 * Removes what a crash left half made. Such a file never had a name that counts.
 *
 * @param platform The machine.
 * @param directory The log directory.
 */
export async function removeUnfinished(platform: Platform, directory: string): Promise<void> {
  for (const name of await platform.fileSystem.list(directory)) {
    if (name.endsWith(UNFINISHED_SUFFIX)) {
      await platform.fileSystem.remove(pathOf(directory, name));
    }
  }
}
