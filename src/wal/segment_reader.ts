/**
 * Reads one segment from beginning to end and says how it ends. It hands out only frames that are valid
 * in their place, and tells an end from damage: the first invalid frame is the end (clean, or torn by a
 * crash) unless a later valid frame promises that what stood there was synced.
 *
 * @module
 */

import type { FileHandle } from "../platform/file_system.ts";
import type { Platform } from "../platform/platform.ts";
import { NO_PROMISE, SegmentScanner, StopKind, TABLE_COLUMNS } from "./core.ts";
import { LogCorruptedError, LogVersionError } from "./errors.ts";
import { decodeSegmentHeader, FRAME_HEADER_LENGTH, SEGMENT_HEADER_LENGTH } from "./format.ts";
import { pathOf, segmentName } from "./segment_name.ts";

/** The largest segment that is read, in bytes. */
export const MAX_SEGMENT_LENGTH = 1_073_741_824;

const TABLE_FRAMES = 4096;
const READ_PIECE = 1_048_576;

/** What was read of a segment. */
export interface SegmentEnd {
  /** `clean`: the last frame ends with the file. `torn`: bytes that are no frame follow it. */
  readonly kind: "clean" | "torn";
  /** Offset behind the last valid frame. */
  readonly offset: number;
  /** Number that the next record would have. */
  readonly nextLsn: number;
}

/** Takes one frame: its body (valid only during the call), its LSN and its offset. */
export type VisitFrame = (body: Uint8Array, lsn: number, offset: number) => void;

/**
 * Reads a segment.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @param firstLsn Number of the segment's first record, from its name.
 * @param visit Is called for each valid frame, in order.
 * @returns How it ends.
 * @throws {LogCorruptedError} If something that was synced is not there any more.
 * @throws {LogVersionError} If a newer version wrote it.
 */
export async function readSegment(
  platform: Platform,
  directory: string,
  firstLsn: number,
  visit: VisitFrame,
): Promise<SegmentEnd> {
  const name = segmentName(firstLsn);
  using scanner = new SegmentScanner(TABLE_FRAMES);
  const file = await platform.fileSystem.open(pathOf(directory, name), "read");
  let length: number;
  try {
    length = await load(file, scanner, directory, name);
  } finally {
    file.close();
  }
  const header = decodeSegmentHeader(scanner.bytes().subarray(0, length), firstLsn);
  if ("kind" in header) {
    if (header.kind === "newer-version") {
      throw new LogVersionError(directory, { file: name, offset: 0 }, header.found);
    }
    throw new LogCorruptedError(
      directory,
      { file: name, offset: 0 },
      `${HEADER_FAULTS[header.kind]}, keep the directory as it is and restore it from a backup`,
    );
  }
  let offset = SEGMENT_HEADER_LENGTH;
  let lsn = firstLsn;
  do {
    const count = scanner.scan(offset, length, header.salt, lsn);
    visitTable(scanner, count, lsn, visit);
    offset = scanner.stopOffset();
    lsn = scanner.stopLsn();
  } while (scanner.stopKind() === StopKind.TableFull);
  if (scanner.stopKind() === StopKind.Clean) return { kind: "clean", offset, nextLsn: lsn };
  assertTorn(scanner, { directory, name, offset, length, salt: header.salt, lsn });
  return { kind: "torn", offset, nextLsn: lsn };
}

const HEADER_FAULTS = {
  "too-short": "it is shorter than a segment header",
  "bad-magic": "it does not begin as a segment does",
  "bad-checksum": "the checksum of its header differs, or it was renamed",
} as const;

async function load(
  file: FileHandle,
  scanner: SegmentScanner,
  directory: string,
  name: string,
): Promise<number> {
  const length = await file.size();
  if (length > MAX_SEGMENT_LENGTH) {
    throw new LogCorruptedError(
      directory,
      { file: name },
      `it has ${length} bytes, a segment has at most ${MAX_SEGMENT_LENGTH}`,
    );
  }
  scanner.reserve(length);
  const piece = new Uint8Array(Math.min(READ_PIECE, Math.max(length, 1)));
  let loaded = 0;
  while (loaded < length) {
    const count = await file.read(
      piece.subarray(0, Math.min(piece.length, length - loaded)),
      loaded,
    );
    if (count === 0) break;
    scanner.bytes().set(piece.subarray(0, count), loaded);
    loaded += count;
  }
  return loaded;
}

function visitTable(
  scanner: SegmentScanner,
  count: number,
  firstLsn: number,
  visit: VisitFrame,
): void {
  const table = scanner.table().slice(0, count * TABLE_COLUMNS);
  for (let row = 0; row < count; row++) {
    const offset = table[row * TABLE_COLUMNS] ?? 0;
    const bodyLength = table[row * TABLE_COLUMNS + 1] ?? 0;
    const start = offset + FRAME_HEADER_LENGTH;
    visit(scanner.bytes().subarray(start, start + bodyLength), firstLsn + row, offset);
  }
}

interface Stop {
  readonly directory: string;
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly salt: number;
  readonly lsn: number;
}

function assertTorn(scanner: SegmentScanner, stop: Stop): void {
  const { directory, name, offset, length, salt, lsn } = stop;
  const found = scanner.findPromise(offset, length, salt, lsn);
  if (found === NO_PROMISE) return;
  throw new LogCorruptedError(
    directory,
    { file: name, offset, lsn },
    `the record is damaged, since a later one at offset ${found} promises that it was synced: ` +
      "keep the directory as it is and restore it from a backup",
  );
}
