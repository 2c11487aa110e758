/**
 * Makes one segment and writes to it. A segment gets its name only when its header and its opening
 * records are on disk, so a segment by name is never empty and never half made; whatever a crash leaves
 * before that is an `.unfinished` file that holds nothing which counts.
 *
 * To name a file and sync its directory takes three times what a batch does. So a segment can be made ready while
 * another is in use, with one record that says so and its name; going over to it is then one write and one sync, of
 * records that open it as they would open another. (Of tens of thousands of them each part is synced before the next
 * is written; until the last is there none counts.) After a write or sync that
 * failed the segment refuses every further one: the kernel may have dropped the data and say nothing
 * the next time.
 *
 * @module
 */

import type { FileHandle, FileSystem } from "../platform/file_system.ts";
import type { Platform } from "../platform/platform.ts";
import { randomUint32 } from "../platform/randomness.ts";
import { writeWhole, writeWholeAside } from "../platform/whole_file.ts";
import type { ReadyFile } from "./file_pipeline.ts";
import type { LeftSegment } from "./left_segments.ts";
import { encodeSegmentHeader } from "./format.ts";
import type { FrameBatch, FrameRun } from "./frame_batch.ts";
import { pathOf, segmentName, UNFINISHED_SUFFIX } from "./segment_name.ts";
import { isNotFound } from "./inspect_files.ts";
import { MAX_SEGMENT_LENGTH } from "./segment_scan.ts";

/** So many records of an opening are written without a sync; behind them there is room for all that can wait. */
const MAX_UNSYNCED_OPENING = 32_768;

/** A segment could not be made. */
export class SegmentCreationError extends Error {
  /** Always `"SegmentCreationError"`. */
  override readonly name = "SegmentCreationError";
  /**
   * Whether the segment may have its name all the same. If so, the segments before it must not be
   * written to any more: a reader would believe the one that may be there.
   */
  readonly named: boolean;

  /**
   * Says which.
   *
   * @param firstLsn Number of the segment's first record.
   * @param named Whether it may have its name.
   * @param options The cause.
   */
  constructor(firstLsn: number, named: boolean, options: ErrorOptions) {
    const cause = options.cause instanceof Error ? ` (${options.cause.message})` : "";
    // A number out of range is no failure of the disk, and says itself what would be right.
    const remedy = options.cause instanceof RangeError ? "" : ": see that the disk works";
    super(`Cannot begin segment ${segmentName(firstLsn)}${cause}${remedy}`, options);
    this.named = named;
  }
}

/** How a segment is made. */
interface SegmentPlan {
  readonly platform: Platform;
  readonly directory: string;
  readonly firstLsn: number;
  readonly ready: ReadyFile | null;
  /** Writes its head, and makes that durable. */
  readonly fill: (segment: SegmentWriter) => Promise<void>;
  /** Whether somebody waits for it. */
  readonly isAwaited: boolean;
}

/** A segment open for writing. */
export class SegmentWriter {
  readonly #file: FileHandle;
  #length = 0;
  #headLength = 0;
  #usable = true;

  /** What begins each frame of this segment and of no other use of its file. */
  readonly salt: number;
  /** Number of the segment's first record. */
  readonly firstLsn: number;
  /** Whether its space is written already, so that a sync need write no metadata. */
  readonly preallocated: boolean;

  private constructor(file: FileHandle, salt: number, firstLsn: number, preallocated: boolean) {
    this.#file = file;
    this.salt = salt;
    this.firstLsn = firstLsn;
    this.preallocated = preallocated;
  }

  /** Bytes of the header and of the records that open the segment. */
  get headLength(): number {
    return this.#headLength;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /**
   * Makes a segment that begins with some records. When this resolves, they, those behind them and the
   * segment's name are durable.
   *
   * @param platform The machine.
   * @param directory The log directory.
   * @param firstLsn Number of the first opening record.
   * @param opening The opening records, at least one, not yet sealed; used up.
   * @param ready A file whose space is written, to be overwritten; a new one is made if there is none.
   * @param lsnLimit The number that no record may have.
   * @param behind Records behind the opening ones, not yet sealed; `null` if there are none.
   * @returns The segment, ready for the record after those.
   * @throws {SegmentCreationError} If it could not be made.
   */
  static create(
    platform: Platform,
    directory: string,
    firstLsn: number,
    opening: FrameBatch,
    ready: ReadyFile | null,
    lsnLimit: number,
    behind: FrameRun | null = null,
  ): Promise<SegmentWriter> {
    const fill = async (segment: SegmentWriter) => {
      segment.write(encodeSegmentHeader(segment.salt, firstLsn));
      await segment.#writeOpening(firstLsn, opening, behind, lsnLimit);
      await segment.sync();
    };
    return SegmentWriter.#make({ platform, directory, firstLsn, ready, fill, isAwaited: true });
  }

  /**
   * Makes a segment that the log goes over to later, while another is in use and nobody waits. When this
   * resolves, its first record and its name are durable.
   *
   * @param platform The machine.
   * @param directory The log directory.
   * @param firstLsn Number of its first record, which no record of the segment in use may reach.
   * @param first Its first record, which says that it is made ready; not yet sealed.
   * @param ready A file whose space is written, to be overwritten.
   * @param lsnLimit The number that no record may have.
   * @returns The segment, for {@linkcode begin}.
   * @throws {SegmentCreationError} If it could not be made.
   */
  static prepare(
    platform: Platform,
    directory: string,
    firstLsn: number,
    first: FrameBatch,
    ready: ReadyFile,
    lsnLimit: number,
  ): Promise<SegmentWriter> {
    const fill = async (segment: SegmentWriter) => {
      assertNumbers(firstLsn, first.count, lsnLimit);
      const header = encodeSegmentHeader(segment.salt, firstLsn);
      const frame = first.seal(segment.salt, firstLsn, firstLsn);
      const bytes = new Uint8Array(header.length + frame.length);
      bytes.set(header);
      bytes.set(frame, header.length);
      segment.#use("write to");
      await writeWholeAside(segment.#file, bytes);
      segment.#usable = true;
      segment.#length = bytes.length;
    };
    return SegmentWriter.#make({ platform, directory, firstLsn, ready, fill, isAwaited: false });
  }

  static async #make(plan: SegmentPlan): Promise<SegmentWriter> {
    const { platform, directory, firstLsn, ready, fill, isAwaited } = plan;
    const { fileSystem, randomness } = platform;
    const path = pathOf(directory, segmentName(firstLsn));
    // Never 0, as space that was never used would begin like a frame.
    const salt = randomUint32(randomness) || 1;
    // A name of its own for each try: what an earlier one left behind must not stand in the way.
    const unfinished = ready?.path ?? `${path}.${salt}${UNFINISHED_SUFFIX}`;
    let file: FileHandle | null = ready?.file ?? null;
    let named = false;
    try {
      file ??= await fileSystem.open(unfinished, "create-new");
      const segment = new SegmentWriter(file, salt, firstLsn, ready !== null);
      // Appends wait for the longer of the two; the file is not closed before both have ended.
      const both = await Promise.allSettled([
        assertFree(fileSystem, path),
        Promise.try(() => fill(segment)),
      ]);
      for (const one of both) if (one.status === "rejected") throw one.reason;
      named = true;
      await fileSystem.rename(unfinished, path);
      await fileSystem.syncDirectory(directory, isAwaited);
      return segment;
    } catch (cause) {
      file?.close();
      if (file !== null && !named) await fileSystem.remove(unfinished).catch(() => {});
      throw new SegmentCreationError(firstLsn, named, { cause });
    }
  }

  /**
   * Goes over to a segment that was made ready. When this resolves, the records that open it and those behind
   * them are durable.
   *
   * @param opening The opening records, not yet sealed; used up.
   * @param lsnLimit The number that no record may have.
   * @param behind Records behind the opening ones, not yet sealed; `null` if there are none.
   * @param aside As {@linkcode sync} takes it.
   * @throws {SegmentCreationError} If it could not be done; the segment is closed.
   */
  async begin(
    opening: FrameBatch,
    lsnLimit: number,
    behind: FrameRun | null,
    aside?: boolean,
  ): Promise<void> {
    try {
      // Behind the record that it was made ready with.
      await this.#writeOpening(this.firstLsn + 1, opening, behind, lsnLimit);
      await this.sync(aside);
    } catch (cause) {
      this.close();
      throw new SegmentCreationError(this.firstLsn, true, { cause });
    }
  }

  async #writeOpening(
    firstLsn: number,
    opening: FrameBatch,
    behind: FrameRun | null,
    lsnLimit: number,
  ): Promise<void> {
    assertNumbers(firstLsn, opening.count + (behind?.count ?? 0), lsnLimit);
    let lsn = firstLsn;
    // Each frame says how many before it are not known to be synced, and cannot say more than 65,535.
    for (; opening.count > MAX_UNSYNCED_OPENING; lsn += MAX_UNSYNCED_OPENING) {
      this.write(opening.takeFirst(MAX_UNSYNCED_OPENING, this.salt, lsn, lsn));
      await this.sync();
    }
    this.write(opening.seal(this.salt, lsn, lsn));
    this.#headLength = this.length;
    if (behind !== null) this.write(behind.seal(this.salt, lsn + opening.count, lsn));
  }

  /**
   * Writes all of `bytes`, however many calls it takes.
   *
   * @param bytes Sealed frames.
   * @throws {RangeError} If the segment would become longer than any that is read; nothing is written.
   * @throws Whatever the file system throws; any part of the bytes may then be in the file.
   */
  write(bytes: Uint8Array): void {
    if (this.#length + bytes.length > MAX_SEGMENT_LENGTH) {
      throw new RangeError(
        `Cannot write to segment ${segmentName(this.firstLsn)}: it has ${this.#length} bytes and ` +
          `${bytes.length} more would be too many to be read again, another segment must be begun`,
      );
    }
    this.#use("write to");
    writeWhole(this.#file, bytes);
    this.#usable = true;
    this.#length += bytes.length;
  }

  /**
   * Makes everything written durable.
   *
   * @param aside Whether another thread is to do it, however short it is.
   * @returns A promise of it; nothing if it is done.
   * @throws Whatever the file system throws, unless there is a promise, which is then rejected.
   */
  sync(aside = false): Promise<void> | undefined {
    this.#use("sync");
    const syncing = this.#file.syncData(aside);
    if (syncing === undefined) this.#usable = true;
    return syncing?.then(() => {
      this.#usable = true;
    });
  }

  /**
   * Leaves the segment, to which nothing is written any more.
   *
   * @returns What can be used again; `null`, and the file is closed, if its space was not written ahead or if a
   * write or sync of it failed.
   */
  leave(): LeftSegment | null {
    if (!this.#usable || !this.preallocated) {
      this.close();
      return null;
    }
    this.#usable = false;
    return { firstLsn: this.firstLsn, file: this.#file, length: this.#length };
  }

  /** Closes the file. Never throws: what had to be durable was synced before. */
  close(): void {
    this.#usable = false;
    try {
      this.#file.close();
    } catch {
      // Nothing is lost by it.
    }
  }

  /** Takes the right to use the file; only a call that went well gives it back. */
  #use(action: string): void {
    if (!this.#usable) {
      throw new Error(
        `Cannot ${action} segment ${segmentName(this.firstLsn)}: an earlier write or sync of it ` +
          "failed or is under way, another segment must be begun",
      );
    }
    this.#usable = false;
  }
}

function assertNumbers(firstLsn: number, count: number, lsnLimit: number): void {
  if (firstLsn + count <= lsnLimit) return;
  throw new RangeError(`Cannot number ${count} records: ${lsnLimit} is the limit`);
}

/**
 * No segment takes the place of another: a list that lacked a name would be enough for it, and a rename would
 * not say so. (PostgreSQL installs its segments with the same care, `durable_rename_excl`.)
 */
async function assertFree(fileSystem: FileSystem, path: string): Promise<void> {
  try {
    (await fileSystem.open(path, "read")).close();
  } catch (error) {
    if (isNotFound(error)) return;
    throw error;
  }
  throw new Error(`Cannot name a segment "${path}": there is one, it must stay`);
}
