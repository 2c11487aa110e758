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

import type { FileSystem } from "../platform/file_system.ts";
import { NO_PROMISE, SegmentScanner, StopKind, TABLE_COLUMNS } from "./core.ts";
import {
  decodeSegmentHeader,
  FRAME_HEADER_LENGTH,
  type HeaderFault,
  SEGMENT_HEADER_LENGTH,
  type SegmentHeader,
  UNSYNCED_AT,
} from "./format.ts";
import { findFlippedBit, type FlippedBit, MAX_TRIED_LENGTH, mendHeader } from "./bit_flip.ts";
import { SegmentWindow, TABLE_FRAMES } from "./segment_window.ts";

export { MAX_SEGMENT_LENGTH } from "./segment_window.ts";

/** The smallest frame, by which the number of records in unreadable bytes is limited. */
export const MIN_FRAME_LENGTH: number = FRAME_HEADER_LENGTH + 1;

/** Bytes of the salt that a frame begins with. */
const SALT_LENGTH = 4;

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
  /** Nothing of the segment's follows the last frame: zeros, what an earlier use of the file left, or no byte. */
  | "clean"
  /** Something of the segment's follows that is no frame: a write that a crash cut off. */
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

/**
 * Takes frames of the table where they lie in `bytes`, from row `from` up to row `to`, and gives the first that it
 * does not want so. See {@linkcode LogModel.replay}.
 */
export type ReplayFrames = (
  bytes: Uint8Array,
  table: Uint32Array,
  from: number,
  to: number,
) => number;

/** Is told that records are missing before the next frame. */
export type VisitDamage = (damage: Damage) => void;

/** What is done with what a segment holds. */
export interface SegmentVisitors {
  /** Is called for each valid frame that was not replayed, in order. */
  readonly onFrame: VisitFrame;
  /** Is called between the frames where some are missing. */
  readonly onDamage?: VisitDamage;
  /** Is asked first for the valid frames. */
  readonly replay?: ReplayFrames;
  /** Is called before the bytes that were replayed go away. */
  readonly endReplay?: (bytes: Uint8Array) => void;
}

/**
 * Reads a segment from beginning to end, a piece of the file at a time: in memory is no more than some pieces and
 * the longest record. Only behind a bad place is the rest of the segment held as a whole.
 *
 * @param window The segment, just opened.
 * @param file Its name.
 * @param firstLsn Number of its first record.
 * @param visitors What is done with what it holds; what they are given is valid during the call.
 * @returns What it holds.
 * @throws Whatever the file system throws; a failed read is never taken for an end.
 */
export async function readSegment(
  window: SegmentWindow,
  file: string,
  firstLsn: number,
  visitors: SegmentVisitors,
): Promise<SegmentScan> {
  const steps = new Scan(window, { file, firstLsn }, visitors).steps();
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    const { from, whole } = step.value;
    await (whole ? window.loadFrom(from) : window.moveTo(from));
  }
}

/** A segment in memory as a whole. */
export class LoadedSegment implements Disposable {
  readonly #window: SegmentWindow;
  readonly #file: string;

  private constructor(window: SegmentWindow, file: string) {
    this.#window = window;
    this.#file = file;
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
      await using whole = await SegmentWindow.open(fileSystem, directory, file, scanner);
      await whole.loadFrom(0);
      return new LoadedSegment(whole, file);
    } catch (error) {
      scanner[Symbol.dispose]();
      throw error;
    }
  }

  /** Length of the file, up to where somebody was writing to it. */
  get length(): number {
    return this.#window.length;
  }

  /** Its bytes: a view that dies when another segment is loaded, so ask again after each wait. */
  get bytes(): Uint8Array {
    return this.#window.bytes;
  }

  /**
   * Reads it from beginning to end; calls nothing that waits.
   *
   * @param firstLsn Number of its first record.
   * @param onFrame Is called for each valid frame, in order.
   * @param onDamage Is called between the frames where some are missing.
   * @returns What it holds.
   */
  scan(firstLsn: number, onFrame: VisitFrame, onDamage: VisitDamage = () => {}): SegmentScan {
    const file = { file: this.#file, firstLsn };
    const step = new Scan(this.#window, file, { onFrame, onDamage }).steps().next();
    if (step.done) return step.value;
    throw new Error(`Cannot read ${this.#file}: bytes are missing, all of them must be in memory`);
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    this.#window.scanner[Symbol.dispose]();
  }
}

/** What a reading asks for before it goes on. */
interface Wish {
  /** Offset from which on bytes must be in memory: more than there are now. */
  readonly from: number;
  /** Whether all up to the end of the file must be. */
  readonly whole: boolean;
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
}

/** One reading of one segment. All offsets are those in the file. */
class Scan {
  readonly #window: SegmentWindow;
  readonly #scanner: SegmentScanner;
  readonly #file: ScannedFile;
  readonly #visitors: SegmentVisitors;
  readonly #damages: Damage[] = [];
  #promise: KeptPromise | null = null;

  constructor(window: SegmentWindow, file: ScannedFile, visitors: SegmentVisitors) {
    this.#window = window;
    this.#scanner = window.scanner;
    this.#file = file;
    this.#visitors = visitors;
  }

  /** Reads as far as the bytes in memory allow, then asks for others. Asks for nothing if all are there. */
  *steps(): Generator<Wish, SegmentScan, void> {
    const { firstLsn } = this.#file;
    while (this.#window.isPart && this.#window.end < SEGMENT_HEADER_LENGTH) {
      yield { from: 0, whole: false };
    }
    const bytes = this.#window.bytes.slice(0, SEGMENT_HEADER_LENGTH);
    const header = decodeSegmentHeader(bytes, firstLsn);
    if (!("kind" in header)) return yield* this.#readFrames(header.salt);
    if (header.kind === "newer-version") {
      return this.#end("newer-version", 0, firstLsn, header.found);
    }
    if (header.kind === "pgdog") return this.#end("pgdog", 0, firstLsn, "it is pgdog's");
    if (this.#window.isPart) yield { from: 0, whole: true };
    return yield* this.#readWithoutHeader(bytes, header);
  }

  *#readWithoutHeader(
    bytes: Uint8Array,
    fault: HeaderFault,
  ): Generator<Wish, SegmentScan, void> {
    const { firstLsn } = this.#file;
    const { length } = this.#window;
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
    return yield* this.#readFrames(header.salt);
  }

  *#readFrames(salt: number): Generator<Wish, SegmentScan, void> {
    const window = this.#window;
    let offset = SEGMENT_HEADER_LENGTH;
    let lsn = this.#file.firstLsn;
    for (;;) {
      const { base } = window;
      const count = this.#scanner.scan(offset - base, window.end - base, salt, lsn);
      this.#visitTable(count, lsn);
      offset = base + this.#scanner.stopOffset();
      lsn = this.#scanner.stopLsn();
      const kind = this.#scanner.stopKind();
      if (kind === StopKind.TableFull) continue;
      if (window.isPart) {
        const isCut = CUT_STOPS.has(kind);
        if (!isCut && (yield* this.#isUnusedFrom(offset, salt))) {
          return this.#end("clean", offset, lsn, "");
        }
        yield this.#wish(offset, !isCut);
        continue;
      }
      const isUnused = kind === StopKind.OtherSalt && this.#isUnusedInMemory(offset, salt);
      if (kind === StopKind.Clean || isUnused) {
        return this.#end("clean", offset, lsn, "");
      }
      const promise = this.#promiseOf(offset, salt, lsn);
      if (promise === null) return this.#endWithoutPromise(kind, offset, salt, lsn);
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

  /** Whether the salt is nowhere in what follows, so that no frame can be; none of it is kept in memory. */
  *#isUnusedFrom(offset: number, salt: number): Generator<Wish, boolean, void> {
    let from = offset;
    while (this.#isUnusedInMemory(from, salt)) {
      if (!this.#window.isPart) return true;
      // The salt may begin where a piece ends.
      from = Math.max(from, this.#window.end - SALT_LENGTH + 1);
      yield this.#wish(from, false);
    }
    return false;
  }

  #isUnusedInMemory(offset: number, salt: number): boolean {
    const { base, end } = this.#window;
    return !this.#scanner.hasSalt(offset - base, end - base, salt);
  }

  /** The end of a segment of which nothing behind a bad place says that it was synced. */
  #endWithoutPromise(kind: StopKind, offset: number, salt: number, lsn: number): SegmentScan {
    // The salt may stand by chance in what an earlier use of the file has left.
    const isUnused = kind === StopKind.OtherSalt &&
      this.#search("findFrame", offset, salt, lsn) === NO_PROMISE;
    if (isUnused) return this.#end("clean", offset, lsn, "");
    return this.#end("torn", offset, lsn, STOPS[kind] ?? "");
  }

  #wish(from: number, whole: boolean): Wish {
    this.#endReplay();
    return { from, whole };
  }

  /** The frame that promises that a bad place was synced; `null` if there is none. */
  #promiseOf(offset: number, salt: number, lsn: number): KeptPromise | null {
    const kept = this.#promise;
    // The promise that covered the last bad place covers all those before it, too.
    if (kept !== null && offset < kept.offset && lsn < kept.synced) return kept;
    const found = this.#search("findPromise", offset, salt, lsn);
    if (found === NO_PROMISE) return null;
    const at = found - this.#window.base;
    const bytes = this.#scanner.bytes().slice(at, at + FRAME_HEADER_LENGTH);
    const unsynced = new DataView(bytes.buffer).getUint32(UNSYNCED_AT, true);
    const foundLsn = this.#scanner.foundLsn();
    this.#promise = { offset: found, lsn: foundLsn, synced: foundLsn - unsynced };
    return this.#promise;
  }

  /** Where reading goes on behind a bad place; at the end of the file if nothing there can be believed. */
  #nextFrame(offset: number, salt: number, lsn: number): FramePlace {
    const { length } = this.#window;
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
    const { base, length } = this.#window;
    for (let window = FIRST_WINDOW;; window *= 2) {
      const end = Math.min(length, offset + window);
      const found = this.#scanner[what](offset - base, end - base, salt, lsn);
      if (found !== NO_PROMISE) return base + found;
      if (end === length) return NO_PROMISE;
    }
  }

  /** The bit that explains a damaged place; what is too long to be tried is not copied either. */
  #flippedBit(start: number, end: number, salt: number, lsn: number): FlippedBit | null {
    if (end - start > MAX_TRIED_LENGTH) return null;
    const { base } = this.#window;
    return findFlippedBit(this.#scanner.bytes().slice(start - base, end - base), salt, lsn);
  }

  #visitTable(count: number, firstLsn: number): void {
    const { onFrame, replay } = this.#visitors;
    const { base } = this.#window;
    let table = this.#scanner.table();
    let bytes = this.#scanner.bytes();
    for (let row = 0; row < count; row++) {
      // Whoever takes a frame may make the module's memory grow, and its views die.
      if (table.length === 0) [table, bytes] = [this.#scanner.table(), this.#scanner.bytes()];
      if (replay !== undefined) {
        row = replay(bytes, table, row, count);
        if (row === count) return;
      }
      const at = row * TABLE_COLUMNS;
      const offset = table[at]!;
      const start = bytes.byteOffset + offset + FRAME_HEADER_LENGTH;
      // What `subarray` does, without its question after a subclass.
      const body = new Uint8Array(bytes.buffer, start, table[at + 1]!);
      onFrame(body, firstLsn + row, base + offset, table[at + 2]!);
    }
  }

  #endReplay(): void {
    this.#visitors.endReplay?.(this.#scanner.bytes());
  }

  #damage(damage: Damage): void {
    this.#damages.push(damage);
    this.#visitors.onDamage?.(damage);
  }

  #end(kind: SegmentEndKind, offset: number, nextLsn: number, detail: string): SegmentScan {
    this.#endReplay();
    const { length } = this.#window;
    return {
      ...this.#file,
      length,
      end: { kind, offset, nextLsn, detail },
      damages: this.#damages,
    };
  }
}

/** How a reading stops where the bytes in memory end. */
const CUT_STOPS: ReadonlySet<StopKind> = new Set([
  StopKind.Clean,
  StopKind.ShortHeader,
  StopKind.PastEnd,
]);

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
  [StopKind.OtherSalt]: "no frame of this segment begins there",
};
