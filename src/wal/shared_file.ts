/**
 * A file that somebody else may be writing to while it is read.
 *
 * Who reads it holds what was read; it is then read once more and compared with that, and cut where it
 * differs: there somebody was writing. What is left is something that the file held at one moment.
 * Without this, a reader could miss bytes that were written just after it had passed, then see later
 * ones that promise that those were synced, and would call a sound log damaged. Nothing is held a second
 * time for it but a piece.
 *
 * @module
 */

import type { FileHandle } from "../platform/file_system.ts";

const READ_PIECE = 1_048_576;

/** An open file that can tell how much of what was read of it counts. */
export interface SharedFile extends FileHandle {
  /**
   * Reads the file once more.
   *
   * @param length How many bytes were read, from the beginning.
   * @param bytes Gives what was read; is asked again after each wait, since a view can die meanwhile.
   * @returns The offset of the first byte that differs, or `length`.
   */
  settledLength(length: number, bytes: () => Uint8Array): Promise<number>;
}

/**
 * How much of what was read of a file counts.
 *
 * @param file The file.
 * @param length How many bytes were read, from the beginning.
 * @param bytes Gives what was read.
 * @returns All of it, unless somebody may have been writing to the file.
 */
export async function settledLength(
  file: FileHandle | SharedFile,
  length: number,
  bytes: () => Uint8Array,
): Promise<number> {
  return "settledLength" in file ? await file.settledLength(length, bytes) : length;
}

/**
 * Reads a file once more and compares.
 *
 * @param file The file.
 * @param length How many bytes were read, from the beginning.
 * @param bytes Gives what was read.
 * @returns The offset of the first byte that differs, or `length`.
 */
export async function compareAgain(
  file: FileHandle,
  length: number,
  bytes: () => Uint8Array,
): Promise<number> {
  const piece = new Uint8Array(Math.min(READ_PIECE, Math.max(length, 1)));
  let offset = 0;
  while (offset < length) {
    const wanted = Math.min(piece.length, length - offset);
    const count = await file.read(piece.subarray(0, wanted), offset);
    if (count === 0) break;
    const before = bytes();
    for (let index = 0; index < count; index++) {
      if (piece[index] !== before[offset + index]) return offset + index;
    }
    offset += count;
  }
  return offset;
}
