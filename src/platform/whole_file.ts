/**
 * Reads and writes that may come short, repeated until they are whole.
 *
 * @module
 */

import type { FileHandle } from "./file_system.ts";

/**
 * Writes all of `bytes`, however many calls it takes.
 *
 * @param file The file.
 * @param bytes What to write, behind what was written before.
 * @throws Whatever the file throws; any part of the bytes may then be in it.
 */
export function writeWhole(file: FileHandle, bytes: Uint8Array): void {
  let rest = bytes;
  while (rest.length > 0) rest = behind(rest, file.write(rest));
}

/**
 * Writes all of `bytes` and makes them durable, without keeping the process from its other work.
 *
 * @param file The file.
 * @param bytes What to write, behind what was written before.
 * @throws Whatever the file throws; any part of the bytes may then be in it.
 */
export async function writeWholeAside(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) rest = behind(rest, await file.writeAside(rest));
}

/** What is left to be written when so many bytes were. */
function behind(bytes: Uint8Array, count: number): Uint8Array {
  if (Number.isInteger(count) && count > 0 && count <= bytes.length) return bytes.subarray(count);
  throw new Error(
    `Cannot write to a file: it took ${count} of ${bytes.length} bytes, it must take at least one`,
  );
}

/**
 * Reads a file from its beginning until it ends or the buffer is full.
 *
 * @param file The file.
 * @param buffer Where to.
 * @returns How many bytes were read.
 */
export async function readWhole(file: FileHandle, buffer: Uint8Array): Promise<number> {
  let length = 0;
  while (length < buffer.length) {
    const count = await file.read(buffer.subarray(length), length);
    if (count === 0) break;
    length += count;
  }
  return length;
}
