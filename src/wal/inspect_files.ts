/**
 * Files as one sees them who reads a log without its lock, perhaps beside a program that writes to it. Nothing
 * can be changed through them, and of what is read as a whole only that counts which the file held at one
 * moment (`shared_file.ts`).
 *
 * @module
 */

import type { FileHandle, FileSystem } from "../platform/file_system.ts";
import { readWhole } from "../platform/whole_file.ts";
import { compareAgain, type SharedFile } from "./shared_file.ts";

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

/** The files of a log; segments of it are read as they were at one moment. */
export class SettledFiles extends ReadOnlyFiles implements FileSystem {
  readonly #fileSystem: FileSystem;

  /**
   * Shows the files of another file system.
   *
   * @param fileSystem Where they are.
   */
  constructor(fileSystem: FileSystem) {
    super();
    this.#fileSystem = fileSystem;
  }

  list(path: string): Promise<string[]> {
    return this.#fileSystem.list(path);
  }

  identify(path: string): Promise<string | null> {
    return this.#fileSystem.identify(path);
  }

  async open(path: string): Promise<SharedFile> {
    return readOnly(await this.#fileSystem.open(path, "read"));
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

function readOnly(file: FileHandle): SharedFile {
  return {
    read: (buffer, position) => file.read(buffer, position),
    size: () => file.size(),
    settledLength: (length, bytes) => compareAgain(file, length, bytes),
    tryLock: () => refuse("lock a file"),
    syncData: () => refuse("sync a file"),
    write: () => refuseNow("write to a file"),
    clear: () => refuseNow("clear a file"),
    rewind: () => refuseNow("rewind a file"),
    close: () => file.close(),
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
