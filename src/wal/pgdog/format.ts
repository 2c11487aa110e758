/**
 * The bytes of a log that pgdog's two-phase commit wrote (its pull request #934). Such logs are
 * read, never written. All integers of the frame are little endian.
 *
 * | offset | bytes | segment header |
 * |---|---|---|
 * | 0 | 4 | magic `PG2W` |
 * | 4 | 12 | reserved: written as zero, not looked at |
 *
 * | offset | bytes | frame |
 * |---|---|---|
 * | 0 | 4 | body length, at least 1 |
 * | 4 | 4 | crc32c of the body |
 * | 8 | n | body: u8 tag, then the payload in MessagePack |
 *
 * The n-th frame of a segment has the LSN in the segment's name plus n. Unlike in our own format,
 * the length is under no checksum and has no limit, and nothing binds a frame to its place or tells
 * how much before it had been synced. What follows a bad frame is therefore all the evidence there
 * is of what the bad frame was.
 *
 * @module
 */

/** Bytes before the first frame of a segment. */
export const PGDOG_HEADER_LENGTH = 16;

/** Bytes before a frame's body. */
export const PGDOG_FRAME_HEADER_LENGTH = 8;

/** The shortest frame that holds a record: its header, a tag, and a payload of one byte. */
export const PGDOG_MIN_FRAME_LENGTH = 10;

/**
 * The longest body that pgdog can be believed to have been writing when the file ends before it
 * does. A longer one that is there, with its checksum right, is read all the same.
 */
export const PGDOG_MAX_BODY_LENGTH = 16_777_216;

/** The largest file that is read, in bytes. pgdog begins a new one after 16 MiB by default. */
export const PGDOG_MAX_SEGMENT_LENGTH = 1_073_741_824;

const MAGIC = [0x50, 0x47, 0x32, 0x57];

/**
 * The little endian integer of four bytes.
 *
 * @param bytes The bytes.
 * @param offset Where it begins; four bytes are there.
 * @returns The integer, unsigned.
 */
export function readU32(bytes: Uint8Array, offset: number): number {
  const byte = (index: number): number => bytes[offset + index] ?? 0;
  return (byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24) >>> 0;
}

/**
 * Whether a file begins as pgdog's segments do.
 *
 * @param bytes The beginning of the file, or all of it.
 * @returns False if the header is not whole or another magic stands there.
 */
export function hasPgdogHeader(bytes: Uint8Array): boolean {
  return bytes.length >= PGDOG_HEADER_LENGTH && MAGIC.every((byte, index) => bytes[index] === byte);
}
