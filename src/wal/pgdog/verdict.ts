/**
 * Says whether the end of a segment is what a crash leaves or damage. pgdog's frames do not say how
 * much had been synced, so this errs towards damage: a cut is a cut only in the last segment, and
 * only if nothing there could have been acknowledged. A frame of full length with a wrong checksum
 * is always damage, also as the very last one: that it was never acknowledged cannot be shown.
 *
 * @module
 */

import {
  PGDOG_FRAME_HEADER_LENGTH,
  PGDOG_HEADER_LENGTH,
  PGDOG_MAX_BODY_LENGTH,
  readU32,
} from "./format.ts";
import { findWholeFrame, isWholeButForLength } from "./search.ts";
import type { PgdogSegmentEnd } from "./segment.ts";

/**
 * Why the end of a segment is damage. A record of a newer version is none, and not for this to
 * judge.
 *
 * @param bytes The whole file.
 * @param end How it ends.
 * @param isLast Whether no segment follows it.
 * @returns The reason in words, or `null` if nothing is wrong.
 */
export function reasonOfDamage(
  bytes: Uint8Array,
  end: Exclude<PgdogSegmentEnd, { readonly kind: "invalid_tag" }>,
  isLast: boolean,
): string | null {
  switch (end.kind) {
    case "clean":
      return null;
    case "torn_tail":
      return isLast
        ? reasonOfCut(bytes, end.offset)
        : "the record is cut short although a segment follows";
    case "empty_record":
      if (!isLast) return "the length of the record is 0 although a segment follows";
      return isZeroFrom(bytes, end.offset)
        ? null
        : "the length of the record is 0 and more than zeros follow";
    case "crc":
      return `the checksum of the record is ${hex(end.stored)}, that of its bytes ` +
        hex(end.computed);
    case "decode":
      return `the checksum of the record is right but its payload is not: ${end.cause.message}`;
    case "bad_segment_header":
      if (!isLast) return "the segment has no header although a segment follows";
      return isWithoutHeader(bytes) ? null : "the header is not that of a segment";
  }
}

function reasonOfCut(bytes: Uint8Array, offset: number): string | null {
  if (bytes.length - offset < PGDOG_FRAME_HEADER_LENGTH) return null;
  const bodyLength = readU32(bytes, offset);
  if (bodyLength > PGDOG_MAX_BODY_LENGTH) {
    return `the length of the record is ${bodyLength}, no record is longer than ` +
      `${PGDOG_MAX_BODY_LENGTH}`;
  }
  if (isWholeButForLength(bytes, offset)) {
    return `the record is whole, but its length says ${bodyLength}, more than there is`;
  }
  const finding = findWholeFrame(bytes, offset + 1);
  if (finding === null) return null;
  return finding.kind === "frame"
    ? `the record runs past the end, but a whole one follows at offset ${finding.offset}`
    : "the record runs past the end, and too much there looks like records to tell why";
}

/** Whether a segment's file was made but its header never reached the disk: it holds no record. */
function isWithoutHeader(bytes: Uint8Array): boolean {
  return bytes.length < PGDOG_HEADER_LENGTH || isZeroFrom(bytes, 0);
}

function isZeroFrom(bytes: Uint8Array, offset: number): boolean {
  return bytes.subarray(offset).every((byte) => byte === 0);
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, "0");
}
