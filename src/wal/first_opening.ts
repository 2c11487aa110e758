/**
 * Tells a log whose first opening was not finished, and which therefore has no `identity.json` yet, from
 * one that has lost it. Without that file nobody knows whether a newer segment is lost, or whether the
 * directory is a copy, so the latter is not opened unasked.
 *
 * Until the identity is durable no opening is finished: nothing has been appended, and no segment has been
 * taken away. So the first segment is there, and all of them hold what opens them and nothing else.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { LogCorruptedError } from "./errors.ts";
import { IDENTITY_NAME } from "./identity.ts";
import type { LogModel } from "./model.ts";
import { Reading } from "./reading.ts";

/**
 * Refuses a log that has been used and has no identity.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @param model The meaning of the entries; is reset.
 * @param segments First LSNs of its segments, oldest first, at least one.
 * @throws {LogCorruptedError} If the identity is lost.
 * @throws {LogVersionError} If a newer version wrote the log.
 * @throws Whatever the file system throws.
 */
export async function assertFirstOpening<Entry>(
  platform: Platform,
  directory: string,
  model: LogModel<Entry>,
  segments: readonly number[],
): Promise<void> {
  const reading = new Reading(directory, model);
  await reading.read(platform, segments);
  const isUnused = reading.behindOpenings === 0 && reading.found.length === 0;
  if (segments[0] === 0 && isUnused) return;
  throw new LogCorruptedError(
    directory,
    { file: IDENTITY_NAME },
    "it is gone, though the log has been used: restore it from a backup, or have it made again from " +
      `the segments with indoubt repair "${directory}" --accept-copy --reason TEXT`,
  );
}
