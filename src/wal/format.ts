/**
 * The bytes of a segment. This file is the format: what it says is on disk is what all others use.
 *
 * Segment: a header of 16 bytes, then frames. All integers are little endian.
 *
 * | offset | bytes | segment header |
 * |---|---|---|
 * | 0 | 4 | magic `IDBT` |
 * | 4 | 2 | format version, 1 |
 * | 6 | 2 | feature bits, 0; a bit that is not known is a newer version |
 * | 8 | 4 | salt, random for each use of a file as a segment, not 0 |
 * | 12 | 4 | crc32c of bytes 0 to 11 and of the segment's first LSN as u64 |
 *
 * | offset | bytes | frame |
 * |---|---|---|
 * | 0 | 4 | the segment's salt |
 * | 4 | 4 | body length, 1 to {@linkcode MAX_BODY_LENGTH} |
 * | 8 | 4 | crc32c of body length, unsynced, body, salt and the frame's LSN as u64, in this order |
 * | 12 | 4 | unsynced: how many records before this one were not known to be synced when it was written |
 * | 16 | n | body: u8 tag, then the payload |
 *
 * The n-th frame of a segment has the segment's first LSN plus n. Since the LSN is in the checksum but not in
 * the file, a frame is valid only in the place for which it was made: a frame copied elsewhere and a renamed
 * segment are invalid. Behind the last frame stand zeros or the frames of earlier uses of the file, which no
 * salt of this segment's precedes. (SQLite's WAL repeats its salts in each frame for the same reason.)
 *
 * @module
 */

import { BODY_LENGTH_AT, crc32c, HEADER_LENGTH, MAX_BODY_LENGTH } from "./core.ts";

export { BODY_LENGTH_AT, MAX_BODY_LENGTH };

/** Bytes before the first frame of a segment. */
export const SEGMENT_HEADER_LENGTH = 16;

/** Bytes before a frame's body. */
export const FRAME_HEADER_LENGTH: number = HEADER_LENGTH;

/** Where in a frame its checksum is. */
export const CHECKSUM_AT = 8;

/** Where in a frame it is said how many records before it were not known to be synced. */
export const UNSYNCED_AT = 12;

/** Version of the format which this code writes and reads. */
export const FORMAT_VERSION = 1;

const MAGIC = 0x54424449; // "IDBT", read as a little endian integer
const PGDOG_MAGIC = 0x57324750; // "PG2W"

/** What a segment header says. */
export interface SegmentHeader {
  /** Random number that makes this segment's frames its own. */
  readonly salt: number;
}

/** Why a segment header was not accepted. */
export type HeaderFault =
  | { readonly kind: "too-short" | "bad-magic" | "bad-checksum" }
  | { readonly kind: "newer-version"; readonly found: string }
  /** A segment of pgdog's log, which is read by other code and never written. */
  | { readonly kind: "pgdog" };

function headerChecksum(bytes: Uint8Array, firstLsn: number): number {
  const covered = new Uint8Array(20);
  covered.set(bytes.subarray(0, 12));
  new DataView(covered.buffer).setBigUint64(12, BigInt(firstLsn), true);
  return crc32c(covered);
}

/**
 * Makes the header of a segment.
 *
 * @param salt Random, unsigned 32 bits, not 0.
 * @param firstLsn Number of the segment's first record.
 * @returns The 16 bytes.
 */
export function encodeSegmentHeader(salt: number, firstLsn: number): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, FORMAT_VERSION, true);
  view.setUint16(6, 0, true);
  view.setUint32(8, salt, true);
  view.setUint32(12, headerChecksum(bytes, firstLsn), true);
  return bytes;
}

/**
 * Reads the header of a segment.
 *
 * @param bytes The beginning of the file; may be shorter than a header.
 * @param firstLsn Number of the first record, from the file's name.
 * @returns The header, or why it was not accepted.
 */
export function decodeSegmentHeader(
  bytes: Uint8Array,
  firstLsn: number,
): SegmentHeader | HeaderFault {
  if (bytes.length < SEGMENT_HEADER_LENGTH) return { kind: "too-short" };
  const view = new DataView(bytes.buffer, bytes.byteOffset, SEGMENT_HEADER_LENGTH);
  const magic = view.getUint32(0, true);
  if (magic === PGDOG_MAGIC) return { kind: "pgdog" };
  if (magic !== MAGIC) return { kind: "bad-magic" };
  // The checksum comes first: only a header that is whole may announce a newer version.
  if (view.getUint32(12, true) !== headerChecksum(bytes, firstLsn)) return { kind: "bad-checksum" };
  const version = view.getUint16(4, true);
  if (version !== FORMAT_VERSION) {
    return { kind: "newer-version", found: `format version ${version}` };
  }
  const features = view.getUint16(6, true);
  if (features !== 0) {
    return { kind: "newer-version", found: `feature bits 0x${features.toString(16)}` };
  }
  return { salt: view.getUint32(8, true) };
}
