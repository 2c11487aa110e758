/**
 * Whose a log directory is: `identity.json` holds the log's id, made once at random and never derived
 * from a host, a process or a configuration, and the number of the latest opening. The id is in every
 * Epoch record too, so a log and an identity that do not belong together are noticed; the number is
 * there so that it never comes back, even if every segment is lost.
 *
 * It is JSON, so that a person can read it, with a checksum of its fields: a turned bit can make another id
 * or number of it that looks as good.
 *
 * The file is written at each opening, after that opening's segment is durable, and again for each
 * segment that follows. A directory without it is therefore one whose first opening was not finished.
 *
 * **Why no LSN comes back.** `segment` is the first LSN of a segment that was durable, under its name, when
 * this file was written, and segments are removed only after a later one is durable. So if no segment
 * from that number on is there, one is lost, and with it records of unknown number. But the log gives out
 * no LSN from {@linkcode lsnLimit} of `segment` on before it has written a larger `segment` here; so
 * whatever is lost was below that limit, and the next opening begins at it. (Where a segment is there and
 * damaged, its own length limits what it may have held.) The limit is so far away that a log which cannot
 * write this file for days goes on, and so near that numbers last for thousands of such losses.
 *
 * `place` is what tells the directory from every copy of it; see `place.ts`.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { readWhole, writeWholeAside } from "../platform/whole_file.ts";
import { crc32c } from "./core.ts";
import { LogCorruptedError, LogVersionError } from "./errors.ts";
import { FORMAT_VERSION } from "./format.ts";
import { pathOf, UNFINISHED_SUFFIX } from "./segment_name.ts";

/** Name of the identity file. */
export const IDENTITY_NAME = "identity.json";

/** How many numbers are given out at most before a larger `segment` is written. */
const LSN_SPAN = 2 ** 40;

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
  /** First LSN of the latest segment that is known to be durable. */
  readonly segment: number;
  /** What tells the directory from a copy of it; `null` if the platform knows nothing that does. */
  readonly place: string | null;
}

/**
 * The number that no record may have as long as the identity names a segment.
 *
 * @param segment First LSN of that segment.
 * @returns An LSN; all that are given out are below it.
 */
export function lsnLimit(segment: number): number {
  return Math.min(segment + LSN_SPAN, Number.MAX_SAFE_INTEGER);
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
 * @returns What it says.
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
  const where = { file: IDENTITY_NAME };
  const remedy = "restore it from a backup, or have it made again from the segments with " +
    `indoubt repair "${directory}" --accept-copy --reason TEXT`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(buffer.subarray(0, length)));
  } catch (cause) {
    throw new LogCorruptedError(directory, where, `it is not JSON, ${remedy}`, { cause });
  }
  const { checksum, ...fields } = (parsed ?? {}) as Record<string, unknown>;
  const { id, epoch, segment, place, formatVersion } = fields;
  // The checksum comes first: only a file that is whole may announce a newer version.
  if (checksum !== checksumOf(fields)) {
    throw new LogCorruptedError(directory, where, `its checksum differs, ${remedy}`);
  }
  if (typeof formatVersion === "number" && formatVersion > FORMAT_VERSION) {
    throw new LogVersionError(directory, where, `format version ${formatVersion}`);
  }
  const namesLog = typeof id === "string" && ID_PATTERN.test(id);
  const isPlace = place === null || typeof place === "string";
  if (!namesLog || !isPlace || !isNumberFrom(1, epoch) || !isNumberFrom(0, segment)) {
    throw new LogCorruptedError(directory, where, `it names no log, ${remedy}`);
  }
  return { id, epoch, segment, place };
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

function isNumberFrom(least: number, value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least;
}

/**
 * Writes the identity of a log directory, durably and as a whole.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @param identity What it is to say.
 */
export async function writeIdentity(
  platform: Platform,
  directory: string,
  { id, epoch, segment, place }: Identity,
): Promise<void> {
  const { fileSystem } = platform;
  const path = pathOf(directory, IDENTITY_NAME);
  const text = identityText({ id, epoch, segment, place, formatVersion: FORMAT_VERSION });
  try {
    const file = await fileSystem.open(path + UNFINISHED_SUFFIX, "create-new");
    try {
      await writeWholeAside(file, new TextEncoder().encode(text));
    } finally {
      file.close();
    }
    await fileSystem.rename(path + UNFINISHED_SUFFIX, path);
    await fileSystem.syncDirectory(directory);
  } catch (error) {
    // What is left of this try must not stand in the way of the next.
    await fileSystem.remove(path + UNFINISHED_SUFFIX).catch(() => {});
    throw error;
  }
}

/** The identity of an open log, which follows its segments. */
export class HeldIdentity {
  readonly #platform: Platform;
  readonly #directory: string;
  #identity: Identity;

  private constructor(platform: Platform, directory: string, identity: Identity) {
    this.#platform = platform;
    this.#directory = directory;
    this.#identity = identity;
  }

  /**
   * Writes an identity.
   *
   * @param platform The machine.
   * @param directory The log directory, of which this process holds the lock.
   * @param identity What it is to say.
   * @returns It, once it is durable.
   */
  static async write(
    platform: Platform,
    directory: string,
    identity: Identity,
  ): Promise<HeldIdentity> {
    await writeIdentity(platform, directory, identity);
    return new HeldIdentity(platform, directory, identity);
  }

  /** The number that no record may have. */
  get lsnLimit(): number {
    return lsnLimit(this.#identity.segment);
  }

  /**
   * Names a later segment.
   *
   * @param segment Its first LSN; it is durable.
   */
  async follow(segment: number): Promise<void> {
    const identity = { ...this.#identity, segment };
    await writeIdentity(this.#platform, this.#directory, identity);
    this.#identity = identity;
  }
}
