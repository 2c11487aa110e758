/**
 * Whose a log directory is: `identity.json` holds the log's id, made once at random and never derived
 * from a host, a process or a configuration, and the number of the latest opening. The id is in every
 * Epoch record too, so a log and an identity that do not belong together are noticed; the number is
 * there so that it never comes back, even if every segment is lost.
 *
 * It is JSON, so that a person can read it, with a checksum of its fields: a turned bit can make another id
 * or number of it that looks as good.
 *
 * The file is written at each opening, after that opening's segment is durable. A directory without it is
 * therefore one whose first opening was not finished, and one with it but without a segment has lost its
 * log.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { readWhole, writeWhole } from "../platform/whole_file.ts";
import { crc32c } from "./core.ts";
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

/** What `identity.json` says. */
export interface Identity {
  /** Id of the log. */
  readonly id: string;
  /** Number of the latest opening. */
  readonly epoch: number;
}

/**
 * Makes the id of a log: twelve letters, 60 random bits.
 *
 * @param platform The source of randomness.
 * @returns The id.
 */
export function makeLogId(platform: Platform): string {
  const bytes = new Uint8Array(ID_LENGTH);
  platform.randomness.fill(bytes);
  return Array.from(bytes, (byte) => ID_LETTERS.charAt(byte % ID_LETTERS.length)).join("");
}

/**
 * Reads the identity of a log directory.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @returns Id and epoch.
 * @throws {LogCorruptedError} If the file is not what was once written.
 * @throws {LogVersionError} If a newer version wrote it.
 */
export async function readIdentity(platform: Platform, directory: string): Promise<Identity> {
  const file = await platform.fileSystem.open(pathOf(directory, IDENTITY_NAME), "read");
  const buffer = new Uint8Array(MAX_IDENTITY_LENGTH);
  let length = 0;
  try {
    length = await readWhole(file, buffer);
  } finally {
    file.close();
  }
  const place = { file: IDENTITY_NAME };
  const remedy = "restore it from a backup, or have it made again from the segments with " +
    `indoubt repair "${directory}" --reason TEXT`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(buffer.subarray(0, length)));
  } catch (cause) {
    throw new LogCorruptedError(directory, place, `it is not JSON, ${remedy}`, { cause });
  }
  const { checksum, ...fields } = (parsed ?? {}) as Record<string, unknown>;
  const { id, epoch, formatVersion } = fields;
  // The checksum comes first: only a file that is whole may announce a newer version.
  if (checksum !== checksumOf(fields)) {
    throw new LogCorruptedError(directory, place, `its checksum differs, ${remedy}`);
  }
  if (typeof formatVersion === "number" && formatVersion > FORMAT_VERSION) {
    throw new LogVersionError(directory, place, `format version ${formatVersion}`);
  }
  if (typeof id !== "string" || !ID_PATTERN.test(id) || !isEpoch(epoch)) {
    throw new LogCorruptedError(directory, place, `it names no log, ${remedy}`);
  }
  return { id, epoch };
}

/**
 * The text of an identity file.
 *
 * @param fields What it says.
 * @returns The fields and their checksum, as JSON.
 */
export function identityText(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...fields, checksum: checksumOf(fields) }, null, 2) + "\n";
}

/** The crc32c of the fields as JSON without white space, in the order of the file: eight hex digits. */
function checksumOf(fields: Readonly<Record<string, unknown>>): string {
  const bytes = new TextEncoder().encode(JSON.stringify(fields));
  return crc32c(bytes).toString(16).padStart(8, "0");
}

function isEpoch(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

/**
 * Writes the identity of a log directory, durably and as a whole.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @param identity Id and epoch.
 */
export async function writeIdentity(
  platform: Platform,
  directory: string,
  { id, epoch }: Identity,
): Promise<void> {
  const { fileSystem } = platform;
  const path = pathOf(directory, IDENTITY_NAME);
  const text = identityText({ id, epoch, formatVersion: FORMAT_VERSION });
  const file = await fileSystem.open(path + UNFINISHED_SUFFIX, "create-new");
  try {
    writeWhole(file, new TextEncoder().encode(text));
    await file.syncData();
  } finally {
    file.close();
  }
  await fileSystem.rename(path + UNFINISHED_SUFFIX, path);
  await fileSystem.syncDirectory(directory);
}
