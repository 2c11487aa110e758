/**
 * One owner for a log directory: an advisory lock on `.lock`, held until {@linkcode DirectoryLock.release}
 * or the end of the process, however it comes. The file is never removed: two processes could then hold
 * the lock on two files of that name. It says who holds it, for the error message of the next one.
 *
 * @module
 */

import type { FileHandle } from "../platform/file_system.ts";
import type { Platform } from "../platform/platform.ts";
import { readWhole, writeWhole } from "../platform/whole_file.ts";
import { type LogHolder, LogLockedError } from "./errors.ts";
import { pathOf } from "./segment_name.ts";

/** Name of the lock file. */
export const LOCK_NAME = ".lock";

const MAX_STAMP_LENGTH = 256;

/** The held lock of a log directory. */
export class DirectoryLock {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /**
   * Takes the lock at once or not at all.
   *
   * @param platform Files, and the time and process for the stamp.
   * @param directory The log directory; must exist.
   * @returns The lock.
   * @throws {LogLockedError} If another coordinator holds it, in this process or another.
   */
  static async take(platform: Platform, directory: string): Promise<DirectoryLock> {
    const file = await platform.fileSystem.open(pathOf(directory, LOCK_NAME), "lock");
    try {
      if (!await file.tryLock()) throw new LogLockedError(directory, await readHolder(file));
      stamp(file, platform);
      return new DirectoryLock(file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Releases the lock. */
  release(): void {
    this.#file.close();
  }
}

/**
 * Makes a log directory, unless it is there, and takes its lock.
 *
 * @param platform Files, and the time and process for the stamp.
 * @param directory The log directory.
 * @returns The lock.
 * @throws {LogLockedError} If another coordinator holds it, in this process or another.
 * @throws {Deno.errors.NotCapable} If the program has no permission; says which.
 * @throws {Error} If it is no directory in which files can be made.
 */
export async function takeDirectory(platform: Platform, directory: string): Promise<DirectoryLock> {
  try {
    await platform.fileSystem.ensureDirectory(directory);
    return await DirectoryLock.take(platform, directory);
  } catch (cause) {
    if (cause instanceof LogLockedError || cause instanceof Deno.errors.NotCapable) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `Cannot open the log in "${directory}": ${why}, ` +
        "it must be a directory in which this program may make and write files",
      { cause },
    );
  }
}

function stamp(file: FileHandle, platform: Platform): void {
  const started = new Date(platform.clock.now()).toISOString();
  const bytes = new TextEncoder().encode(`pid=${platform.processId}\nstarted=${started}\n`);
  file.clear();
  writeWhole(file, bytes);
}

async function readHolder(file: FileHandle): Promise<LogHolder | null> {
  const buffer = new Uint8Array(MAX_STAMP_LENGTH);
  const length = await readWhole(file, buffer);
  const text = new TextDecoder().decode(buffer.subarray(0, length));
  const pid = /^pid=([0-9]+)$/m.exec(text)?.[1];
  const started = /^started=(\S+)$/m.exec(text)?.[1];
  return pid === undefined || started === undefined ? null : { pid: Number(pid), started };
}
