/**
 * Segments made by hand for the tests of the log: frames come from the oracle in plain TypeScript,
 * so that what the log reads was not written by the log.
 */

import { MemoryDisk } from "../simulation/memory_disk.ts";
import { encodeRecord, type LogRecord } from "../../src/wal/decisions/record.ts";
import { encodeSegmentHeader } from "../../src/wal/format.ts";
import { encodeHead, type EpochRecord } from "../../src/wal/head.ts";
import { identityText } from "../../src/wal/identity.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import { crc32cOracle } from "./crc32c_oracle.ts";
import { makeFrame } from "./scan_oracle.ts";

/** The log directory of these tests. */
export const DIRECTORY = "/log";

/** Id of the log that the samples are of. */
export const LOG_ID = "0123456789ab";

/** Salt of the samples, unless told otherwise. */
export const SALT = 0xfeedc0de;

/** The Epoch of the samples, followed by one entry that restates everything. */
export const EPOCH: EpochRecord = {
  type: "epoch",
  id: LOG_ID,
  epoch: 1,
  started: "2026-01-01T00:00:00.000Z",
  opening: 2,
  restated: true,
};

/** An entry that restates an empty log. */
export const EMPTY_CHECKPOINT: LogRecord = { type: "checkpoint", active: [], participants: [] };

/** A segment and where its frames are. */
export interface SampleSegment {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Offset of each frame, and the length of the segment as the last one. */
  readonly offsets: readonly number[];
}

/** What a sample is made of. */
export interface SampleOptions {
  readonly firstLsn?: number;
  readonly salt?: number;
}

/** A segment's header, made from the table of the format alone. */
export function headerByHand(
  { version = 1, features = 0, salt = 5, firstLsn = 7 },
): Uint8Array<ArrayBuffer> {
  const covered = new DataView(new ArrayBuffer(20));
  [0x49, 0x44, 0x42, 0x54].forEach((letter, index) => covered.setUint8(index, letter));
  covered.setUint16(4, version, true);
  covered.setUint16(6, features, true);
  covered.setUint32(8, salt, true);
  covered.setBigUint64(12, BigInt(firstLsn), true);
  const checksum = crc32cOracle(new Uint8Array(covered.buffer));
  const bytes = new Uint8Array(covered.buffer.slice(0, 16));
  new DataView(bytes.buffer).setUint32(12, checksum, true);
  return bytes;
}

/** A segment of bodies written in batches, each of which was synced before the next was written. */
export function sampleOfBodies(
  batches: readonly (readonly Uint8Array[])[],
  { firstLsn = 0, salt = SALT }: SampleOptions = {},
): SampleSegment {
  const parts: Uint8Array[] = [encodeSegmentHeader(salt, firstLsn)];
  const offsets = [parts[0]?.length ?? 0];
  let lsn = firstLsn;
  for (const batch of batches) {
    for (const [unsynced, body] of batch.entries()) {
      const frame = makeFrame(body, unsynced, salt, lsn);
      parts.push(frame);
      offsets.push((offsets.at(-1) ?? 0) + frame.length);
      lsn++;
    }
  }
  return { bytes: joined(parts), offsets };
}

/** A segment with its two opening records and further batches. */
export function sampleSegment(
  batches: readonly (readonly LogRecord[])[],
  options: SampleOptions & { checkpoint?: LogRecord; epoch?: number } = {},
): SampleSegment {
  const { checkpoint = EMPTY_CHECKPOINT, epoch = EPOCH.epoch } = options;
  const opening = [encodeHead({ ...EPOCH, epoch }), encodeRecord(checkpoint)];
  return sampleOfBodies([opening, ...batches.map((batch) => batch.map(encodeRecord))], options);
}

/** Puts a segment into the log directory of a disk under the name of its first LSN. */
export function putSegment(disk: MemoryDisk, bytes: Uint8Array, firstLsn: number = 0): void {
  disk.put(`${DIRECTORY}/${segmentName(firstLsn)}`, bytes);
}

/** A disk that holds one segment and the identity that belongs to it. */
export function diskWithSegment(bytes: Uint8Array, firstLsn: number = 0): MemoryDisk {
  const disk = new MemoryDisk();
  putSegment(disk, bytes, firstLsn);
  putIdentity(disk);
  return disk;
}

/** Puts an identity into the log directory of a disk; it names a segment and no place. */
export function putIdentity(
  disk: MemoryDisk,
  id: string = LOG_ID,
  epoch: number = 1,
  segment: number = 0,
): void {
  const fields = { id, epoch, segment, place: null, formatVersion: 1 };
  putText(disk, "identity.json", identityText(fields));
}

/** Puts a text file into the log directory of a disk. */
export function putText(disk: MemoryDisk, name: string, text: string): void {
  disk.put(`${DIRECTORY}/${name}`, new TextEncoder().encode(text));
}

/** Everything in the log directory: names and bytes. */
export function contentOf(disk: MemoryDisk): Map<string, Uint8Array> {
  return new Map(
    disk.namesIn(DIRECTORY).map((name) => [name, disk.bytesOf(`${DIRECTORY}/${name}`)]),
  );
}

/** A decision with two branches. */
export function committing(txn: bigint): LogRecord {
  const branches = ["orders", "billing"].map((participant, index) => ({
    participant,
    gid: `indoubt_${LOG_ID}_${txn}_${index}`,
    token: String(txn + 700n),
  }));
  return { type: "committing", txn, branches };
}

/** One piece after the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** A copy with one bit turned. */
export function withFlippedBit(bytes: Uint8Array, bit: number): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes);
  const byte = Math.floor(bit / 8);
  copy[byte] = (copy[byte] ?? 0) ^ 1 << bit % 8;
  return copy;
}
