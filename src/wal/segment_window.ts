/**
 * The bytes of a segment that are in the core's memory: a part of the file that moves on from its beginning to
 * its end, or all of it. The next piece is read while the present ones are looked at.
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
export const PIECE_LENGTH = 1_048_576;

const TABLE_FRAMES = 4096;

/** Bytes of a segment, in order. */
export class SegmentWindow implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #piece: Uint8Array<ArrayBuffer>;
  #base = 0;
  #end = 0;
  #length: number;
  /** The reading of what comes behind `end`. */
  #ahead: Promise<number> | null = null;

  /** What finds frames in them. */
  readonly scanner: SegmentScanner = new SegmentScanner(TABLE_FRAMES);

  private constructor(handle: FileHandle, length: number, pieceLength: number) {
    this.#handle = handle;
    this.#length = length;
    this.#piece = new Uint8Array(Math.min(pieceLength, Math.max(length, 1)));
  }

  /**
   * Opens a file and reads its first piece; or all of it if somebody may be writing to it, since only what is
   * in memory can be compared with a second reading.
   *
   * @param fileSystem Where it is.
   * @param directory The log directory.
   * @param file Its name.
   * @param pieceLength How many bytes are read at a time.
   * @returns The window; to be disposed of.
   * @throws {RangeError} If it is too large.
   * @throws Whatever the file system throws.
   */
  static async open(
    fileSystem: FileSystem,
    directory: string,
    file: string,
    pieceLength: number = PIECE_LENGTH,
  ): Promise<SegmentWindow> {
    const handle = await fileSystem.open(pathOf(directory, file), "read");
    let window: SegmentWindow | null = null;
    try {
      const length = await handle.size();
      if (length > MAX_SEGMENT_LENGTH) {
        throw new RangeError(
          `Cannot read ${file}: it has ${length} bytes, a segment has at most ${MAX_SEGMENT_LENGTH}`,
        );
      }
      window = new SegmentWindow(handle, length, pieceLength);
      if ("settledLength" in handle) await window.loadFrom(0);
      else await window.moveTo(0);
      return window;
    } catch (error) {
      if (window === null) handle.close();
      else await window[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Reads all of a file.
   *
   * @param fileSystem Where it is.
   * @param directory The log directory.
   * @param file Its name.
   * @returns The window, which needs the file no more; {@linkcode free} gives its memory back.
   * @throws {RangeError} If it is too large.
   * @throws Whatever the file system throws.
   */
  static async load(
    fileSystem: FileSystem,
    directory: string,
    file: string,
  ): Promise<SegmentWindow> {
    const window = await SegmentWindow.open(fileSystem, directory, file);
    try {
      if (window.isPart) await window.loadFrom(0);
    } catch (error) {
      window.free();
      throw error;
    } finally {
      await window.#close();
    }
    return window;
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

  /**
   * Reads another piece and lets go of what comes before an offset.
   *
   * @param from The offset, not behind the end.
   */
  async moveTo(from: number): Promise<void> {
    const count = await (this.#ahead ?? this.#readPiece());
    this.#ahead = null;
    const kept = this.#end - from;
    this.#makeRoom(from, kept + this.#piece.length);
    this.scanner.bytes().set(this.#piece.subarray(0, count), kept);
    this.#base = from;
    this.#end += count;
    // It has become shorter meanwhile.
    if (count === 0) this.#length = this.#end;
    if (!this.isPart) return;
    this.#ahead = this.#readPiece();
    // Whoever needs it is told; perhaps nobody does.
    this.#ahead.catch(() => {});
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

  /** Gives the memory back. */
  free(): void {
    this.scanner[Symbol.dispose]();
  }

  /** Gives the memory back and closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.free();
    await this.#close();
  }

  async #close(): Promise<void> {
    await this.#ahead?.catch(() => {});
    this.#ahead = null;
    this.#handle.close();
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
