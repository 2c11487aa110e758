/**
 * Who owns a log directory: `identity.json` holds the coordinator's id, made once at random and never
 * derived from a host, a process or a configuration. The same id is in every Epoch record, so a log and
 * an identity that do not belong together are noticed.
 *
 * The file is written after the first segment is durable. A directory without it is therefore one whose
 * first opening was not finished, and a directory with it but without a segment has lost its log.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { LogCorruptedError, LogVersionError } from "./errors.ts";
import { FORMAT_VERSION } from "./format.ts";
import { pathOf, UNFINISHED_SUFFIX } from "./segment_name.ts";

/** Name of the identity file. */
export const IDENTITY_NAME = "identity.json";

const MAX_IDENTITY_LENGTH = 4096;
const ID_LENGTH = 12;
// Lower case, without letters that look like digits: 32 letters, so five random bits each.
const ID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz";
const ID_PATTERN = /^[0-9a-hjkmnp-tv-z]{12}$/;

/**
 * Makes a coordinator id: twelve letters, 60 random bits.
 *
 * @param platform The source of randomness.
 * @returns The id.
 */
export function makeCoordinatorId(platform: Platform): string {
  const bytes = new Uint8Array(ID_LENGTH);
  platform.randomness.fill(bytes);
  return Array.from(bytes, (byte) => ID_LETTERS.charAt(byte % ID_LETTERS.length)).join("");
}

/**
 * Reads the identity of a log directory.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @returns The coordinator's id.
 * @throws {LogCorruptedError} If the file is not what was once written.
 * @throws {LogVersionError} If a newer version wrote it.
 */
export async function readIdentity(platform: Platform, directory: string): Promise<string> {
  const file = await platform.fileSystem.open(pathOf(directory, IDENTITY_NAME), "read");
  const buffer = new Uint8Array(MAX_IDENTITY_LENGTH);
  let length = 0;
  try {
    length = await file.read(buffer, 0);
  } finally {
    file.close();
  }
  const place = { file: IDENTITY_NAME };
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(buffer.subarray(0, length)));
  } catch (cause) {
    throw new LogCorruptedError(directory, place, "it is not JSON, restore it from a backup", {
      cause,
    });
  }
  const { coordinator, formatVersion } = (parsed ?? {}) as Record<string, unknown>;
  if (typeof formatVersion === "number" && formatVersion > FORMAT_VERSION) {
    throw new LogVersionError(directory, place, `format version ${formatVersion}`);
  }
  if (typeof coordinator !== "string" || !ID_PATTERN.test(coordinator)) {
    throw new LogCorruptedError(
      directory,
      place,
      "it names no coordinator, restore it from a backup",
    );
  }
  return coordinator;
}

/**
 * Writes the identity of a log directory, durably and as a whole.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @param coordinator The coordinator's id.
 */
export async function writeIdentity(
  platform: Platform,
  directory: string,
  coordinator: string,
): Promise<void> {
  const { fileSystem } = platform;
  const path = pathOf(directory, IDENTITY_NAME);
  const text = JSON.stringify({ coordinator, formatVersion: FORMAT_VERSION }, null, 2) + "\n";
  const bytes = new TextEncoder().encode(text);
  const file = await fileSystem.open(path + UNFINISHED_SUFFIX, "create-new");
  try {
    const written = file.write(bytes);
    if (written !== bytes.length) {
      throw new Error(
        `Cannot write ${IDENTITY_NAME}: ${written} of ${bytes.length} bytes were written, ` +
          "free some space",
      );
    }
    await file.syncData();
  } finally {
    file.close();
  }
  await fileSystem.rename(path + UNFINISHED_SUFFIX, path);
  await fileSystem.syncDirectory(directory);
}
