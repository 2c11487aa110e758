/**
 * The byte work of the log in WebAssembly: checksums, sealing frames in place, scanning segments.
 *
 * Guarantees: needs no permission; imports nothing but its own module. No call can break the
 * module: numbers that are out of range are refused with a `RangeError` and nothing is written.
 * No call allocates per record.
 *
 * `bytes()` and `table()` are views of the module's memory. They die (length 0) whenever any
 * buffer of the module grows, so ask for them again after every `reserve` and every constructor,
 * and keep the owner referenced while a view is in use.
 *
 * @module
 */

import { memory } from "../../wasm/pkg/core_bg.wasm";
import * as core from "../../wasm/pkg/core.js";

/** Bytes of a frame before its body: salt, length, checksum, unsynced. */
export const HEADER_LENGTH: number = core.headerLength();
/** Where in them the body's length is. */
export const BODY_LENGTH_AT = 4;
/** The longest body that a frame may have, in bytes. */
export const MAX_BODY_LENGTH: number = core.maxBodyLength();
/** The largest number of records that a frame may leave unpromised. */
export const MAX_UNSYNCED: number = core.maxUnsynced();
/**
 * Numbers per frame in the table of {@linkcode SegmentScanner}: offset, body length, unsynced, tag, and the high
 * and the low half of the transaction's number if the record is a plain Begin, decision or End.
 */
export const TABLE_COLUMNS = 6;
/** High half of the number in the table where a record is not plain. */
export const NOT_PLAIN = 0xffff_ffff;

/** Why a scan ended. */
export const StopKind = {
  /** The table is full: go on at the stop. */
  TableFull: 0,
  /** No byte is left. */
  Clean: 1,
  /** Fewer bytes are left than a header has, and they could be the beginning of one. */
  ShortHeader: 2,
  /** The body length is 0. */
  ZeroLength: 3,
  /** The body length is above the maximum. */
  TooLong: 4,
  /** The body would run past the end. */
  PastEnd: 5,
  /** The checksum differs: damage, or a frame of another place. */
  Checksum: 6,
  /** The checksum is right, but `unsynced` is larger than the LSN or the maximum. */
  ImpossiblePromise: 7,
  /** What is left does not begin with the segment's salt: space that was not used, or damage. */
  OtherSalt: 8,
} as const;

/** One of the values of {@linkcode StopKind}. */
export type StopKind = typeof StopKind[keyof typeof StopKind];

/** Answer of {@linkcode SegmentScanner.findPromise} when no frame makes such a promise. */
export const NO_PROMISE: number = -1;

const LARGEST_BUFFER = 2 ** 31 - 1;
const LARGEST_TABLE = 2 ** 24;
const LARGEST_U32 = 2 ** 32 - 1;
const NO_BYTES = new Uint8Array();
const NO_WORDS = new DataView(NO_BYTES.buffer);
const NO_TABLE = new Uint32Array();

/** A buffer in the module's memory, in which frames are made. */
export class FrameBuffer implements Disposable {
  #core: core.FrameBuffer | undefined = new core.FrameBuffer();
  #bytes: Uint8Array<ArrayBuffer> = NO_BYTES;
  #words: DataView<ArrayBuffer> = NO_WORDS;

  /** Makes a buffer of that many bytes, all zero. */
  constructor(capacity: number) {
    this.reserve(capacity);
  }

  /** Where the buffer is in the module's memory. Changes when it grows. */
  pointer(): number {
    return this.#open().pointer();
  }

  /** How many bytes the buffer has. */
  capacity(): number {
    return this.#open().capacity();
  }

  /** The buffer's bytes; a new view whenever the module's memory has grown. */
  bytes(): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length === 0) {
      const open = this.#open();
      const place = [open.pointer(), open.capacity()] as const;
      this.#bytes = new Uint8Array(memory.buffer as ArrayBuffer, ...place);
      this.#words = new DataView(memory.buffer as ArrayBuffer, ...place);
    }
    return this.#bytes;
  }

  /** Grows to at least that many bytes and keeps the content. The buffer may move. */
  reserve(capacity: number): void {
    const open = this.#open();
    check("reserve a frame buffer", "capacity", capacity, 1, LARGEST_BUFFER);
    this.#forgetViews();
    if (!open.reserve(capacity)) throw outOfMemory("reserve a frame buffer", capacity);
  }

  /**
   * Puts the body of a frame, and its length, at `offset`; the buffer grows if it must. Gives the offset behind the
   * frame.
   */
  put(offset: number, body: Uint8Array): number {
    const end = offset + HEADER_LENGTH + body.length;
    // Asking the view rather than the core, which is a call into another language for each record.
    if (end > this.bytes().length) this.reserve(Math.max(end, 2 * this.capacity()));
    const bytes = this.bytes();
    this.#words.setUint32(offset + BODY_LENGTH_AT, body.length, true);
    bytes.set(body, offset + HEADER_LENGTH);
    return end;
  }

  /**
   * Writes the headers of the first `count` frames, which were put one behind the other from the start of the
   * buffer. The first has the LSN `lsn` and leaves `unsynced` records before it unpromised, every further
   * one has one more of both. The checksums bind them to `salt` and their LSNs.
   *
   * @returns How many bytes the frames have.
   */
  seal(count: number, unsynced: number, salt: number, lsn: number): number {
    const length = this.#open().seal(count, unsynced, salt, lsn);
    if (length >= 0) return length;
    const action = "seal frames";
    check(action, "number of frames", count, 0, LARGEST_U32);
    const further = Math.max(0, count - 1);
    check(action, "LSN", lsn, 0, Number.MAX_SAFE_INTEGER - further);
    check(action, "unsynced", unsynced, 0, Math.min(lsn, MAX_UNSYNCED - further));
    check(action, "salt", salt, 0, LARGEST_U32);
    throw new RangeError(
      `Cannot ${action}: the buffer does not hold ${count} of them, they must be put there first`,
    );
  }

  /** Continues the checksum `crc` (0 at the start of a stream) over a part of the buffer. */
  crc32c(crc: number, offset: number, length: number): number {
    const result = this.#open().crc32c(crc, offset, length);
    if (result >= 0) return result;
    const action = "compute a checksum";
    check(action, "earlier checksum", crc, 0, LARGEST_U32);
    check(action, "length", length, 0, this.capacity());
    check(action, "offset", offset, 0, this.capacity() - length);
    return result;
  }

  /** Gives the memory back. Views of it must not be used any more. */
  [Symbol.dispose](): void {
    this.#core?.free();
    this.#core = undefined;
    this.#forgetViews();
  }

  #forgetViews(): void {
    this.#bytes = NO_BYTES;
    this.#words = NO_WORDS;
  }

  #open(): core.FrameBuffer {
    if (this.#core === undefined) throw disposed("the frame buffer");
    return this.#core;
  }
}

/** Holds one segment's bytes at a time and finds the frames in them. */
export class SegmentScanner implements Disposable {
  #core: core.SegmentScanner | undefined = new core.SegmentScanner();
  #bytes: Uint8Array<ArrayBuffer> = NO_BYTES;
  #table: Uint32Array<ArrayBuffer> = NO_TABLE;
  readonly #maxFrames: number;

  /** Makes a scanner whose table holds that many frames. */
  constructor(maxFrames: number) {
    const action = "make a segment scanner";
    check(action, "number of frames in the table", maxFrames, 1, LARGEST_TABLE);
    this.#maxFrames = maxFrames;
    if (!this.#open().reserveTable(maxFrames)) throw outOfMemory(action, maxFrames);
  }

  /** Where the segment's bytes are in the module's memory. Changes when they grow. */
  pointer(): number {
    return this.#open().pointer();
  }

  /** How many bytes there is room for. */
  capacity(): number {
    return this.#open().capacity();
  }

  /** Room for the segment's bytes; a new view whenever the module's memory has grown. */
  bytes(): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length === 0) {
      const open = this.#open();
      this.#bytes = new Uint8Array(memory.buffer as ArrayBuffer, open.pointer(), open.capacity());
    }
    return this.#bytes;
  }

  /** Makes room for at least that many bytes. Does not keep what was there when it has to grow. */
  reserve(length: number): void {
    const open = this.#open();
    check("reserve room for a segment", "length", length, 0, LARGEST_BUFFER);
    this.#bytes = NO_BYTES;
    if (!open.reserve(length)) throw outOfMemory("reserve room for a segment", length);
  }

  /**
   * Scans the bytes from `start` to `end` for consecutive valid frames, the first of which has the
   * LSN `lsn`. Returns how many rows of the table it filled; the stop says where and why it ended.
   */
  scan(start: number, end: number, salt: number, lsn: number): number {
    const count = this.#open().scan(start, end, salt, lsn);
    if (count < 0) this.#refuse("scan a segment", start, end, salt, lsn);
    return count;
  }

  /** The table; see {@linkcode TABLE_COLUMNS}. */
  table(): Uint32Array<ArrayBuffer> {
    if (this.#table.length === 0) {
      const pointer = this.tablePointer();
      const length = this.#maxFrames * TABLE_COLUMNS;
      this.#table = new Uint32Array(memory.buffer as ArrayBuffer, pointer, length);
    }
    return this.#table;
  }

  /** Where the table is in the module's memory. */
  tablePointer(): number {
    return this.#open().tablePointer();
  }

  /** Why the last scan ended. */
  stopKind(): StopKind {
    return this.#open().stopKind() as StopKind;
  }

  /** The offset at which the last scan ended: behind the last valid frame. */
  stopOffset(): number {
    return this.#open().stopOffset();
  }

  /** The LSN that a frame at the stop would have. */
  stopLsn(): number {
    return this.#open().stopLsn();
  }

  /** Whether the salt stands anywhere from `offset` to `end`. Where it does not, there is no frame. */
  hasSalt(offset: number, end: number, salt: number): boolean {
    const answer = this.#open().hasSalt(offset, end, salt);
    if (answer < 0) this.#refuse("look for a salt", offset, end, salt, 0);
    return answer === 1;
  }

  /**
   * Tells corruption from a torn end: searches every byte offset behind the invalid frame at
   * `from`, whose LSN would have been `lsn`, for a valid frame that promises that this LSN had
   * been synced. Returns its offset, or {@linkcode NO_PROMISE}. Valid frames that promise less
   * (their block reached the disk before an earlier one) are no evidence. The answer is exact for
   * any bytes, and the time grows with their number only.
   */
  findPromise(from: number, end: number, salt: number, lsn: number): number {
    const offset = this.#open().findPromise(from, end, salt, lsn);
    if (offset < NO_PROMISE) this.#refuse("search for a promise", from, end, salt, lsn);
    return offset;
  }

  /**
   * Where reading goes on once damage is proven: the first offset behind the invalid frame at `from`
   * at which a frame is valid for some LSN above `lsn` and is more than a coincidence (it is near, or the
   * next frame follows it, or nothing does), or {@linkcode NO_PROMISE}.
   */
  findFrame(from: number, end: number, salt: number, lsn: number): number {
    const offset = this.#open().findFrame(from, end, salt, lsn);
    if (offset < NO_PROMISE) this.#refuse("search for a frame", from, end, salt, lsn);
    return offset;
  }

  /** The LSN of the frame that the last search found, else -1. */
  foundLsn(): number {
    return this.#open().foundLsn();
  }

  /** Gives the memory back. Views of it must not be used any more. */
  [Symbol.dispose](): void {
    this.#core?.free();
    this.#core = undefined;
    this.#bytes = NO_BYTES;
    this.#table = NO_TABLE;
  }

  #open(): core.SegmentScanner {
    if (this.#core === undefined) throw disposed("the segment scanner");
    return this.#core;
  }

  #refuse(action: string, start: number, end: number, salt: number, lsn: number): void {
    check(action, "end", end, 0, this.capacity());
    check(action, "start", start, 0, end);
    check(action, "salt", salt, 0, LARGEST_U32);
    check(action, "LSN", lsn, 0, Number.MAX_SAFE_INTEGER);
  }
}

/** Large data goes through in parts: the module's memory can grow, but never shrinks again. */
const PART_LENGTH = 64 * 1024;
const part = new FrameBuffer(PART_LENGTH);

/** The crc32c (Castagnoli) of some bytes. */
export function crc32c(data: Uint8Array): number {
  return crc32cAppend(0, data);
}

/** Continues the checksum `crc` of the stream so far over its next bytes. */
export function crc32cAppend(crc: number, data: Uint8Array): number {
  if (data.length <= PART_LENGTH) {
    part.bytes().set(data);
    return part.crc32c(crc, 0, data.length);
  }
  let result = crc;
  for (let start = 0; start < data.length; start += PART_LENGTH) {
    result = crc32cAppend(result, data.subarray(start, start + PART_LENGTH));
  }
  return result;
}

function check(action: string, what: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const right = least <= most ? `an integer from ${least} to ${most}` : `nothing (no room for it)`;
  throw new RangeError(`Cannot ${action}: ${what} is ${value}, ${right} would be right`);
}

function outOfMemory(action: string, amount: number): RangeError {
  return new RangeError(`Cannot ${action}: no memory for ${amount}, less would be right`);
}

function disposed(what: string): TypeError {
  return new TypeError(`Cannot use ${what}: it is disposed, a new one would be right`);
}
