/**
 * Tells a log directory from every copy of it. Its place is what the file system knows of its `.lock`: that
 * file is made once, with the log, and neither replaced nor removed by anything here, so it is the same
 * file for as long as the directory stays where it is or is renamed or moved within its file system. In
 * what `cp`, `rsync`, `tar` or a restored backup makes, it is another one.
 *
 * A copy of a whole volume, block for block, is the same to the last bit and cannot be told.
 *
 * A copy is opened only if somebody vouches for it. It then goes on as if everything that the original may
 * have done since it was made had been lost, which is so: numbers that it may have used are passed over,
 * and a verdict says that decisions of that time may be missing. The place is written anew only when
 * that verdict is durable.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { IDENTITY_NAME, lsnLimit } from "./identity.ts";
import { isNotFound } from "./inspect_files.ts";
import { LOCK_NAME } from "./lock.ts";
import { pathOf } from "./segment_name.ts";

/**
 * Openings of the original that a copy cannot know of, at most: ten years of one an hour, and few enough
 * that transactions have numbers left after more than a hundred copies of copies.
 */
const UNKNOWN_EPOCHS = 100_000;

/** Who vouches for a copy, and why. */
export interface AcceptedCopy {
  /** Who decides; kept in the log with the verdict. 1 to 1000 characters. */
  readonly by: string;
  /** Why; kept in the log with the verdict. 1 to 1000 characters. */
  readonly reason: string;
}

/**
 * The place of a log directory.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @returns What tells it from its copies; `null` if the platform knows nothing that does.
 */
export async function placeOf(platform: Platform, directory: string): Promise<string | null> {
  return await platform.fileSystem.identify(pathOf(directory, LOCK_NAME));
}

/**
 * Whether a log directory is a copy.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @param recorded The place that its identity names; `null` if none was known then.
 * @returns False also if nobody can tell. A place that is not known any more is another one.
 */
export async function isCopy(
  platform: Platform,
  directory: string,
  recorded: string | null,
): Promise<boolean> {
  if (recorded === null) return false;
  try {
    return await placeOf(platform, directory) !== recorded;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}

/**
 * Where a copy goes on.
 *
 * @param log The largest epoch and the next number that the copy knows of.
 * @returns The same behind all that the original may have used since.
 */
export function behindOriginal<T extends { readonly epoch: number; readonly nextLsn: number }>(
  log: T,
): T {
  return { ...log, epoch: log.epoch + UNKNOWN_EPOCHS, nextLsn: lsnLimit(log.nextLsn) };
}

/**
 * What the verdict on a copy says.
 *
 * @param reason Why somebody vouches for it.
 * @param isCertain Whether it is known to be one; without its identity nobody can tell.
 * @returns The reason of the verdict.
 */
export function copyReason(reason: string, isCertain: boolean): string {
  return isCertain
    ? `the directory is a copy, what the original wrote since is not in it: ${reason}`
    : `${IDENTITY_NAME} was lost, so a later segment may be, or the directory is a copy: ${reason}`;
}
