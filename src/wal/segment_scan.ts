/**
 * Reads one segment from beginning to end, through damage, and says exactly what is there. Nothing is
 * believed that is not valid in its place, and nothing is thrown for what the bytes hold: the caller
 * decides what damage means.
 *
 * How an end is told from damage: the first invalid frame is the end (clean, or torn by a crash, also
 * when blocks reached the disk out of order) unless a later valid frame promises that what stood there was
 * synced. Then it is damage, and reading goes on at the next frame that is valid.
 *
 * @module
 */

import type { FileHandle, FileSystem } from "../platform/file_system.ts";
import { NO_PROMISE, SegmentScanner, StopKind, TABLE_COLUMNS } from "./core.ts";
import {
  decodeSegmentHeader,
  FRAME_HEADER_LENGTH,
  type HeaderFault,
  SEGMENT_HEADER_LENGTH,
  type SegmentHeader,
} from "./format.ts";
import { findFlippedBit, type FlippedBit, MAX_TRIED_LENGTH, mendHeader } from "./bit_flip.ts";
import { pathOf } from "./segment_name.ts";
import { settledLength } from "./shared_file.ts";

/** The largest segment that is read, in bytes. */
export const MAX_SEGMENT_LENGTH = 1_073_741_824;

const TABLE_FRAMES = 4096;
const READ_PIECE = 1_048_576;

/** The smallest frame, by which the number of records in unreadable bytes is limited. */
export const MIN_FRAME_LENGTH = 13;

/** Bytes that are searched first behind a damaged place. */
const FIRST_WINDOW = 65_536;

/** Damaged places behind each of which the very next valid frame is searched for. */
const MAX_SEARCHES = 1000;

/** A place where something that was synced is not there any more. */
export interface Damage {
  /** Offset of the first byte that is not believed. */
  readonly offset: number;
  /** Number of the first record that is lost; the segment's first if the header is damaged. */
  readonly lsn: number;
  /** Number of the next record that could be read, or that is to be written. */
  readonly nextLsn: number;
  /** What is wrong, for people. */
  readonly reason: string;
  /** The bit that makes the checksum right when it is turned, if there is one. */
  readonly flippedBit: FlippedBit | null;
}

/** How a segment ends. */
export type SegmentEndKind =
  /** The last frame ends with the file, or only preallocated zeros follow. */
  | "clean"
  /** Bytes that are no frame follow: a write that a crash cut off, or what the file held before. */
  | "torn"
  /** A newer version wrote it; what it holds is not known. */
  | "newer-version"
  /** It is a segment of pgdog's log. */
  | "pgdog"
  /** The header is damaged so that no frame can be checked. */
  | "unreadable";

/** What a segment was found to hold. */
export interface SegmentScan {
  /** File name. */
  readonly file: string;
  /** Number of the first record, from the name. */
  readonly firstLsn: number;
  /** Length of the file. */
  readonly length: number;
  /** How it ends. */
  readonly end: {
    readonly kind: SegmentEndKind;
    /** Offset behind the last valid frame. */
    readonly offset: number;
    /** Number that the next record would have. */
    readonly nextLsn: number;
    /** What is known besides, for people; empty if nothing. */
    readonly detail: string;
  };
  /** Damaged places, in their order. */
  readonly damages: readonly Damage[];
}

/** Takes one frame: its body (valid only during the call), its LSN, its offset and `unsynced`. */
export type VisitFrame = (
  body: Uint8Array,
  lsn: number,
  offset: number,
  unsynced: number,
) => void;

/** Takes one frame where it lies, from the tag to behind its payload; false if it does not want it so. */
export type ReplayFrame = (
  bytes: Uint8Array,
  start: number,
  end: number,
  lsn: number,
) => boolean;

/** Is told that records are missing before the next frame. */
export type VisitDamage = (damage: Damage) => void;

/** A segment in memory: its bytes once, and room for the table of its frames. */
export class LoadedSegment implements Disposable {
  readonly #scanner: SegmentScanner;
  readonly #file: string;

  /** Length of the file, up to where somebody was writing to it. */
  readonly length: number;

  private constructor(scanner: SegmentScanner, file: string, length: number) {
    this.#scanner = scanner;
    this.#file = file;
    this.length = length;
  }

  /**
   * Reads a file into memory.
   *
   * @param fileSystem Where it is.
   * @param directory The log directory.
   * @param file Its name.
   * @returns The segment; to be disposed of.
   * @throws {RangeError} If it is too large.
   * @throws Whatever the file system throws; a failed read is never taken for an end.
   */
  static async load(
    fileSystem: FileSystem,
    directory: string,
    file: string,
  ): Promise<LoadedSegment> {
    const scanner = new SegmentScanner(TABLE_FRAMES);
    try {
      const handle = await fileSystem.open(pathOf(directory, file), "read");
      try {
        return new LoadedSegment(scanner, file, await load(handle, scanner, file));
      } finally {
        handle.close();
      }
    } catch (error) {
      scanner[Symbol.dispose]();
      throw error;
    }
  }

  /** Its bytes: a view that dies when another segment is loaded, so ask again after each wait. */
  get bytes(): Uint8Array {
    return this.#scanner.bytes().subarray(0, this.length);
  }

  /**
   * Reads it from beginning to end; calls nothing that waits.
   *
   * @param firstLsn Number of its first record.
   * @param onFrame Is called for each valid frame, in order.
   * @param onDamage Is called between the frames where some are missing.
   * @param replay Is asked first for each valid frame.
   * @returns What it holds.
   */
  scan(
    firstLsn: number,
    onFrame: VisitFrame,
    onDamage: VisitDamage = () => {},
    replay: ReplayFrame = () => false,
  ): SegmentScan {
    const file = { file: this.#file, firstLsn, length: this.length };
    return new Scan(this.#scanner, file, { onFrame, onDamage, replay }).run();
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    this.#scanner[Symbol.dispose]();
  }
}

async function load(handle: FileHandle, scanner: SegmentScanner, file: string): Promise<number> {
  const length = await handle.size();
  if (length > MAX_SEGMENT_LENGTH) {
    throw new RangeError(
      `Cannot read ${file}: it has ${length} bytes, a segment has at most ${MAX_SEGMENT_LENGTH}`,
    );
  }
  scanner.reserve(length);
  const piece = new Uint8Array(Math.min(READ_PIECE, Math.max(length, 1)));
  let loaded = 0;
  while (loaded < length) {
    const wanted = Math.min(piece.length, length - loaded);
    const count = await handle.read(piece.subarray(0, wanted), loaded);
    if (count === 0) break;
    scanner.bytes().set(piece.subarray(0, count), loaded);
    loaded += count;
  }
  return await settledLength(handle, loaded, () => scanner.bytes());
}

interface FramePlace {
  readonly offset: number;
  readonly lsn: number;
}

/** A frame with the number below which it promises that all records were synced. */
interface KeptPromise extends FramePlace {
  readonly synced: number;
}

interface ScannedFile {
  readonly file: string;
  readonly firstLsn: number;
  readonly length: number;
}

interface Visitors {
  readonly onFrame: VisitFrame;
  readonly onDamage: VisitDamage;
  readonly replay: ReplayFrame;
}

/** One reading of one segment that is in the scanner's memory. */
class Scan {
  readonly #scanner: SegmentScanner;
  readonly #file: ScannedFile;
  readonly #visitors: Visitors;
  readonly #damages: Damage[] = [];
  #promise: KeptPromise | null = null;

  constructor(scanner: SegmentScanner, file: ScannedFile, visitors: Visitors) {
    this.#scanner = scanner;
    this.#file = file;
    this.#visitors = visitors;
  }

  run(): SegmentScan {
    const { firstLsn, length } = this.#file;
    const bytes = this.#scanner.bytes().slice(0, Math.min(SEGMENT_HEADER_LENGTH, length));
    const header = decodeSegmentHeader(bytes, firstLsn);
    if (!("kind" in header)) return this.#readFrames(header.salt);
    if (header.kind === "newer-version") {
      return this.#end("newer-version", 0, firstLsn, header.found);
    }
    if (header.kind === "pgdog") return this.#end("pgdog", 0, firstLsn, "it is pgdog's");
    return this.#readWithoutHeader(bytes, header);
  }

  #readWithoutHeader(bytes: Uint8Array, fault: HeaderFault): SegmentScan {
    const { firstLsn, length } = this.#file;
    const reason = HEADER_FAULTS[fault.kind as keyof typeof HEADER_FAULTS];
    const mended = bytes.length < SEGMENT_HEADER_LENGTH
      ? null
      : mendHeader(bytes, firstLsn, (header: SegmentHeader) =>
        this.#scanner.scan(SEGMENT_HEADER_LENGTH, length, header.salt, firstLsn) > 0);
    const offset = 0;
    if (mended === null) {
      this.#damage({ offset, lsn: firstLsn, nextLsn: firstLsn, reason, flippedBit: null });
      return this.#end("unreadable", 0, firstLsn, reason);
    }
    const { header, flippedBit } = mended;
    this.#damage({ offset, lsn: firstLsn, nextLsn: firstLsn, reason, flippedBit });
    return this.#readFrames(header.salt);
  }

  #readFrames(salt: number): SegmentScan {
    const { length } = this.#file;
    let offset = SEGMENT_HEADER_LENGTH;
    let lsn = this.#file.firstLsn;
    for (;;) {
      const count = this.#scanner.scan(offset, length, salt, lsn);
      this.#visitTable(count, lsn);
      offset = this.#scanner.stopOffset();
      lsn = this.#scanner.stopLsn();
      const kind = this.#scanner.stopKind();
      if (kind === StopKind.TableFull) continue;
      if (kind === StopKind.Clean || this.#scanner.zerosFrom(offset, length)) {
        return this.#end("clean", offset, lsn, "");
      }
      const promise = this.#promiseOf(offset, salt, lsn);
      if (promise === null) return this.#end("torn", offset, lsn, STOPS[kind] ?? "");
      const next = this.#nextFrame(offset, salt, lsn);
      this.#damage({
        offset,
        lsn,
        nextLsn: next.lsn,
        reason: `${
          STOPS[kind]
        }, and the record at offset ${promise.offset} promises that it was synced`,
        flippedBit: this.#flippedBit(offset, next.offset, salt, lsn),
      });
      offset = next.offset;
      lsn = next.lsn;
    }
  }

  /** The frame that promises that a bad place was synced; `null` if there is none. */
  #promiseOf(offset: number, salt: number, lsn: number): KeptPromise | null {
    const kept = this.#promise;
    // The promise that covered the last bad place covers all those before it, too.
    if (kept !== null && offset < kept.offset && lsn < kept.synced) return kept;
    const found = this.#search("findPromise", offset, salt, lsn);
    if (found === NO_PROMISE) return null;
    const bytes = this.#scanner.bytes().slice(found, found + FRAME_HEADER_LENGTH);
    const unsynced = new DataView(bytes.buffer).getUint32(8, true);
    const foundLsn = this.#scanner.foundLsn();
    this.#promise = { offset: found, lsn: foundLsn, synced: foundLsn - unsynced };
    return this.#promise;
  }

  /** Where reading goes on behind a bad place; at the end of the file if nothing there can be believed. */
  #nextFrame(offset: number, salt: number, lsn: number): FramePlace {
    const { length } = this.#file;
    // So much damage is not worth a search each: the rest is given up.
    const next = this.#damages.length < MAX_SEARCHES
      ? this.#search("findFrame", offset, salt, lsn)
      : NO_PROMISE;
    if (next !== NO_PROMISE) return { offset: next, lsn: this.#scanner.foundLsn() };
    return { offset: length, lsn: lsn + Math.ceil((length - offset) / MIN_FRAME_LENGTH) };
  }

  /**
   * Searches behind a bad place, near it first: in windows that double, so that a search costs what lies
   * between the place and what is found, not the rest of the segment. The last window is all of the rest.
   */
  #search(
    what: "findPromise" | "findFrame",
    offset: number,
    salt: number,
    lsn: number,
  ): number {
    const { length } = this.#file;
    for (let window = FIRST_WINDOW;; window *= 2) {
      const end = Math.min(length, offset + window);
      const found = this.#scanner[what](offset, end, salt, lsn);
      if (found !== NO_PROMISE || end === length) return found;
    }
  }

  /** The bit that explains a damaged place; what is too long to be tried is not copied either. */
  #flippedBit(start: number, end: number, salt: number, lsn: number): FlippedBit | null {
    if (end - start > MAX_TRIED_LENGTH) return null;
    return findFlippedBit(this.#scanner.bytes().slice(start, end), salt, lsn);
  }

  #visitTable(count: number, firstLsn: number): void {
    const { onFrame, replay } = this.#visitors;
    const table = this.#scanner.table().slice(0, count * TABLE_COLUMNS);
    for (let row = 0; row < count; row++) {
      const offset = table[row * TABLE_COLUMNS] ?? 0;
      const bodyLength = table[row * TABLE_COLUMNS + 1] ?? 0;
      const start = offset + FRAME_HEADER_LENGTH;
      const end = start + bodyLength;
      const bytes = this.#scanner.bytes();
      if (replay(bytes, start, end, firstLsn + row)) continue;
      const unsynced = table[row * TABLE_COLUMNS + 2] ?? 0;
      onFrame(bytes.subarray(start, end), firstLsn + row, offset, unsynced);
    }
  }

  #damage(damage: Damage): void {
    this.#damages.push(damage);
    this.#visitors.onDamage(damage);
  }

  #end(kind: SegmentEndKind, offset: number, nextLsn: number, detail: string): SegmentScan {
    return { ...this.#file, end: { kind, offset, nextLsn, detail }, damages: this.#damages };
  }
}

const HEADER_FAULTS = {
  "too-short": "it is shorter than a segment header",
  "bad-magic": "it does not begin as a segment does",
  "bad-checksum": "the checksum of its header differs, or it was renamed",
} as const;

const STOPS: Readonly<Record<number, string>> = {
  [StopKind.ShortHeader]: "too few bytes are left for a frame",
  [StopKind.ZeroLength]: "the length of a frame is 0",
  [StopKind.TooLong]: "the length of a frame is larger than any frame's",
  [StopKind.PastEnd]: "a frame runs past the end of the file",
  [StopKind.Checksum]: "the checksum of a frame differs",
  [StopKind.ImpossiblePromise]: "a frame makes an impossible promise",
};
