/**
 * A small segment for the tests of reading, and what must be read of it.
 */

import { assertEquals } from "@std/assert";
import type { Damage, SegmentScan } from "../../src/wal/segment_scan.ts";
import { scanSegment } from "./scan_segment.ts";
import type { MemoryDisk } from "../simulation/memory_disk.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import {
  DIRECTORY,
  diskWithSegment,
  sampleOfBodies,
  type SampleSegment,
} from "./sample_segment.ts";

/** First LSN of the sample. */
export const FIRST = 40;

/** Three batches; each of the last two promises that the ones before were synced. */
export const BATCHES = [
  [Uint8Array.of(5, 1), Uint8Array.of(4, 2, 2)],
  [Uint8Array.of(2, 3), Uint8Array.of(3, 4, 4, 4), Uint8Array.of(2, 5)],
  [Uint8Array.of(3, 6, 6), Uint8Array.of(2, 7, 7, 7), Uint8Array.of(9)],
];
/** The bodies of the sample, one after the other. */
export const BODIES = BATCHES.flat();
/** The sample. */
export const SAMPLE = sampleOfBodies(BATCHES, { firstLsn: FIRST });

/** Number of the first frame of the last batch: what is behind it nobody has promised. */
export const UNPROMISED = 5;

/** One frame that was handed out. */
export interface Visit {
  readonly body: readonly number[];
  readonly lsn: number;
  readonly offset: number;
}

/** What a scan has given. */
export interface Reading extends SegmentScan {
  readonly visits: readonly Visit[];
}

/** Reads the segment on a disk. */
export async function read(disk: MemoryDisk): Promise<Reading> {
  const visits: Visit[] = [];
  const damages: Damage[] = [];
  const scan = await scanSegment(
    simulatedPlatform(disk),
    DIRECTORY,
    FIRST,
    (body, lsn, offset) => visits.push({ body: [...body], lsn, offset }),
    (damage) => damages.push(damage),
  );
  assertEquals(damages, scan.damages);
  assertEquals(disk.openFiles, []);
  return { ...scan, visits };
}

/** Reads these bytes as a segment. */
export function readBytes(bytes: Uint8Array): Promise<Reading> {
  return read(diskWithSegment(bytes, FIRST));
}

/** What must be visited if exactly these frames are readable. */
export function visitsOf(
  { offsets }: SampleSegment,
  bodies: readonly Uint8Array[],
  readable: (index: number) => boolean = () => true,
): Visit[] {
  return bodies
    .map((body, index) => ({ body: [...body], lsn: FIRST + index, offset: offsets[index] ?? -1 }))
    .filter((_, index) => readable(index));
}

/** Asserts that the first `count` frames are read, then the end. */
export function assertPrefix(reading: Reading, count: number, kind: string, text: string): void {
  assertEquals(reading.visits, visitsOf(SAMPLE, BODIES, (index) => index < count), text);
  const { offset, nextLsn } = reading.end;
  assertEquals([reading.end.kind, offset, nextLsn], [kind, SAMPLE.offsets[count], FIRST + count]);
  assertEquals(reading.damages, [], text);
}
