/**
 * Says what is in one of pgdog's segments, record by record, and which files pgdog took for segments.
 *
 * @module
 */

import type { InspectedItem, RecordType } from "./inspect_item.ts";
import { hasPgdogHeader, PGDOG_HEADER_LENGTH } from "./pgdog/format.ts";
import type { PgdogRecord } from "./pgdog/record.ts";
import { readFrame } from "./pgdog/segment.ts";

const TYPES: Readonly<Record<PgdogRecord["type"], RecordType>> = {
  begin: "Begin",
  committing: "Committing",
  end: "End",
  checkpoint: "Checkpoint",
};

const PGDOG_NAME = /^\+?([0-9]+)\.wal$/;
const LARGEST_NUMBER = 2n ** 64n - 1n;

/**
 * The number in a name that pgdog took for that of a segment: any digits, not only 20.
 *
 * @param name File name, without a directory.
 * @returns The number, or `null` if pgdog passed the file over.
 * @throws {RangeError} If the number is no safe integer.
 */
export function parsePgdogName(name: string): number | null {
  const digits = PGDOG_NAME.exec(name)?.[1];
  if (digits === undefined || BigInt(digits) > LARGEST_NUMBER) return null;
  const number = Number(digits);
  if (Number.isSafeInteger(number)) return number;
  throw new RangeError(
    `Cannot read the log of pgdog: the number of ${name} is above ${Number.MAX_SAFE_INTEGER}, ` +
      "which is the largest number that is read",
  );
}

/**
 * Says what is in one of pgdog's segments.
 *
 * @param file Name of the segment.
 * @param firstLsn Number of its first record.
 * @param bytes The whole of it.
 * @returns What is in it, in order; its end comes last.
 */
export function* inspectPgdogSegment(
  file: string,
  firstLsn: number,
  bytes: Uint8Array,
): Generator<InspectedItem> {
  if (!hasPgdogHeader(bytes)) {
    yield { kind: "end", file, format: "pgdog", end: { kind: "bad_segment_header", offset: 0 } };
    return;
  }
  let offset = PGDOG_HEADER_LENGTH;
  for (let lsn = firstLsn;; lsn++) {
    const frame = readFrame(bytes, offset);
    if ("kind" in frame) {
      yield { kind: "end", file, format: "pgdog", end: frame };
      return;
    }
    const { record, length, tag } = frame;
    yield { kind: "record", file, lsn, offset, length, tag, type: TYPES[record.type], record };
    offset += length;
  }
}
