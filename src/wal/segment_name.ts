/**
 * Names of the files in a log directory. A segment is called after the number of its first record,
 * with exactly 20 digits; `7.wal` or `+10.wal` is no segment. Two segments never share a name, since
 * a file gets its final name only when its first record is durable in it.
 *
 * @module
 */

const SEGMENT_NAME = /^([0-9]{20})\.wal$/;
const BROKEN_NAME = /^(?:[0-9]{20}\.wal|identity\.json)\.broken-/;

/** What a segment is called while it is being made; such a file holds nothing that counts. */
export const UNFINISHED_SUFFIX = ".unfinished";

/**
 * The file name of a segment.
 *
 * @param firstLsn Number of the segment's first record.
 * @returns The name, without a directory.
 */
export function segmentName(firstLsn: number): string {
  if (!Number.isSafeInteger(firstLsn) || firstLsn < 0) {
    throw new RangeError(
      `Cannot name a segment: its first LSN is ${firstLsn}, it must be a safe integer from 0`,
    );
  }
  return `${String(firstLsn).padStart(20, "0")}.wal`;
}

/**
 * The first LSN in a segment's name.
 *
 * @param name File name, without a directory.
 * @returns The LSN, or `null` if this is no name of a segment.
 */
export function parseSegmentName(name: string): number | null {
  const digits = SEGMENT_NAME.exec(name)?.[1];
  if (digits === undefined) return null;
  const firstLsn = Number(digits);
  return Number.isSafeInteger(firstLsn) ? firstLsn : null;
}

/**
 * The LSN with which a file name begins, be it that of a segment, of one set aside or of an unfinished one.
 *
 * @param name File name, without a directory.
 * @returns The LSN, or `null` if the name does not begin so.
 */
export function lsnInName(name: string): number | null {
  return parseSegmentName(name.slice(0, 24));
}

/**
 * The name under which a damaged segment is set aside.
 *
 * @param name The segment's name.
 * @param epoch The opening that sets it aside.
 * @param taken Names that exist.
 * @returns A name that none of them has.
 */
export function brokenName(name: string, epoch: number, taken: readonly string[]): string {
  const wanted = `${name}.broken-${epoch}`;
  for (let count = 1;; count++) {
    const free = count === 1 ? wanted : `${wanted}-${count}`;
    if (!taken.includes(free)) return free;
  }
}

/**
 * Whether a file was set aside as damaged.
 *
 * @param name Its name.
 * @returns True for any name that {@linkcode brokenName} may have given.
 */
export function isBrokenName(name: string): boolean {
  return BROKEN_NAME.test(name);
}

/**
 * Joins a directory and a file name.
 *
 * @param directory The directory, with or without a slash at its end.
 * @param name The file name.
 * @returns The path.
 */
export function pathOf(directory: string, name: string): string {
  return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}
