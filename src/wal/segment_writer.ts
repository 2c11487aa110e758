/**
 * Makes one segment and writes to it. A segment gets its name only when its header and its opening
 * records are on disk, so a segment by name is never empty and never half made; whatever a crash leaves
 * before that is an `.unfinished` file that holds nothing which counts. After a write or sync that
 * failed the segment refuses every further one: the kernel may have dropped the data and say nothing
 * the next time.
 *
 * @module
 */

import type { FileHandle } from "../platform/file_system.ts";
import type { Platform } from "../platform/platform.ts";
import { randomUint32 } from "../platform/randomness.ts";
import { encodeSegmentHeader } from "./format.ts";
import type { FrameBatch } from "./frame_batch.ts";
import { pathOf, segmentName, UNFINISHED_SUFFIX } from "./segment_name.ts";

/** A segment open for writing. */
export class SegmentWriter {
  readonly #file: FileHandle;
  #length = 0;
  #failed = false;

  /** The salt in this segment's checksums. */
  readonly salt: number;
  /** Number of the segment's first record. */
  readonly firstLsn: number;

  private constructor(file: FileHandle, salt: number, firstLsn: number) {
    this.#file = file;
    this.salt = salt;
    this.firstLsn = firstLsn;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /**
   * Makes a segment that begins with some records. When this resolves, they and the segment's name
   * are durable.
   *
   * @param platform The machine.
   * @param directory The log directory.
   * @param firstLsn Number of the first opening record.
   * @param opening The opening records, at least one, not yet sealed.
   * @returns The segment, ready for the record after the opening ones.
   */
  static async create(
    platform: Platform,
    directory: string,
    firstLsn: number,
    opening: FrameBatch,
  ): Promise<SegmentWriter> {
    const { fileSystem, randomness } = platform;
    const path = pathOf(directory, segmentName(firstLsn));
    const file = await fileSystem.open(path + UNFINISHED_SUFFIX, "create-new");
    try {
      const segment = new SegmentWriter(file, randomUint32(randomness), firstLsn);
      segment.write(encodeSegmentHeader(segment.salt, firstLsn));
      segment.write(opening.seal(segment.salt, firstLsn, firstLsn));
      await segment.sync();
      await fileSystem.rename(path + UNFINISHED_SUFFIX, path);
      await fileSystem.syncDirectory(directory);
      return segment;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /**
   * Writes all of `bytes`, however many calls it takes.
   *
   * @param bytes Sealed frames.
   * @throws Whatever the file system throws; any part of the bytes may then be in the file.
   */
  write(bytes: Uint8Array): void {
    this.#assertUsable("write to");
    this.#failed = true;
    let rest = bytes;
    while (rest.length > 0) {
      const count = this.#file.write(rest);
      if (!Number.isInteger(count) || count <= 0 || count > rest.length) {
        throw new Error(
          `Cannot write to a segment: the file system took ${count} of ${rest.length} bytes, ` +
            "it must take at least one",
        );
      }
      rest = rest.subarray(count);
    }
    this.#failed = false;
    this.#length += bytes.length;
  }

  /** Makes everything written durable. */
  async sync(): Promise<void> {
    this.#assertUsable("sync");
    this.#failed = true;
    await this.#file.syncData();
    this.#failed = false;
  }

  /** Closes the file. */
  close(): void {
    this.#file.close();
  }

  #assertUsable(action: string): void {
    if (this.#failed) {
      throw new Error(
        `Cannot ${action} segment ${segmentName(this.firstLsn)}: an earlier write or sync of it ` +
          "failed or is under way, the log must be opened anew",
      );
    }
  }
}
