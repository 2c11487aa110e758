/**
 * The bytes of a segment that are in the core's memory: a part of the file that moves on from its beginning to
 * its end, or all of it. What comes next, be it of this file or of the one behind it, is read while the present
 * bytes are looked at.
 *
 * @module
 */

import type { FileHandle, FileSystem } from "../platform/file_system.ts";
import { SegmentScanner } from "./core.ts";
import { pathOf } from "./segment_name.ts";
import { settledLength } from "./shared_file.ts";

/** The largest segment that is read, in bytes. */
export const MAX_SEGMENT_LENGTH = 1_073_741_824;

/** How many bytes are read at a time: as many as the processor's caches hold beside what is made of them. */
export const PIECE_LENGTH = 524_288;

/** How many frames are found at a time. */
export const TABLE_FRAMES = 4096;

/** Bytes of a segment, in order. */
export class SegmentWindow implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #piece: Uint8Array<ArrayBuffer>;
  #base = 0;
  #end = 0;
  #length: number;
  /** The reading of what comes behind `end`. */
  #ahead: Promise<number> | null = null;

  /** What holds the bytes in memory and finds frames in them. */
  readonly scanner: SegmentScanner;

  private constructor(
    handle: FileHandle,
    length: number,
    scanner: SegmentScanner,
    pieceLength: number,
  ) {
    this.#handle = handle;
    this.#length = length;
    this.scanner = scanner;
    this.#piece = new Uint8Array(Math.min(pieceLength, Math.max(length, 1)));
  }

  /**
   * Opens a file, of which nothing is in memory yet.
   *
   * @param fileSystem Where it is.
   * @param directory The log directory.
   * @param file Its name.
   * @param scanner What is to hold its bytes, and those of no other window from the first move on.
   * @param pieceLength How many bytes are read at a time.
   * @returns The window; to be disposed of, which leaves the bytes where they are.
   * @throws {RangeError} If it is too large.
   * @throws Whatever the file system throws.
   */
  static async open(
    fileSystem: FileSystem,
    directory: string,
    file: string,
    scanner: SegmentScanner,
    pieceLength: number = PIECE_LENGTH,
  ): Promise<SegmentWindow> {
    const handle = await fileSystem.open(pathOf(directory, file), "read");
    try {
      const length = await handle.size();
      if (length > MAX_SEGMENT_LENGTH) {
        throw new RangeError(
          `Cannot read ${file}: it has ${length} bytes, a segment has at most ${MAX_SEGMENT_LENGTH}`,
        );
      }
      return new SegmentWindow(handle, length, scanner, pieceLength);
    } catch (error) {
      handle.close();
      throw error;
    }
  }

  /** Offset in the file of the first byte in memory. */
  get base(): number {
    return this.#base;
  }

  /** Offset in the file behind the last byte in memory. */
  get end(): number {
    return this.#end;
  }

  /** Length of the file, up to where somebody was writing to it. */
  get length(): number {
    return this.#length;
  }

  /** Whether the file goes on behind what is in memory. */
  get isPart(): boolean {
    return this.#end < this.#length;
  }

  /** The bytes: a view that dies when the core's memory grows, so ask again after each wait. */
  get bytes(): Uint8Array {
    return this.scanner.bytes().subarray(0, this.#end - this.#base);
  }

  /** Begins to read the next piece, which is then there sooner. */
  readAhead(): void {
    if (!this.isPart || this.#isShared) return;
    this.#ahead = this.#readPiece();
    // Whoever needs it is told; perhaps nobody does.
    this.#ahead.catch(() => {});
  }

  /**
   * Reads another piece and lets go of what comes before an offset; reads all if somebody may be writing to the
   * file, since only what is in memory can be compared with a second reading.
   *
   * @param from The offset, not behind the end.
   */
  async moveTo(from: number): Promise<void> {
    if (this.#isShared) return await this.loadFrom(from);
    const count = await (this.#ahead ?? this.#readPiece());
    this.#ahead = null;
    const kept = this.#end - from;
    this.#makeRoom(from, kept + this.#piece.length);
    this.scanner.bytes().set(this.#piece.subarray(0, count), kept);
    this.#base = from;
    this.#end += count;
    // It has become shorter meanwhile.
    if (count === 0) this.#length = this.#end;
    this.readAhead();
  }

  /**
   * Reads all from an offset on up to the end of the file, or up to where somebody was writing to it.
   *
   * @param from The offset.
   */
  async loadFrom(from: number): Promise<void> {
    await this.#ahead?.catch(() => {});
    this.#ahead = null;
    this.scanner.reserve(this.#length - from);
    this.#base = from;
    this.#end = from;
    while (this.isPart) {
      const count = await this.#readPiece();
      if (count === 0) this.#length = this.#end;
      this.scanner.bytes().set(this.#piece.subarray(0, count), this.#end - from);
      this.#end += count;
    }
    if (from > 0) return;
    this.#length = await settledLength(this.#handle, this.#length, () => this.scanner.bytes());
    this.#end = this.#length;
  }

  /** Closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ahead?.catch(() => {});
    this.#ahead = null;
    this.#handle.close();
  }

  get #isShared(): boolean {
    return "settledLength" in this.#handle;
  }

  /** Reads what comes behind the end into the piece. */
  async #readPiece(): Promise<number> {
    const wanted = Math.min(this.#piece.length, this.#length - this.#end);
    let count = 0;
    while (count < wanted) {
      const more = await this.#handle.read(this.#piece.subarray(count, wanted), this.#end + count);
      if (more === 0) break;
      count += more;
    }
    return count;
  }

  /** Moves what is kept to the front and has room for so many bytes. */
  #makeRoom(from: number, room: number): void {
    const [start, end] = [from - this.#base, this.#end - this.#base];
    if (room <= this.scanner.capacity()) {
      this.scanner.bytes().copyWithin(0, start, end);
      return;
    }
    const kept = this.scanner.bytes().slice(start, end);
    // Twice as much, so that a record that is longer than many pieces is not copied for each.
    this.scanner.reserve(Math.min(2 * room, MAX_SEGMENT_LENGTH));
    this.scanner.bytes().set(kept);
  }
}

/**
 * Opens segments one after the other. Each is opened, and its first piece read, while the one before it is looked
 * at. A window is closed, and its bytes give way to the next one's, when that one is asked for.
 *
 * @param fileSystem Where they are.
 * @param directory The log directory.
 * @param files Their names.
 * @returns A window for each.
 * @throws {RangeError} If one is too large.
 * @throws Whatever the file system throws.
 */
export async function* openInTurn(
  fileSystem: FileSystem,
  directory: string,
  files: readonly string[],
): AsyncGenerator<SegmentWindow, void> {
  using scanner = new SegmentScanner(TABLE_FRAMES);
  const open = async (file: string) => {
    const window = await SegmentWindow.open(fileSystem, directory, file, scanner);
    window.readAhead();
    return window;
  };
  let next: Promise<SegmentWindow> | null = null;
  try {
    for (const [index, file] of files.entries()) {
      await using window = await (next ?? open(file));
      const following = files[index + 1];
      next = following === undefined ? null : open(following);
      // It fails in its turn; perhaps reading is given up before that.
      next?.catch(() => {});
      yield window;
    }
  } finally {
    const unread = await next?.catch(() => null);
    await unread?.[Symbol.asyncDispose]();
  }
}
