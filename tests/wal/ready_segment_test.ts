/**
 * Proves how a log is read whose newest segment was made ready ahead of time: what counts if the log has not
 * gone over to it, if a crash cut that off, and if something is damaged or missing.
 */

import { assertEquals } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { encodeRecord } from "../../src/wal/decisions/record.ts";
import { decodeHead, encodeHead, type VerdictRecord } from "../../src/wal/head.ts";
import { LogState } from "../../src/wal/log_state.ts";
import { recoverLog } from "../../src/wal/recovery.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import { verifyLog } from "../../src/wal/verify.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import {
  committing,
  DIRECTORY,
  EMPTY_CHECKPOINT,
  EPOCH,
  putIdentity,
  putSegment,
  sampleOfBodies,
  type SampleSegment,
  sampleSegment,
} from "./sample_segment.ts";

const IN_USE = 40;
const READY = 90;
/** Behind the last record of the one in use. */
const FOLLOWS = IN_USE + 3;

/** The segment in use: an opening and a decision. */
const inUse = sampleSegment([[committing(1n)]], { firstLsn: IN_USE, salt: 7 });

/** What a segment begins with that was made ready behind the one in use. */
const FIRST = encodeHead({ ...EPOCH, opening: 1, restated: false, after: IN_USE });
/** What opens it when the log goes over to it. */
const OPENING = [encodeHead({ ...EPOCH, follows: FOLLOWS }), encodeRecord(EMPTY_CHECKPOINT)];

/** A segment that was made ready, with further batches. */
function readySegment(...batches: readonly (readonly Uint8Array[])[]): SampleSegment {
  return sampleOfBodies([[FIRST], ...batches], { firstLsn: READY });
}

/** One that was gone over to, with a decision in the same batch. */
function begunSegment(txn: bigint): SampleSegment {
  return readySegment([...OPENING, encodeRecord(committing(txn))]);
}

/** A disk with these segments and an identity that names the first. */
function diskWith(segments: Readonly<Record<number, Uint8Array>>): MemoryDisk {
  const disk = new MemoryDisk();
  const firstLsns = Object.keys(segments).map(Number);
  for (const firstLsn of firstLsns) {
    putSegment(disk, segments[firstLsn] ?? new Uint8Array(), firstLsn);
  }
  putIdentity(disk, undefined, 1, firstLsns[0]);
  return disk;
}

async function recover(disk: MemoryDisk) {
  const model = new LiveState();
  const log = await recoverLog(simulatedPlatform(disk), DIRECTORY, model);
  return { log, transactions: model.active.map(({ txn }) => txn) };
}

Deno.test("recoverLog takes the segment in use for the newest while another waits behind it", async () => {
  const older = sampleSegment([[committing(9n)]], { firstLsn: 20 });
  const disk = diskWith({ 20: older.bytes, 40: inUse.bytes, 90: readySegment().bytes });
  const { log, transactions } = await recover(disk);
  assertEquals([transactions, log.found, log.harmless, log.nextLsn], [[1n], [], [], READY + 1]);
});

Deno.test("recoverLog takes the one alone that the log has gone over to", async () => {
  const ready = begunSegment(2n);
  for (const segments of [{ 40: inUse.bytes, 90: ready.bytes }, { 90: ready.bytes }]) {
    const { log, transactions } = await recover(diskWith(segments));
    assertEquals([transactions, log.found, log.nextLsn], [[2n], [], READY + 4]);
  }
});

Deno.test("recoverLog takes a beginning that was cut off anywhere for none", async () => {
  const { bytes, offsets } = begunSegment(2n);
  const [start = 0, , behindOpening = 0] = offsets.slice(1);
  // Zeros that were cut off are no different from those behind.
  const hasKept = (left: Uint8Array, length: number) =>
    bytes.subarray(0, length).every((byte, index) => byte === (left[index] ?? 0));
  for (let length = start; length < bytes.length; length++) {
    const left = bytes.slice().fill(0, length);
    const begun = hasKept(left, bytes.length) ? [2n] : [];
    const expected = hasKept(left, behindOpening) ? begun : [1n];
    const { log, transactions } = await recover(diskWith({ 40: inUse.bytes, 90: left }));
    assertEquals([transactions, log.found], [expected, []], `zeros from ${length} on`);
    const short = diskWith({ 40: inUse.bytes, 90: bytes.subarray(0, length) });
    const { log: ofShort, transactions: inShort } = await recover(short);
    const whole = length < behindOpening ? [1n] : [];
    assertEquals([inShort, ofShort.found], [whole, []], `cut at ${length}`);
  }
});

Deno.test("recoverLog misses the segment in use behind which another was made ready", async () => {
  const older = sampleSegment([[committing(9n)]], { firstLsn: 20 });
  const reason = `${segmentName(IN_USE)} is missing, which was in use when it was made ready`;
  for (const segments of [{ 20: older.bytes }, {}]) {
    const disk = diskWith({ ...segments, 90: readySegment().bytes });
    const { log } = await recover(disk);
    assertEquals(log.found, [{ file: segmentName(READY), reason }]);
    // A beginning that was cut off tells no more.
    const { bytes, offsets } = begunSegment(2n);
    const cut = diskWith({ ...segments, 90: bytes.subarray(0, offsets[2]) });
    assertEquals((await recover(cut)).log.found, [{ file: segmentName(READY), reason }]);
  }
});

Deno.test("recoverLog goes by a later segment than was in use when another was made ready", async () => {
  // It was removed, the log went on, and a power cut brought it back.
  const later = sampleSegment([[committing(3n)]], { firstLsn: FOLLOWS });
  const ready = readySegment().bytes;
  const disk = diskWith({ 40: inUse.bytes, [FOLLOWS]: later.bytes, 90: ready });
  const { log, transactions } = await recover(disk);
  assertEquals([transactions, log.found], [[3n], []]);
});

Deno.test("recoverLog finds damage in a segment that was made ready", async () => {
  const begun = begunSegment(2n);
  const longer = readySegment(OPENING, [encodeRecord(committing(3n))]);
  const cases = [{ ...begun, at: 0 }, { ...longer, at: 1 }, { ...longer, at: 2 }];
  for (const { bytes, offsets, at } of cases) {
    const damaged = bytes.slice();
    // Two bits of a byte, which no turned bit explains.
    damaged[(offsets[at] ?? 0) + 20]! ^= 3;
    const disk = diskWith({ 40: inUse.bytes, 90: damaged });
    const { log } = await recover(disk);
    const files = [...log.found, ...log.harmless].map(({ file }) => file);
    assertEquals(files.includes(segmentName(READY)), true, `frame ${at}`);
  }
  const unreadable = diskWith({ 40: inUse.bytes, 90: begun.bytes.slice().fill(0, 0, 300) });
  assertEquals((await recover(unreadable)).log.found.map(({ file }) => file), [segmentName(READY)]);
});

Deno.test("recoverLog needs nothing before a beginning whose first record is damaged", async () => {
  const { bytes, offsets } = readySegment(OPENING, [encodeRecord(committing(3n))]);
  bytes[(offsets[0] ?? 0) + 20]! ^= 3;
  const { log, transactions } = await recover(diskWith({ 90: bytes }));
  assertEquals([transactions, log.found, log.harmless.length], [[3n], [], 1]);
});

Deno.test("A segment that was made ready takes nothing from the verdicts that stand", () => {
  const verdict: VerdictRecord = {
    type: "verdict",
    kind: "damaged",
    epoch: 1,
    file: segmentName(0),
    reason: "it is gone",
    by: "recovery",
    at: EPOCH.started,
  };
  const state = new LogState(new LiveState());
  state.applyHead(EPOCH);
  state.applyHead(verdict);
  const epoch = { ...EPOCH, opening: 1, restated: false };
  state.applyHead({ ...epoch, after: 7 });
  assertEquals(state.damages, [verdict]);
  state.applyHead(epoch);
  assertEquals(state.damages, []);
});

Deno.test("An Epoch says behind which segment its own was made ready", () => {
  const epoch = { ...EPOCH, opening: 1, restated: false, after: 7 };
  assertEquals(decodeHead(encodeHead(epoch)), epoch);
});

Deno.test("verifyLog finds a log sound in which a segment waits", async () => {
  const disk = diskWith({ 40: inUse.bytes, 90: readySegment().bytes });
  const report = await verifyLog(simulatedPlatform(disk), DIRECTORY);
  assertEquals([report.verdict, report.found, report.harmless], ["sound", [], []]);
  assertEquals(report.decided.map(({ txn }) => txn), [1n]);
  assertEquals(report.nextOpening?.remove, [segmentName(IN_USE), segmentName(READY)]);
});
