/**
 * The core of the log in plain TypeScript, in place of the WebAssembly one, so that canaries can
 * take away safeguards that live there. Slow, and only as complete as the log needs it.
 */

import { crc32cOracle } from "../wal/crc32c_oracle.ts";

export const HEADER_LENGTH = 16;
export const BODY_LENGTH_AT = 4;
export const MAX_BODY_LENGTH = 16 * 1024 * 1024;
export const MAX_UNSYNCED = 65_535;
export const TABLE_COLUMNS = 6;
export const NOT_PLAIN = 0xffff_ffff;
export const NO_PROMISE = -1;
export const StopKind = {
  TableFull: 0,
  Clean: 1,
  ShortHeader: 2,
  ZeroLength: 3,
  TooLong: 4,
  PastEnd: 5,
  Checksum: 6,
  ImpossiblePromise: 7,
  OtherSalt: 8,
} as const;
export type StopKind = typeof StopKind[keyof typeof StopKind];

const VALID = -1;
const LARGEST_U32 = 2 ** 32 - 1;

/** The crc32c of some bytes. */
export function crc32c(data: Uint8Array): number {
  return crc32cOracle(data);
}

/** Continues the checksum `crc` of the stream so far over its next bytes. */
export function crc32cAppend(crc: number, data: Uint8Array): number {
  return crc32cOracle(data, crc);
}

/**
 * The checksum of a frame: its length, its promise, its body, and the place for which it was made.
 */
function checksum(frame: Uint8Array, salt: number, lsn: number): number {
  const place = new DataView(new ArrayBuffer(12));
  place.setUint32(0, salt, true);
  place.setBigUint64(4, BigInt(lsn), true);
  const length = crc32cOracle(frame.subarray(4, 8));
  const promise = crc32cOracle(frame.subarray(12, HEADER_LENGTH), length);
  const body = crc32cOracle(frame.subarray(HEADER_LENGTH), promise);
  return crc32cOracle(new Uint8Array(place.buffer), body);
}

/** A buffer in which frames are made. */
export class FrameBuffer implements Disposable {
  #bytes: Uint8Array<ArrayBuffer>;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  capacity(): number {
    return this.#bytes.length;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  reserve(capacity: number): void {
    if (capacity <= this.#bytes.length) return;
    const grown = new Uint8Array(capacity);
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  put(offset: number, body: Uint8Array): number {
    const end = offset + HEADER_LENGTH + body.length;
    this.reserve(end);
    new DataView(this.#bytes.buffer).setUint32(offset + BODY_LENGTH_AT, body.length, true);
    this.#bytes.set(body, offset + HEADER_LENGTH);
    return end;
  }

  seal(count: number, unsynced: number, salt: number, lsn: number): number {
    const numbers = [count, unsynced, salt, lsn];
    if (!numbers.every(Number.isSafeInteger) || Math.min(...numbers) < 0 || salt > LARGEST_U32) {
      throw new RangeError(`Cannot seal frames with ${numbers}`);
    }
    let offset = 0;
    for (let index = 0; index < count; index++) {
      const view = new DataView(this.#bytes.buffer, offset);
      const end = offset + HEADER_LENGTH + view.getUint32(BODY_LENGTH_AT, true);
      view.setUint32(0, salt, true);
      view.setUint32(12, unsynced + index, true);
      view.setUint32(8, checksum(this.#bytes.subarray(offset, end), salt, lsn + index), true);
      offset = end;
    }
    return offset;
  }

  [Symbol.dispose](): void {
    this.#bytes = new Uint8Array();
  }
}

/** Holds one segment's bytes and finds the frames in them. */
export class SegmentScanner implements Disposable {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
  readonly #table: Uint32Array<ArrayBuffer>;
  #stop: { kind: StopKind; offset: number; lsn: number } = { kind: 0, offset: 0, lsn: 0 };
  #foundLsn = -1;

  constructor(maxFrames: number) {
    this.#table = new Uint32Array(maxFrames * TABLE_COLUMNS);
  }

  capacity(): number {
    return this.#bytes.length;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  reserve(length: number): void {
    if (length > this.#bytes.length) this.#bytes = new Uint8Array(length);
  }

  scan(start: number, end: number, salt: number, firstLsn: number): number {
    const rows = this.#table.length / TABLE_COLUMNS;
    let offset = start;
    for (let row = 0;; row++) {
      const lsn = firstLsn + row;
      const kind = offset < end && row === rows ? 0 : this.#kindAt(offset, end, salt, lsn);
      if (kind !== VALID) {
        this.#stop = { kind: kind as StopKind, offset, lsn };
        return row;
      }
      const length = this.#u32(offset + BODY_LENGTH_AT);
      const tag = this.#bytes[offset + HEADER_LENGTH] ?? 0;
      // No record is called plain: all are read the general way.
      const columns = [offset, length, this.#u32(offset + 12), tag, NOT_PLAIN, 0];
      this.#table.set(columns, row * TABLE_COLUMNS);
      offset += HEADER_LENGTH + length;
    }
  }

  table(): Uint32Array<ArrayBuffer> {
    return this.#table;
  }

  stopKind(): StopKind {
    return this.#stop.kind;
  }

  stopOffset(): number {
    return this.#stop.offset;
  }

  stopLsn(): number {
    return this.#stop.lsn;
  }

  foundLsn(): number {
    return this.#foundLsn;
  }

  hasSalt(offset: number, end: number, salt: number): boolean {
    for (let at = offset; at + 4 <= end; at++) if (this.#u32(at) === salt) return true;
    return false;
  }

  findPromise(from: number, end: number, salt: number, lsn: number): number {
    return this.#find(from, end, salt, lsn, (found, unsynced) => found - unsynced > lsn);
  }

  findFrame(from: number, end: number, salt: number, lsn: number): number {
    return this.#find(from, end, salt, lsn, () => true);
  }

  [Symbol.dispose](): void {
    this.#bytes = new Uint8Array();
  }

  #find(
    from: number,
    end: number,
    salt: number,
    lsn: number,
    fits: (lsn: number, unsynced: number) => boolean,
  ): number {
    for (let offset = from + 1; offset < end; offset++) {
      // Most offsets can be no frame's, whatever its number.
      if (this.#headerFault(offset, end, salt) !== VALID) continue;
      const places = Math.floor((offset - from) / (HEADER_LENGTH + 1));
      for (let tried = lsn + 1; tried <= lsn + places; tried++) {
        if (this.#kindAt(offset, end, salt, tried) !== VALID) continue;
        if (!fits(tried, this.#u32(offset + 12))) continue;
        this.#foundLsn = tried;
        return offset;
      }
    }
    this.#foundLsn = -1;
    return NO_PROMISE;
  }

  #kindAt(offset: number, end: number, salt: number, lsn: number): number {
    const fault = this.#headerFault(offset, end, salt);
    if (fault !== VALID) return fault;
    const frame = this.#bytes.subarray(offset, offset + HEADER_LENGTH + this.#u32(offset + 4));
    const unsynced = this.#u32(offset + 12);
    if (checksum(frame, salt, lsn) !== this.#u32(offset + 8)) return StopKind.Checksum;
    return unsynced > lsn || unsynced > MAX_UNSYNCED ? StopKind.ImpossiblePromise : VALID;
  }

  #headerFault(offset: number, end: number, salt: number): number {
    if (offset >= end) return StopKind.Clean;
    for (let index = 0; index < 4 && offset + index < end; index++) {
      if (this.#bytes[offset + index] !== (salt >>> 8 * index & 0xff)) return StopKind.OtherSalt;
    }
    if (end - offset < HEADER_LENGTH) return StopKind.ShortHeader;
    const length = this.#u32(offset + BODY_LENGTH_AT);
    if (length === 0) return StopKind.ZeroLength;
    if (length > MAX_BODY_LENGTH) return StopKind.TooLong;
    return HEADER_LENGTH + length > end - offset ? StopKind.PastEnd : VALID;
  }

  #u32(offset: number): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#bytes.subarray(offset, offset + 4);
    return (a | b << 8 | c << 16 | d << 24) >>> 0;
  }
}
