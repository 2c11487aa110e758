/**
 * Takes segments away that are no longer needed: those before one that restates everything and is durable.
 * Damaged ones are set aside under names of their own, never removed and never overwritten.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import type { LogState } from "./log_state.ts";
import { brokenName, parseSegmentName, pathOf, UNFINISHED_SUFFIX } from "./segment_name.ts";

/**
 * Removes or sets aside the segments before one.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @param firstLsn Number of the first record of the segment that restates everything.
 * @param state Knows which files are damaged.
 */
export async function retireSegments<Entry>(
  platform: Platform,
  directory: string,
  firstLsn: number,
  state: LogState<Entry>,
): Promise<void> {
  // A log that keeps every entry needs all its segments, what is readable of the damaged ones too.
  if (!state.restates) return;
  const { fileSystem } = platform;
  const names = await fileSystem.list(directory);
  const damaged = new Set(state.damages.map(({ file }) => file));
  const older = names.filter((name) => (parseSegmentName(name) ?? firstLsn) < firstLsn).sort();
  let changed = false;
  let failure: unknown = null;
  for (const name of older) {
    try {
      if (damaged.has(name)) names.push(await setAside(platform, directory, name, state, names));
      else await fileSystem.remove(pathOf(directory, name));
      changed = true;
    } catch (error) {
      // One that cannot be taken away must not keep the others: the log would grow without bound.
      failure ??= error;
    }
  }
  if (changed) await fileSystem.syncDirectory(directory);
  if (failure !== null) throw failure;
}

async function setAside<Entry>(
  platform: Platform,
  directory: string,
  name: string,
  state: LogState<Entry>,
  taken: readonly string[],
): Promise<string> {
  const aside = brokenName(name, state.epoch, taken);
  await platform.fileSystem.rename(pathOf(directory, name), pathOf(directory, aside));
  return aside;
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
