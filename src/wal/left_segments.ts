/**
 * Segments that the writer has left, to be used again: an old segment becomes a later one, which is written over
 * it. To remove it would hold up the syncs of that moment, for the kernel gives its space back without a break, and
 * a new file's space would have to be found and written down again, and every byte be written twice.
 *
 * **Why a power cut takes nothing.** A segment is taken only when a later one that restates everything is durable
 * under its name. It is then renamed, and overwritten only when that is durable, too. So after a power cut the old
 * name has the old bytes, or there is no such name; what is half overwritten is always an `.unfinished` file,
 * which holds nothing that counts and is removed by the next opening. It gets a segment's name again only when it
 * holds a head, synced. What stands behind that begins with another salt, and is no record of the new segment.
 *
 * **Why no reader sees it.** Who reads a log beside its writer shares the lock of each segment that is open, and
 * looks then whether it still has its name (`inspect_files.ts`). The segment is renamed only under its exclusive
 * lock; if somebody shares that, the segment is not taken but removed, and who has it open can read on.
 *
 * Only what this opening has written itself is taken, and nothing after a write or sync of it that failed.
 *
 * @module
 */

import type { FileHandle } from "../platform/file_system.ts";
import type { Platform } from "../platform/platform.ts";
import { pathOf, segmentName } from "./segment_name.ts";

/** So many can wait to be taken away; a removal that hangs must not cost ever more open files. */
const MAX_LEFT = 2;
/** So many can wait to be used: one may be taken before the one before it is needed. */
const MAX_SPARE = 2;

/** A segment to which nothing is written any more. */
export interface LeftSegment {
  /** Number of its first record. */
  readonly firstLsn: number;
  /** The file, open for writing. */
  readonly file: FileHandle;
  /** How many bytes were written to it. */
  readonly length: number;
}

/** A file that holds nothing which counts, under a name that says so. */
export interface SpareFile {
  /** Its path. */
  readonly path: string;
  /** The file, open for writing at its beginning. */
  readonly file: FileHandle;
}

/** The segments that an open log has left. */
export class LeftSegments {
  readonly #platform: Platform;
  readonly #directory: string;
  readonly #length: number;
  readonly #nextPath: () => string;
  readonly #left = new Map<string, LeftSegment>();
  /** Those whose new name is not known to be durable. */
  #taken: SpareFile[] = [];
  #spare: SpareFile[] = [];
  #closed = false;

  /**
   * Begins with none.
   *
   * @param platform The machine.
   * @param directory The log directory.
   * @param length Length of the files that can be used again.
   * @param nextPath Gives a path that no file has, with the suffix of unfinished ones.
   */
  constructor(platform: Platform, directory: string, length: number, nextPath: () => string) {
    this.#platform = platform;
    this.#directory = directory;
    this.#length = length;
    this.#nextPath = nextPath;
  }

  /**
   * Takes a segment that the writer leaves, and closes it if it cannot be used again.
   *
   * @param segment The segment.
   */
  add(segment: LeftSegment): void {
    // A longer one has grown, and would keep more of the disk than a segment is to have.
    if (this.#closed || segment.length > this.#length || this.#left.size === MAX_LEFT) {
      segment.file.close();
    } else this.#left.set(segmentName(segment.firstLsn), segment);
  }

  /**
   * Gives an old segment another name, instead of removing it.
   *
   * @param name Its name; a later one is durable that restates everything.
   * @returns Whether that was done; if not, the segment is to be removed.
   * @throws Whatever the file system throws; the segment may then have the other name.
   */
  async take(name: string): Promise<boolean> {
    const segment = this.#left.get(name);
    if (segment === undefined) return false;
    this.#left.delete(name);
    const { file } = segment;
    const path = this.#nextPath();
    try {
      const isTaken = !this.#closed && this.#spare.length + this.#taken.length < MAX_SPARE &&
        await this.#renameAlone(pathOf(this.#directory, name), path);
      if (isTaken) {
        file.rewind();
        this.#taken.push({ path, file });
      } else file.close();
      return isTaken;
    } catch (error) {
      await this.#discard({ path, file });
      throw error;
    }
  }

  /** Whether there is a file that may be overwritten. */
  get hasSpare(): boolean {
    return this.#spare.length > 0;
  }

  /** What was taken may be overwritten: the directory has been synced since. */
  release(): void {
    this.#spare.push(...this.#taken);
    this.#taken = [];
  }

  /** What was taken is never overwritten: nobody knows under which name the disk has it. */
  async forgo(): Promise<void> {
    for (const file of this.#taken.splice(0)) await this.#discard(file);
  }

  /**
   * Gives a file that may be overwritten.
   *
   * @returns The file, now the caller's; `null` if there is none.
   */
  next(): SpareFile | null {
    return this.#spare.shift() ?? null;
  }

  /** Closes and removes all files; segments stay where they are. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { file } of this.#left.values()) file.close();
    this.#left.clear();
    for (const file of [...this.#taken.splice(0), ...this.#spare.splice(0)]) {
      await this.#discard(file);
    }
  }

  /** Renames a segment while nobody else has it open; false if somebody reads it. */
  async #renameAlone(from: string, to: string): Promise<boolean> {
    const { fileSystem } = this.#platform;
    const lock = await fileSystem.open(from, "read");
    try {
      if (!await lock.tryLock()) return false;
      await fileSystem.rename(from, to);
      return true;
    } finally {
      lock.close();
    }
  }

  async #discard({ path, file }: SpareFile): Promise<void> {
    file.close();
    // What cannot be removed now is removed at the next opening.
    await this.#platform.fileSystem.remove(path).catch(() => {});
  }
}
