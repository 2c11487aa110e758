/**
 * Files as one sees them who reads a log without its lock, perhaps beside a program that writes to it. Nothing
 * can be changed through them.
 *
 * A file is read twice, and cut where the second reading differs from the first: there somebody was
 * writing. What is left is something that the file held at one moment. Without this, a reader could
 * miss bytes that were written just after it had passed, then see later ones that promise that those were
 * synced, and would call a sound log damaged.
 *
 * @module
 */

import type { FileHandle, FileSystem } from "../platform/file_system.ts";
import { readWhole } from "../platform/whole_file.ts";
import { MAX_SEGMENT_LENGTH } from "./segment_scan.ts";

const READ_PIECE = 1_048_576;

/** Files that can be listed and read and nothing else. */
class ReadOnlyFiles {
  ensureDirectory(): Promise<never> {
    return refuse("create a directory");
  }

  syncAncestors(): Promise<never> {
    return refuse("sync directories");
  }

  rename(): Promise<never> {
    return refuse("rename a file");
  }

  remove(): Promise<never> {
    return refuse("remove a file");
  }

  syncDirectory(): Promise<never> {
    return refuse("sync a directory");
  }
}

/** The files of a log, each as it was at one moment. */
export class SettledFiles extends ReadOnlyFiles implements FileSystem {
  readonly #fileSystem: FileSystem;
  readonly #hidden: ReadonlySet<string>;

  /**
   * Shows the files of another file system.
   *
   * @param fileSystem Where they are.
   * @param hidden Names that are not shown.
   */
  constructor(fileSystem: FileSystem, hidden: readonly string[] = []) {
    super();
    this.#fileSystem = fileSystem;
    this.#hidden = new Set(hidden);
  }

  async list(path: string): Promise<string[]> {
    const names = await this.#fileSystem.list(path);
    return names.filter((name) => !this.#hidden.has(name));
  }

  async open(path: string): Promise<FileHandle> {
    return handleOf(await readSettled(this.#fileSystem, path));
  }
}

/** A single file, whatever it is asked for by. */
export class OneFile extends ReadOnlyFiles implements FileSystem {
  readonly #bytes: Uint8Array;

  /**
   * Shows a file.
   *
   * @param bytes Its bytes.
   */
  constructor(bytes: Uint8Array) {
    super();
    this.#bytes = bytes;
  }

  list(): Promise<string[]> {
    return refuse("list a directory");
  }

  open(): Promise<FileHandle> {
    return Promise.resolve(handleOf(this.#bytes));
  }
}

/**
 * Reads the whole of a file that may be written to meanwhile.
 *
 * @param fileSystem Where it is.
 * @param path Its path.
 * @returns What it held at one moment, up to where it was being written.
 * @throws {RangeError} If it is too large.
 * @throws Whatever the file system throws.
 */
export async function readSettled(fileSystem: FileSystem, path: string): Promise<Uint8Array> {
  const file = await fileSystem.open(path, "read");
  try {
    const size = await file.size();
    if (size > MAX_SEGMENT_LENGTH) {
      throw new RangeError(
        `Cannot read ${path}: it has ${size} bytes, a segment has at most ${MAX_SEGMENT_LENGTH}`,
      );
    }
    const bytes = new Uint8Array(size);
    const length = await readWhole(file, bytes);
    return bytes.subarray(0, await compare(file, bytes.subarray(0, length)));
  } finally {
    file.close();
  }
}

/**
 * Reads the beginning of a file.
 *
 * @param fileSystem Where it is.
 * @param path Its path.
 * @param length How many bytes.
 * @returns The bytes; fewer if there are not as many.
 */
export async function readBeginning(
  fileSystem: FileSystem,
  path: string,
  length: number,
): Promise<Uint8Array> {
  const file = await fileSystem.open(path, "read");
  try {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, await readWhole(file, bytes));
  } finally {
    file.close();
  }
}

/**
 * Whether an error says that a file or directory is not there.
 *
 * @param error What was thrown.
 * @returns False for every other error.
 */
export function isNotFound(error: unknown): boolean {
  return error instanceof Error && error.name === "NotFound";
}

/**
 * Waits for a file to be read that may have gone away.
 *
 * @param reading The reading.
 * @returns What was read; `null` if the file is gone.
 * @throws Whatever else the reading throws.
 */
export async function unlessGone<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

/** Reads the file once more; gives the offset of the first byte that differs, or the length. */
async function compare(file: FileHandle, bytes: Uint8Array): Promise<number> {
  const piece = new Uint8Array(Math.min(READ_PIECE, Math.max(bytes.length, 1)));
  let offset = 0;
  while (offset < bytes.length) {
    const wanted = Math.min(piece.length, bytes.length - offset);
    const count = await file.read(piece.subarray(0, wanted), offset);
    if (count === 0) break;
    for (let index = 0; index < count; index++) {
      if (piece[index] !== bytes[offset + index]) return offset + index;
    }
    offset += count;
  }
  return offset;
}

function handleOf(bytes: Uint8Array): FileHandle {
  return {
    read(buffer: Uint8Array, position: number): Promise<number> {
      const piece = bytes.subarray(position, position + buffer.length);
      buffer.set(piece);
      return Promise.resolve(piece.length);
    },
    size: () => Promise.resolve(bytes.length),
    tryLock: () => refuse("lock a file"),
    syncData: () => refuse("sync a file"),
    write: () => refuseNow("write to a file"),
    clear: () => refuseNow("clear a file"),
    rewind: () => {},
    close: () => {},
  };
}

function refuse(action: string): Promise<never> {
  return Promise.reject(refusal(action));
}

function refuseNow(action: string): never {
  throw refusal(action);
}

function refusal(action: string): TypeError {
  return new TypeError(`Cannot ${action}: the log is open for reading only`);
}
