/**
 * Looks for whole frames where reading stopped: the only evidence by which a cut that a crash left
 * can be told from damage. pgdog appends and never writes over what it wrote, so behind a frame
 * that a crash cut short there is nothing. A whole frame behind it, or a frame that is whole but
 * for its length, was written completely, and what is wrong in front of it went wrong later.
 *
 * Guarantees: the time is bounded by the number of bytes, whatever the bytes are. Bytes made to
 * look like very many long frames are not searched to the end; that counts as a find, because then
 * nobody can tell, and damage that is none costs an operator a look while a cut that is none costs
 * a decision.
 *
 * @module
 */

import { crc32c } from "../core.ts";
import { PGDOG_FRAME_HEADER_LENGTH, PGDOG_MIN_FRAME_LENGTH, readU32 } from "./format.ts";
import { MAX_DEPTH, type Meter, skipValue } from "./message_pack.ts";
import { decodePgdogRecord, isPgdogTag } from "./record.ts";

const STEPS_PER_BYTE = 64;
const FEWEST_STEPS = 1_048_576;

/** What was found. */
export type Finding =
  /** A whole frame begins at that offset. */
  | { readonly kind: "frame"; readonly offset: number }
  /** The search was given up. */
  | { readonly kind: "given_up" };

/**
 * Whether the frame at an offset is whole but for its length: its payload says itself where it
 * ends, and the checksum of the body up to there is right.
 *
 * @param bytes The whole file.
 * @param offset Where the frame begins.
 * @returns False if it was never written completely, or more than its length is damaged.
 */
export function isWholeButForLength(bytes: Uint8Array, offset: number): boolean {
  const body = offset + PGDOG_FRAME_HEADER_LENGTH;
  const end = skipValue(bytes, body + 1, bytes.length);
  return end !== null && crc32c(bytes.subarray(body, end)) === readU32(bytes, offset + 4);
}

/**
 * Looks for a whole frame at every offset, since the lengths that would lead to it may be damaged.
 *
 * @param bytes The whole file.
 * @param from The first offset to look at.
 * @returns The first find, or `null` if there is no whole frame.
 */
export function findWholeFrame(bytes: Uint8Array, from: number): Finding | null {
  const last = bytes.length - PGDOG_MIN_FRAME_LENGTH;
  const meter: Meter = { left: Math.max(FEWEST_STEPS, STEPS_PER_BYTE * (bytes.length - from)) };
  for (let offset = from; offset <= last; offset++) {
    if (isWholeFrame(bytes, offset, meter)) return { kind: "frame", offset };
    if (meter.left < 0) return { kind: "given_up" };
  }
  return null;
}

function isWholeFrame(bytes: Uint8Array, offset: number, meter: Meter): boolean {
  const bodyLength = readU32(bytes, offset);
  if (bodyLength < 2) return false;
  const body = offset + PGDOG_FRAME_HEADER_LENGTH;
  const end = body + bodyLength;
  if (end > bytes.length) return false;
  // The cheap looks come first: few offsets get as far as the checksum.
  const tag = bytes[body] ?? 0;
  const payloadEnd = skipValue(bytes, body + 1, end, MAX_DEPTH, meter);
  if (payloadEnd === null) return false;
  if (isPgdogTag(tag) ? !isRecord(bytes.subarray(body, end)) : payloadEnd !== end) return false;
  meter.left -= bodyLength;
  return meter.left >= 0 && crc32c(bytes.subarray(body, end)) === readU32(bytes, offset + 4);
}

function isRecord(body: Uint8Array): boolean {
  try {
    decodePgdogRecord(body);
    return true;
  } catch {
    return false;
  }
}
