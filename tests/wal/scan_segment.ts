/**
 * Reads a segment on a disk, as a reading of the log does one after another.
 */

import type { Platform } from "../../src/platform/platform.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import {
  LoadedSegment,
  type SegmentScan,
  type VisitDamage,
  type VisitFrame,
} from "../../src/wal/segment_scan.ts";

/**
 * Reads a segment.
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
  using segment = await LoadedSegment.load(platform.fileSystem, directory, file);
  return segment.scan(firstLsn, onFrame, onDamage);
}
