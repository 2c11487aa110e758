/**
 * Reads the bytes of one of pgdog's segments: the records up to the first place that is none, and
 * what is there. The records before a bad place count in every case. What a bad end means, a crash
 * or damage, is for `verdict.ts` to say.
 *
 * @module
 */

import { crc32c } from "../core.ts";
import {
  hasPgdogHeader,
  PGDOG_FRAME_HEADER_LENGTH,
  PGDOG_HEADER_LENGTH,
  readU32,
} from "./format.ts";
import { decodePgdogRecord, isPgdogTag, type PgdogRecord } from "./record.ts";

/** How a segment ends, in the order in which it is found out. */
export type PgdogSegmentEnd =
  /** The file is shorter than a header or begins with another magic. */
  | { readonly kind: "bad_segment_header"; readonly offset: number }
  /** No byte is left after the last record. */
  | { readonly kind: "clean"; readonly offset: number }
  /** Fewer bytes are left than a frame header has, or than its length asks for. */
  | { readonly kind: "torn_tail"; readonly offset: number; readonly unconsumed: number }
  /** The length is 0. */
  | { readonly kind: "empty_record"; readonly offset: number }
  /** The body is there and its checksum is wrong. */
  | {
    readonly kind: "crc";
    readonly offset: number;
    readonly stored: number;
    readonly computed: number;
  }
  /** The checksum is right, the tag unknown: a newer version wrote it. */
  | { readonly kind: "invalid_tag"; readonly offset: number; readonly tag: number }
  /** The checksum is right, the payload not that of its kind. */
  | { readonly kind: "decode"; readonly offset: number; readonly cause: TypeError };

/** What was read of a segment. */
export interface PgdogSegment {
  /** Number that the next record would have. */
  readonly nextLsn: number;
  /** Offset behind the last record, or behind the header; `null` if the header is bad. */
  readonly lastGoodOffset: number | null;
  /** What is there. */
  readonly end: PgdogSegmentEnd;
}

/** Where a record stands. */
export interface PgdogPlace {
  /** Number of the record. */
  readonly lsn: number;
  /** Offset of its frame. */
  readonly offset: number;
  /** Length of its frame, header included. */
  readonly length: number;
  /** Its tag. */
  readonly tag: number;
}

/** Takes one record. */
export type VisitPgdogRecord = (record: PgdogRecord, place: PgdogPlace) => void;

/**
 * Reads a segment.
 *
 * @param bytes The whole file.
 * @param firstLsn Number of the segment's first record, from its name.
 * @param visit Is called for each record, in order. What it is given may be kept.
 * @returns How the segment ends.
 * @throws {RangeError} If a record's number is no safe integer.
 */
export function readPgdogSegment(
  bytes: Uint8Array,
  firstLsn: number,
  visit: VisitPgdogRecord,
): PgdogSegment {
  if (!hasPgdogHeader(bytes)) {
    const end: PgdogSegmentEnd = { kind: "bad_segment_header", offset: 0 };
    return { nextLsn: firstLsn, lastGoodOffset: null, end };
  }
  let offset = PGDOG_HEADER_LENGTH;
  for (let lsn = firstLsn;; lsn++) {
    if (!Number.isSafeInteger(lsn)) {
      throw new RangeError(
        `Cannot read a segment of pgdog: its records are numbered from ${firstLsn} beyond ` +
          `${Number.MAX_SAFE_INTEGER}, which is the largest number that is read`,
      );
    }
    const next = readFrame(bytes, offset);
    if ("kind" in next) return { nextLsn: lsn, lastGoodOffset: offset, end: next };
    visit(next.record, { lsn, offset, length: next.length, tag: next.tag });
    offset += next.length;
  }
}

/** A whole frame. */
export interface PgdogFrame {
  /** The record in it. */
  readonly record: PgdogRecord;
  /** Its length, header included. */
  readonly length: number;
  /** Its tag. */
  readonly tag: number;
}

/**
 * Reads the frame at an offset.
 *
 * @param bytes The whole file.
 * @param offset Where the frame begins.
 * @returns The frame, or why there is none.
 */
export function readFrame(bytes: Uint8Array, offset: number): PgdogFrame | PgdogSegmentEnd {
  const left = bytes.length - offset;
  if (left === 0) return { kind: "clean", offset };
  if (left < PGDOG_FRAME_HEADER_LENGTH) return { kind: "torn_tail", offset, unconsumed: left };
  const bodyLength = readU32(bytes, offset);
  if (bodyLength === 0) return { kind: "empty_record", offset };
  const length = PGDOG_FRAME_HEADER_LENGTH + bodyLength;
  if (length > left) return { kind: "torn_tail", offset, unconsumed: left };
  const body = bytes.subarray(offset + PGDOG_FRAME_HEADER_LENGTH, offset + length);
  const stored = readU32(bytes, offset + 4);
  const computed = crc32c(body);
  if (stored !== computed) return { kind: "crc", offset, stored, computed };
  const tag = body[0] ?? 0;
  if (!isPgdogTag(tag)) return { kind: "invalid_tag", offset, tag };
  try {
    return { record: decodePgdogRecord(body), length, tag };
  } catch (cause) {
    if (cause instanceof TypeError) return { kind: "decode", offset, cause };
    throw cause;
  }
}
