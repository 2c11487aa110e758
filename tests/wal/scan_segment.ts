/**
 * Reads a segment on a disk: as a whole, as who inspects a log does, and in pieces, as an opening does. Both must
 * find the same, wherever the pieces begin.
 */

import { assertEquals } from "@std/assert";
import type { Platform } from "../../src/platform/platform.ts";
import { SegmentScanner } from "../../src/wal/core.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import {
  LoadedSegment,
  readSegment,
  type SegmentScan,
  type VisitDamage,
  type VisitFrame,
} from "../../src/wal/segment_scan.ts";
import { SegmentWindow, TABLE_FRAMES } from "../../src/wal/segment_window.ts";

/** Larger ones are read in one way only. */
const MOST_COMPARED = 65_536;
const PIECE_LENGTHS = [1, 13, 29, 250];

/**
 * Reads a segment, and makes sure that it is read the same in pieces.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @param firstLsn Number of the segment's first record, from its name.
 * @param onFrame Is called for each valid frame, in order.
 * @param onDamage Is called between the frames where some are missing.
 * @returns What it holds.
 * @throws Whatever the file system throws; a failed read is never taken for an end.
 */
export async function scanSegment(
  platform: Platform,
  directory: string,
  firstLsn: number,
  onFrame: VisitFrame,
  onDamage: VisitDamage = () => {},
): Promise<SegmentScan> {
  const file = segmentName(firstLsn);
  const { fileSystem } = platform;
  using segment = await LoadedSegment.load(fileSystem, directory, file);
  const { length } = segment;
  if (length > MOST_COMPARED) return segment.scan(firstLsn, onFrame, onDamage);
  const whole: unknown[] = [];
  const scan = segment.scan(firstLsn, (body, lsn, offset, unsynced) => {
    whole.push([body.toHex(), lsn, offset, unsynced]);
    onFrame(body, lsn, offset, unsynced);
  }, (damage) => {
    whole.push(damage);
    onDamage(damage);
  });
  // One of the lengths; the smallest only where that is done soon.
  const pieceLength = PIECE_LENGTHS[length < 1000 ? length % 4 : 1 + length % 3]!;
  const pieces: unknown[] = [];
  using scanner = new SegmentScanner(TABLE_FRAMES);
  await using window = await SegmentWindow.open(fileSystem, directory, file, scanner, pieceLength);
  const again = await readSegment(window, file, firstLsn, {
    onFrame: (body, lsn, offset, unsynced) => pieces.push([body.toHex(), lsn, offset, unsynced]),
    onDamage: (damage) => pieces.push(damage),
  });
  assertEquals([again, pieces], [scan, whole], `read in pieces of ${pieceLength} bytes`);
  return scan;
}
