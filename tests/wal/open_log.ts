/**
 * Logs on simulated machines, for the tests of the writer and of the log as a whole.
 */

import { assertEquals } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import { Log } from "../../src/wal/log.ts";
import type { LogModel } from "../../src/wal/model.ts";
import { parseSegmentName, segmentName } from "../../src/wal/segment_name.ts";
import { scanSegment } from "./scan_segment.ts";
import type { CallKind } from "../simulation/disk_calls.ts";
import type { ManualClock } from "../simulation/manual_clock.ts";
import type { MemoryDisk } from "../simulation/memory_disk.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { type SimulatedPlatform, simulatedPlatform } from "../simulation/simulated_platform.ts";
import { committing, DIRECTORY } from "./sample_segment.ts";

/** Power cuts that are tried. */
const POWER_CUTS = 20;

/** An open log and the machine that it is on. */
export interface OpenLog<Entry, Model extends LogModel<Entry>> {
  readonly log: Log<Entry>;
  readonly model: Model;
  readonly platform: SimulatedPlatform;
  readonly disk: MemoryDisk;
  readonly clock: ManualClock;
}

/** How a log is opened, besides the machine and the model. */
export interface Options {
  readonly segmentSize?: number;
  readonly checkpointInterval?: number;
}

/** Opens a log of any entries. */
export async function openWith<Entry, Model extends LogModel<Entry>>(
  model: Model,
  platform: SimulatedPlatform = simulatedPlatform(),
  options: Options = {},
): Promise<OpenLog<Entry, Model>> {
  const { clock, fileSystem: disk } = platform;
  const opening = Log.open<Entry>({ directory: DIRECTORY, platform, model, ...options });
  return { log: await clock.finish(opening), model, platform, disk, clock };
}

/** Opens a log of a coordinator's records. */
export function openLog(
  platform: SimulatedPlatform = simulatedPlatform(),
  options: Options = {},
): Promise<OpenLog<LogRecord, LiveState>> {
  return openWith<LogRecord, LiveState>(new LiveState(), platform, options);
}

/** Opens the log on a disk by another process, which closes it again; gives what it found. */
export async function stateOn(disk: MemoryDisk): Promise<LiveState> {
  const { log, model, clock } = await openLog(simulatedPlatform(disk));
  await clock.finish(log.close());
  return model;
}

/** Numbers of the transactions that another process finds on a disk. */
export async function transactionsOn(disk: MemoryDisk): Promise<bigint[]> {
  return (await stateOn(disk)).active.map(({ txn }) => txn);
}

/** First LSNs of the segments on a disk, oldest first. */
export function segmentsOn(disk: MemoryDisk): number[] {
  const lsns = disk.namesIn(DIRECTORY).map(parseSegmentName);
  return lsns.filter((lsn) => lsn !== null).sort((one, other) => one - other);
}

/** How an append of a decision ended: its LSN, or what its error says. */
export async function outcomeOf(
  log: Log<LogRecord>,
  txn: bigint,
): Promise<number | LogUnavailableError> {
  try {
    return await log.append(committing(txn));
  } catch (error) {
    if (error instanceof LogUnavailableError) return error;
    throw error;
  }
}

/** Whether a record is in the log, as its answer says. */
export function writtenOf(answer: number | LogUnavailableError): string {
  return answer instanceof LogUnavailableError ? answer.written : "durable";
}

/** Asserts that every power cut leaves these transactions. */
export async function assertDurable(disk: MemoryDisk, transactions: bigint[]): Promise<void> {
  for (let seed = 0; seed < POWER_CUTS; seed++) {
    assertEquals(await transactionsOn(disk.crash(new SeededRandom(seed))), transactions);
  }
}

/** A frame as it stands in a segment. */
export interface FoundFrame {
  readonly lsn: number;
  readonly tag: number | undefined;
  readonly unsynced: number;
}

/** The frames of the newest segment on a disk. */
export async function framesOn(disk: MemoryDisk): Promise<FoundFrame[]> {
  const frames: FoundFrame[] = [];
  const newest = segmentsOn(disk).at(-1) ?? 0;
  const platform = simulatedPlatform(disk.kill());
  await scanSegment(platform, DIRECTORY, newest, (body, lsn, _offset, unsynced) => {
    frames.push({ lsn, tag: body[0], unsynced });
  });
  return frames;
}

/** How many calls of a kind the disk has had since `from` of them. */
export function callsOf(disk: MemoryDisk, kind: CallKind, from: number = 0): number {
  return disk.calls.slice(from).filter((call) => call.kind === kind).length;
}

/** The path of a segment. */
export function pathOfSegment(firstLsn: number): string {
  return `${DIRECTORY}/${segmentName(firstLsn)}`;
}

/** Entries that are their own bytes, all kept for ever, in the order of the log. */
export class BytesModel implements LogModel<Uint8Array> {
  readonly entries: { lsn: number; body: number[] }[] = [];

  encode(entry: Uint8Array): Uint8Array {
    return entry;
  }

  decode(body: Uint8Array): Uint8Array | null {
    return (body[0] ?? 0) >= 200 ? null : body.slice();
  }

  reset(): void {
    this.entries.length = 0;
  }

  apply(entry: Uint8Array, lsn: number): void {
    this.entries.push({ lsn, body: [...entry.subarray(0, 8)] });
  }

  checkpoint(): Uint8Array[] | null {
    return null;
  }
}

/** Numbers of 32 bits that are added up, and restated as their sum. */
export class SumModel implements LogModel<number> {
  total = 0;

  encode(step: number): Uint8Array {
    return Uint8Array.of(16, step >>> 24, step >>> 16, step >>> 8, step);
  }

  decode(body: Uint8Array): number | null {
    return body[0] === 16 ? new DataView(body.buffer, body.byteOffset).getUint32(1) : null;
  }

  reset(): void {
    this.total = 0;
  }

  apply(step: number): void {
    this.total += step;
  }

  checkpoint(): number[] {
    return [this.total];
  }
}
