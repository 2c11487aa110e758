/**
 * Files as one sees them who reads a log without its lock, perhaps beside a program that writes to it. Nothing
 * can be changed through them, and of what is read as a whole only that counts which the file held at one
 * moment (`shared_file.ts`).
 *
 * The writer may take a segment away before it is read, and does so when a later one restates it. To look for
 * that one would be a chase which a quick writer wins for ever. So the newest segment is opened as soon as
 * it is listed, and stays open: it can be read whatever becomes of its name, and older ones are not
 * needed beside it. The newest may have been made ready behind the one in use, which is then held as well. If that
 * is gone by then, the writer has gone over to the newest meanwhile.
 *
 * An old segment is not removed but overwritten and used again (`left_segments.ts`). So whoever reads one shares
 * its lock, and a segment that somebody reads is removed instead: its bytes are then there until the reader
 * lets go of it. Between the opening of a file and its lock it may have been taken; then its name is gone, for the
 * name of a segment never comes back.
 *
 * @module
 */

import type { FileHandle, FileSystem } from "../platform/file_system.ts";
import { readWhole } from "../platform/whole_file.ts";
import { parseSegmentName, pathOf } from "./segment_name.ts";
import { compareAgain, type SharedFile } from "./shared_file.ts";

/** How often a directory is listed until the newest segment in it can be opened. */
const MAX_LISTINGS = 100;

/** As many are held: the one in use, and one that was made ready behind it. */
const HELD_SEGMENTS = 2;

/** A segment is being taken away at this moment. */
class SegmentTakenError extends Error {
  /** As of a file that is gone: it is as good as that. */
  override readonly name = "NotFound";

  constructor(path: string) {
    super(`Cannot read ${path}: its writer is taking it away, look for a later one`);
  }
}

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
export class SettledFiles extends ReadOnlyFiles implements FileSystem, Disposable {
  readonly #fileSystem: FileSystem;
  #held = new Map<string, FileHandle>();

  /**
   * Shows the files of another file system.
   *
   * @param fileSystem Where they are.
   */
  constructor(fileSystem: FileSystem) {
    super();
    this.#fileSystem = fileSystem;
  }

  /**
   * Lists a directory and keeps the newest segments in it open, until the next list.
   *
   * @param directory The log directory.
   * @returns The names in it.
   * @throws {Error} If each newest segment is gone before it can be opened.
   */
  async list(directory: string): Promise<string[]> {
    for (let listings = 0; listings < MAX_LISTINGS; listings++) {
      const names = await this.#fileSystem.list(directory);
      this[Symbol.dispose]();
      // Names of segments have as many digits each.
      const segments = names.filter((name) => parseSegmentName(name) !== null).sort().reverse();
      const [newest, ...others] = segments.slice(0, HELD_SEGMENTS);
      if (newest === undefined) return names;
      if (!await this.#keep(pathOf(directory, newest))) continue;
      for (const other of others) await this.#keep(pathOf(directory, other));
      return names;
    }
    throw new Error(
      `Cannot read the log in "${directory}": its newest segment was gone ${MAX_LISTINGS} times ` +
        "before it could be opened, try again when less is written",
    );
  }

  identify(path: string): Promise<string | null> {
    return this.#fileSystem.identify(path);
  }

  async open(path: string): Promise<SharedFile> {
    const held = this.#held.get(path);
    if (held !== undefined) return readOnly(held, () => {});
    const file = await this.#hold(path);
    return readOnly(file, () => file.close());
  }

  /** Lets go of the newest segments. */
  [Symbol.dispose](): void {
    for (const file of this.#held.values()) file.close();
    this.#held.clear();
  }

  /** Opens a file; a segment so that its bytes stay what they are even if it is taken away. */
  async #hold(path: string): Promise<FileHandle> {
    const file = await this.#fileSystem.open(path, "read");
    if (parseSegmentName(path.slice(path.lastIndexOf("/") + 1)) === null) return file;
    try {
      if (!await file.tryShare()) throw new SegmentTakenError(path);
      // Fails if the file was taken before it was held.
      await this.#fileSystem.identify(path);
      return file;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Keeps a segment open; false if it is gone. What else stands in the way is told to whoever reads it. */
  async #keep(path: string): Promise<boolean> {
    try {
      this.#held.set(path, await this.#hold(path));
      return true;
    } catch (error) {
      return !isNotFound(error);
    }
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

function readOnly(file: FileHandle, close: () => void): SharedFile {
  return {
    read: (buffer, position) => file.read(buffer, position),
    size: () => file.size(),
    settledLength: (length, bytes) => compareAgain(file, length, bytes),
    tryLock: () => refuse("lock a file"),
    tryShare: () => refuse("lock a file"),
    syncData: () => refuse("sync a file"),
    write: () => refuseNow("write to a file"),
    writeAside: () => refuse("write to a file"),
    clear: () => refuseNow("clear a file"),
    rewind: () => refuseNow("rewind a file"),
    close,
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
