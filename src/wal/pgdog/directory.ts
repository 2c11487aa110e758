/**
 * Says by its name what each file in pgdog's log directory is. A segment has exactly 20 digits:
 * pgdog itself also read `7.wal` and `+10.wal`, and so replayed copied and half renamed files.
 * Those are not read here, but no number that stands in a name is ever given to a record again.
 *
 * @module
 */

/** A file with a number in its name. */
export interface PgdogFile {
  /** The name, without a directory. */
  readonly name: string;
  /** The number: that of its first record. */
  readonly firstLsn: number;
}

/** The files of a log directory. */
export interface PgdogDirectory {
  /** The segments, in the order of their records. */
  readonly segments: readonly PgdogFile[];
  /** What pgdog set aside as damaged (`.wal.broken`), in the same order. It is not read. */
  readonly setAside: readonly PgdogFile[];
  /** Files that pgdog took for segments although it never named one so. They are not read. */
  readonly misnamed: readonly PgdogFile[];
  /** All other files. */
  readonly ignored: readonly string[];
}

const NUMBERED = /^(\+?[0-9]+)\.wal(\.broken.*)?$/;
const EXACT_DIGITS = /^[0-9]{20}$/;

/**
 * Sorts the names in a log directory.
 *
 * @param names The names, in any order.
 * @returns What each file is.
 * @throws {RangeError} If the number in a name is no safe integer.
 */
export function sortPgdogDirectory(names: Iterable<string>): PgdogDirectory {
  const segments: PgdogFile[] = [];
  const setAside: PgdogFile[] = [];
  const misnamed: PgdogFile[] = [];
  const ignored: string[] = [];
  for (const name of names) {
    const [, digits, broken] = NUMBERED.exec(name) ?? [];
    if (digits === undefined) {
      ignored.push(name);
      continue;
    }
    const file = { name, firstLsn: numberOf(digits, name) };
    if (broken !== undefined) setAside.push(file);
    else if (EXACT_DIGITS.test(digits)) segments.push(file);
    else misnamed.push(file);
  }
  for (const files of [segments, setAside, misnamed]) files.sort(inOrder);
  return { segments, setAside, misnamed, ignored: ignored.sort() };
}

function numberOf(digits: string, name: string): number {
  const number = Number(digits);
  if (Number.isSafeInteger(number)) return number;
  throw new RangeError(
    `Cannot read the log of pgdog: the number of ${name} is above ${Number.MAX_SAFE_INTEGER}, ` +
      "which is the largest number that is read",
  );
}

function inOrder(one: PgdogFile, other: PgdogFile): number {
  return one.firstLsn - other.firstLsn || (one.name < other.name ? -1 : 1);
}
