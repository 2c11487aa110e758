/**
 * Finds out whether one turned bit explains a damaged frame or header. It is said in messages, since one
 * bit points at memory or disk rather than at a program; a frame mended so is not believed. (The idea is
 * pebble's `bitflip` package.)
 *
 * @module
 */

import { crc32c, crc32cAppend } from "./core.ts";
import {
  BODY_LENGTH_AT,
  CHECKSUM_AT,
  decodeSegmentHeader,
  FRAME_HEADER_LENGTH,
  MAX_BODY_LENGTH,
  type SegmentHeader,
  UNSYNCED_AT,
} from "./format.ts";

/** The longest frame whose every bit is tried; the work grows with the square of the length. */
export const MAX_TRIED_LENGTH = 4096;

/** One bit. */
export interface FlippedBit {
  /** Offset of its byte, from the beginning of the frame or header. */
  readonly byte: number;
  /** Its place in the byte, 0 for the lowest. */
  readonly bit: number;
}

/** The checksum that a frame should have, its header's checksum field aside. */
function frameChecksum(frame: Uint8Array, bodyLength: number, salt: number, lsn: number): number {
  const place = new Uint8Array(12);
  const view = new DataView(place.buffer);
  view.setUint32(0, salt, true);
  view.setBigUint64(4, BigInt(lsn), true);
  const length = crc32c(frame.subarray(BODY_LENGTH_AT, CHECKSUM_AT));
  const head = crc32cAppend(length, frame.subarray(UNSYNCED_AT, FRAME_HEADER_LENGTH));
  const body = frame.subarray(FRAME_HEADER_LENGTH, FRAME_HEADER_LENGTH + bodyLength);
  return crc32cAppend(crc32cAppend(head, body), place);
}

function isValid(frame: Uint8Array, salt: number, lsn: number): boolean {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0, true) !== salt) return false;
  const bodyLength = view.getUint32(BODY_LENGTH_AT, true);
  if (bodyLength < 1 || bodyLength > MAX_BODY_LENGTH) return false;
  if (bodyLength > frame.length - FRAME_HEADER_LENGTH) return false;
  return view.getUint32(CHECKSUM_AT, true) === frameChecksum(frame, bodyLength, salt, lsn);
}

/**
 * Looks for one bit that makes a frame valid when it is turned.
 *
 * @param bytes The damaged frame and whatever follows it up to the next valid one; not changed.
 * @param salt The segment's salt.
 * @param lsn Number of the frame's record.
 * @returns The bit, or `null` if there is none or the frame is too long to try.
 */
export function findFlippedBit(bytes: Uint8Array, salt: number, lsn: number): FlippedBit | null {
  if (bytes.length <= FRAME_HEADER_LENGTH || bytes.length > MAX_TRIED_LENGTH) return null;
  const frame = bytes.slice();
  return firstFlip(frame, () => isValid(frame, salt, lsn));
}

/**
 * Tries to read a damaged header: as it is, if only its checksum or magic is hurt, then with each bit
 * turned. A header counts only if the first frame is valid with its salt.
 *
 * @param bytes The 16 bytes; not changed.
 * @param firstLsn Number of the segment's first record.
 * @param fits Whether the first frame is valid with a header.
 * @returns The header and the bit, or `null` if none fits.
 */
export function mendHeader(
  bytes: Uint8Array,
  firstLsn: number,
  fits: (header: SegmentHeader) => boolean,
): { header: SegmentHeader; flippedBit: FlippedBit | null } | null {
  const mended = bytes.slice();
  let header: SegmentHeader | null = null;
  const flippedBit = firstFlip(mended, () => {
    const decoded = decodeSegmentHeader(mended, firstLsn);
    header = "kind" in decoded ? null : decoded;
    return header !== null && fits(header);
  });
  if (flippedBit !== null && header !== null) return { header, flippedBit };
  const salt = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(8, true);
  return fits({ salt }) ? { header: { salt }, flippedBit: null } : null;
}

/** Turns each bit in its turn until `found` says so; leaves the bytes as they were if it never does. */
function firstFlip(bytes: Uint8Array, found: () => boolean): FlippedBit | null {
  for (let byte = 0; byte < bytes.length; byte++) {
    const original = bytes[byte] ?? 0;
    for (let bit = 0; bit < 8; bit++) {
      bytes[byte] = original ^ (1 << bit);
      if (found()) return { byte, bit };
    }
    bytes[byte] = original;
  }
  return null;
}
