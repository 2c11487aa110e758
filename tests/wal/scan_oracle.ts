/**
 * Frames in plain TypeScript: making them, scanning them, and searching for a promise by trying
 * every offset and every LSN. What the WebAssembly core must agree with.
 */

import { crc32cOracle } from "./crc32c_oracle.ts";

const HEADER = 16;
const MAX_BODY = 16 * 1024 * 1024;
const MAX_UNSYNCED = 65_535;

/** What a scan finds. */
export interface Scan {
  /** Frame offset, body length, unsynced and tag of each valid frame. */
  readonly rows: number[][];
  /** Why it ended: a number of `StopKind`. */
  readonly kind: number;
  /** Where it ended. */
  readonly offset: number;
  /** The LSN that a frame there would have. */
  readonly lsn: number;
}

/** A frame with its body. Nothing is checked: wrong promises can be made with it. */
export function makeFrame(
  body: Uint8Array,
  unsynced: number,
  salt: number,
  lsn: number,
): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(HEADER + body.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, salt, true);
  view.setUint32(4, body.length, true);
  view.setUint32(8, checksum(body, unsynced, salt, lsn), true);
  view.setUint32(12, unsynced, true);
  frame.set(body, HEADER);
  return frame;
}

/** Scans from `start` to `end` for at most `maxFrames` frames. */
export function scanOracle(
  bytes: Uint8Array,
  range: { start: number; end: number },
  salt: number,
  firstLsn: number,
  maxFrames: number,
): Scan {
  const rows: number[][] = [];
  let offset = range.start;
  for (;;) {
    const lsn = firstLsn + rows.length;
    const left = bytes.subarray(offset, range.end);
    const kind = left.length > 0 && rows.length === maxFrames ? 0 : kindOf(left, salt, lsn);
    if (kind !== undefined) return { rows, kind, offset, lsn };
    const bodyLength = u32(left, 4);
    rows.push([offset, bodyLength, u32(left, 12), left[HEADER]!]);
    offset += HEADER + bodyLength;
  }
}

/** The first frame behind `from` that promises that `lsn` was synced. */
export function findPromiseOracle(
  bytes: Uint8Array,
  from: number,
  salt: number,
  lsn: number,
): { offset: number; lsn: number } | undefined {
  for (let offset = from + 1; offset < bytes.length; offset++) {
    const left = bytes.subarray(offset);
    const places = Math.floor((offset - from) / (HEADER + 1));
    for (let tried = lsn + 1; tried <= lsn + places; tried++) {
      if (!Number.isSafeInteger(tried)) break;
      const kind = left.length === 0 ? 1 : kindOf(left, salt, tried);
      if (kind === undefined && tried - u32(left, 12) > lsn) return { offset, lsn: tried };
    }
  }
  return undefined;
}

/** Why the frame at the start of the bytes is not valid, as a number; undefined if it is. */
function kindOf(left: Uint8Array, salt: number, lsn: number): number | undefined {
  if (left.length === 0) return 1;
  const marker = new Uint8Array(Uint32Array.of(salt).buffer);
  if (left.subarray(0, 4).some((byte, index) => byte !== marker[index])) return 8;
  if (left.length < HEADER) return 2;
  const bodyLength = u32(left, 4);
  if (bodyLength === 0) return 3;
  if (bodyLength > MAX_BODY) return 4;
  if (HEADER + bodyLength > left.length) return 5;
  const body = left.subarray(HEADER, HEADER + bodyLength);
  const unsynced = u32(left, 12);
  if (!Number.isSafeInteger(lsn)) return 6;
  if (checksum(body, unsynced, salt, lsn) !== u32(left, 8)) return 6;
  return unsynced > lsn || unsynced > MAX_UNSYNCED ? 7 : undefined;
}

function checksum(body: Uint8Array, unsynced: number, salt: number, lsn: number): number {
  const head = new DataView(new ArrayBuffer(8));
  head.setUint32(0, body.length, true);
  head.setUint32(4, unsynced, true);
  const place = new DataView(new ArrayBuffer(12));
  place.setUint32(0, salt, true);
  place.setBigUint64(4, BigInt(lsn), true);
  const crc = crc32cOracle(body, crc32cOracle(new Uint8Array(head.buffer)));
  return crc32cOracle(new Uint8Array(place.buffer), crc);
}

function u32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
}
