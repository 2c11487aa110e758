/**
 * Proves, case by case, that no change of a segment's bytes makes the log read a record that was
 * not written, or lose one that a later record promises to have been synced without saying so: each
 * bit is turned, the file is cut at each byte, and each run of sectors is zeroed or replaced. What
 * may be lost in silence is what nothing behind it vouches for: the last batch.
 */

import { assert, assertEquals } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { Log } from "../../src/wal/log.ts";
import { recoverLog } from "../../src/wal/recovery.ts";
import type { Damage } from "../../src/wal/segment_scan.ts";
import { scanSegment } from "./scan_segment.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { committing, DIRECTORY, joined, withFlippedBit } from "./sample_segment.ts";

const PATH = `${DIRECTORY}/${segmentName(0)}`;
const SEGMENT_HEADER = 16;
const FRAME_HEADER = 16;
const SECTOR = 512;

/** A frame of the undamaged segment. Its number is its LSN. */
interface Frame {
  readonly offset: number;
  readonly end: number;
  /** All records below this number were synced when this one was written. */
  readonly promise: number;
  readonly body: Uint8Array;
}

/** What is read of a segment. */
interface Reading {
  readonly lsns: ReadonlySet<number>;
  readonly damages: readonly Damage[];
}

/** A segment as the log itself writes it: an opening, participants, batches with a sync each. */
async function written(): Promise<{ disk: MemoryDisk; bytes: Uint8Array; frames: Frame[] }> {
  const disk = new MemoryDisk();
  const platform = simulatedPlatform(disk);
  const { clock } = platform;
  const options = { directory: DIRECTORY, platform, model: new LiveState() };
  const log = await clock.finish(Log.open<LogRecord>(options));
  const batches: LogRecord[][] = [
    ["orders", "billing"].map((name) => ({ type: "participant", name, kind: "k", identity: name })),
    [committing(1n)],
    [{ type: "begin", txn: 2n, branches: [] }, committing(3n), committing(2n)],
    [committing(4n)],
    [committing(5n), { type: "end", txn: 4n }, committing(6n)],
  ];
  for (const [index, batch] of batches.entries()) {
    if (index > 1) log.appendLazily({ type: "end", txn: BigInt(index - 1) });
    await clock.finish(Promise.all(batch.map((record) => log.append(record))));
  }
  const bytes = disk.bytesOf(PATH);
  await clock.finish(log.close());
  return { disk, bytes, frames: framesIn(bytes) };
}

function framesIn(bytes: Uint8Array): Frame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames: Frame[] = [];
  for (let offset = SEGMENT_HEADER; offset < bytes.length;) {
    const end = offset + FRAME_HEADER + view.getUint32(offset + 4, true);
    const promise = frames.length - view.getUint32(offset + 12, true);
    frames.push({ offset, end, promise, body: bytes.slice(offset + FRAME_HEADER, end) });
    offset = end;
  }
  return frames;
}

const { disk: sound, bytes: whole, frames } = await written();

/** Reads changed bytes; fails if a record is read that is not the one written under its number. */
async function read(disk: MemoryDisk): Promise<Reading> {
  const lsns = new Set<number>();
  const platform = simulatedPlatform(disk);
  const { damages } = await scanSegment(platform, DIRECTORY, 0, (body, lsn, _, unsynced) => {
    const frame = frames[lsn];
    assert(frame !== undefined, `record ${lsn} was never written`);
    assertEquals(lsn - unsynced, frame.promise);
    assert(body.every((byte, index) => byte === frame.body[index]), `record ${lsn} is another one`);
    assertEquals(body.length, frame.body.length);
    lsns.add(lsn);
  });
  return { lsns, damages };
}

/**
 * Fails if anything but the last batch is lost in silence, or if what is whole and synced is not
 * read.
 */
async function assertSafe(bytes: Uint8Array): Promise<void> {
  const disk = sound.kill();
  disk.put(PATH, bytes);
  const { lsns, damages } = await read(disk);
  const intact = frames.filter((frame, lsn) => lsns.has(lsn) || isWhole(frame, bytes));
  const vouchedFor = Math.max(0, ...intact.map(({ promise }) => promise));
  const lost = frames.keys().filter((lsn) => !lsns.has(lsn)).toArray();
  for (const lsn of lost.filter((lsn) => lsn < vouchedFor)) {
    const isTold = damages.some((one) => one.offset === 0 || one.lsn <= lsn && lsn < one.nextLsn);
    assert(isTold, `record ${lsn} is lost, and nothing is said`);
  }
  const isReadable = !damages.some(({ nextLsn, offset }) => offset === 0 && nextLsn === 0) ||
    lsns.size > 0;
  const sure = Math.max(
    0,
    ...frames.filter((one) => isWhole(one, bytes)).map((one) => one.promise),
  );
  for (const [lsn, frame] of frames.entries()) {
    const isSure = isReadable && lsn < sure && isWhole(frame, bytes);
    assert(!isSure || lsns.has(lsn), `record ${lsn} is whole and synced, and not read`);
  }
  await assertRecovers(disk, lsns, lost.some((lsn) => lsn < vouchedFor));
}

/** Whether a frame is where it was and as it was. */
function isWhole({ offset, end }: Frame, bytes: Uint8Array): boolean {
  if (end > bytes.length) return false;
  return whole.subarray(offset, end).every((byte, index) => byte === bytes[offset + index]);
}

/** What recovery makes of it: exactly the records that were read, and a verdict if one is due. */
async function assertRecovers(
  disk: MemoryDisk,
  lsns: ReadonlySet<number>,
  isDamaged: boolean,
): Promise<void> {
  const live = new LiveState();
  const { found, nextLsn } = await recoverLog(simulatedPlatform(disk), DIRECTORY, live);
  const expected = new LiveState();
  for (const lsn of lsns) {
    const record = expected.decode(frames[lsn]?.body ?? new Uint8Array([5]));
    if (record !== null) expected.apply(record);
  }
  assertEquals(live.active, expected.active);
  assertEquals(live.participants, expected.participants);
  const isOpened = lsns.has(0) && lsns.has(1);
  assertEquals(found.length > 0, isDamaged || !isOpened, found.map(({ reason }) => reason).join());
  assert(nextLsn > Math.max(-1, ...lsns), `number ${nextLsn} was given out before`);
}

/** Defines a test that says how many cases it has. */
function cases(what: string, list: readonly (() => Promise<void>)[]): void {
  Deno.test(`No wrong record and no silent loss: ${what}, ${list.length} cases`, async () => {
    for (const [index, run] of list.entries()) {
      await run().catch((cause) => {
        throw new Error(`case ${index}: ${cause}`, { cause });
      });
    }
  });
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

cases(
  "each bit turned",
  upTo(8 * whole.length).map((bit) => () => assertSafe(withFlippedBit(whole, bit))),
);

cases(
  "cut at each byte, with and without zeros behind it",
  upTo(whole.length + 1).flatMap((length) =>
    [0, 1, SECTOR, whole.length].map((zeros) => () => {
      const bytes = new Uint8Array(length + zeros);
      bytes.set(whole.subarray(0, length));
      return assertSafe(bytes);
    })
  ),
);

/** The segment with its frames in another order, some twice, some not at all. */
function arranged(order: readonly number[]): Uint8Array<ArrayBuffer> {
  const parts = order.map((lsn) => whole.subarray(frames[lsn]?.offset, frames[lsn]?.end));
  return joined([whole.subarray(0, SEGMENT_HEADER), ...parts]);
}

const ORDER = upTo(frames.length);

cases(
  "frames in wrong places: left out, doubled, exchanged",
  ORDER.flatMap((one) => [
    () => assertSafe(arranged(ORDER.toSpliced(one, 1))),
    ...ORDER.flatMap((other) => [
      () => assertSafe(arranged(ORDER.toSpliced(other, 0, one))),
      () => assertSafe(arranged(ORDER.with(one, other))),
      () => assertSafe(arranged(ORDER.with(one, other).with(other, one))),
    ]),
  ]),
);

const SECTORS = Math.ceil(whole.length / SECTOR);
const RUNS = upTo(SECTORS).flatMap((first) =>
  upTo(SECTORS - first).map((count) => [first * SECTOR, (first + count + 1) * SECTOR] as const)
);

cases(
  "each run of sectors zeroed, as noise, or as other sectors of the file",
  RUNS.flatMap(([start, end]) =>
    upTo(12).map((kind) => () => {
      const random = new SeededRandom(kind);
      const bytes = whole.slice();
      const part = bytes.subarray(start, end);
      if (kind === 0) part.fill(0);
      else if (kind < 6) part.set(whole.subarray((kind - 1) * SECTOR).subarray(0, part.length));
      else random.fill(part);
      return assertSafe(bytes);
    })
  ),
);

Deno.test("The segment of these cases has what they are about", () => {
  assert(frames.length >= 14 && whole.length > 2 * SECTOR, `${frames.length}, ${whole.length}`);
  assert(frames.some(({ promise }, lsn) => promise < lsn), "batches of several records");
});
