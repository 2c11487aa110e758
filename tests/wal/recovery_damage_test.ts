/**
 * Proves what a log is found to say when something that was synced is gone or changed: all that is
 * readable counts, every loss is named, and no number that may have been used is used again.
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { encodeRecord, type LogRecord } from "../../src/wal/decisions/record.ts";
import { encodeHead, type VerdictRecord } from "../../src/wal/head.ts";
import { damageVerdict, type RecoveredLog, recoverLog } from "../../src/wal/recovery.ts";
import type { MemoryDisk } from "../simulation/memory_disk.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { BytesModel } from "./open_log.ts";
import {
  committing,
  DIRECTORY,
  diskWithSegment,
  EMPTY_CHECKPOINT,
  EPOCH,
  putSegment,
  sampleOfBodies,
  type SampleOptions,
  sampleSegment,
  withFlippedBit,
} from "./sample_segment.ts";

const NEWEST = 20;

async function recover(
  disk: MemoryDisk,
): Promise<RecoveredLog<LogRecord> & { transactions: bigint[] }> {
  const model = new LiveState();
  const log = await recoverLog(simulatedPlatform(disk), DIRECTORY, model);
  return { ...log, transactions: model.active.map(({ txn }) => txn) };
}

/** Turns a bit in the body of the frame with that index. */
function damaged(
  { bytes, offsets }: { bytes: Uint8Array; offsets: readonly number[] },
  index: number,
): Uint8Array {
  return withFlippedBit(bytes, 8 * ((offsets[index] ?? 0) + 14) + 3);
}

/** An older segment with transactions 1 and 2, and a newer one that restates 2 and has 3, 4 and 5. */
function twoSegments(): { older: ReturnType<typeof sampleSegment>; newer: typeof older } {
  const older = sampleSegment([[committing(1n)], [committing(2n)], [{ type: "end", txn: 1n }]]);
  const restated = new LiveState();
  restated.apply(committing(2n));
  const checkpoint = restated.checkpoint()[0] ?? EMPTY_CHECKPOINT;
  const batches = [[committing(3n)], [committing(4n)], [committing(5n)]];
  return { older, newer: sampleSegment(batches, { firstLsn: NEWEST, epoch: 2, checkpoint }) };
}

function diskWithTwo(older: Uint8Array, newer: Uint8Array): MemoryDisk {
  const disk = diskWithSegment(newer, NEWEST);
  putSegment(disk, older, 0);
  return disk;
}

Deno.test("recoverLog reads on behind a damaged record and names the place", async () => {
  const { newer } = twoSegments();
  const { transactions, found, nextLsn } = await recover(
    diskWithSegment(damaged(newer, 3), NEWEST),
  );
  assertEquals(transactions, [2n, 3n, 5n]);
  assertEquals(found.map(({ file }) => file), ["00000000000000000020.wal"]);
  const reason = found[0]?.reason ?? "";
  assertStringIncludes(reason, `at offset ${newer.offsets[3]} (LSN ${NEWEST + 3})`);
  assertStringIncludes(reason, "1 record is lost");
  assertStringIncludes(reason, `bit 3 of byte ${(newer.offsets[3] ?? 0) + 14}`);
  assert(nextLsn >= NEWEST + 5);
});

Deno.test("recoverLog counts what a larger damage has taken", async () => {
  const { newer } = twoSegments();
  const bytes = newer.bytes.slice().fill(0xff, newer.offsets[2], newer.offsets[4]);
  const { transactions, found } = await recover(diskWithSegment(bytes, NEWEST));
  assertEquals(transactions, [2n, 5n]);
  assertStringIncludes(found[0]?.reason ?? "", "2 records are lost");
});

Deno.test("recoverLog takes no account of damage that a later segment restates", async () => {
  const { older, newer } = twoSegments();
  for (const index of [0, 1, 2, 3]) {
    const disk = diskWithTwo(damaged(older, index), damaged(newer, 4));
    const { transactions, found } = await recover(disk);
    assertEquals(transactions, [2n, 3n, 4n], "the last batch is torn");
    assertEquals(found, []);
    const both = await recover(diskWithTwo(damaged(older, index), damaged(newer, 3)));
    assertEquals(both.transactions, [2n, 3n, 5n]);
    assertEquals(both.found.map(({ file }) => file), ["00000000000000000020.wal"]);
  }
});

Deno.test("recoverLog falls back on older segments where an opening is damaged", async () => {
  const { older, newer } = twoSegments();
  for (const index of [0, 1]) {
    const { transactions, found, id } = await recover(
      diskWithTwo(older.bytes, damaged(newer, index)),
    );
    assertEquals(transactions, [2n, 3n, 4n, 5n], `frame ${index} of the opening`);
    assert(found.length > 0);
    assert(found.every(({ file }) => file === "00000000000000000020.wal"));
    assertEquals(id, EPOCH.id);
  }
});

Deno.test("recoverLog reads what it can where an opening is damaged and nothing is older", async () => {
  const { newer } = twoSegments();
  const { transactions, found } = await recover(diskWithSegment(damaged(newer, 1), NEWEST));
  assertEquals(transactions, [3n, 4n, 5n]);
  assert(found.length > 0);
});

Deno.test("recoverLog loses nothing by one turned bit in a header", async () => {
  const { newer } = twoSegments();
  for (let bit = 0; bit < 128; bit++) {
    const disk = diskWithSegment(withFlippedBit(newer.bytes, bit), NEWEST);
    const { transactions, found } = await recover(disk);
    assertEquals([transactions, found], [[2n, 3n, 4n, 5n], []], `bit ${bit}`);
  }
});

Deno.test("recoverLog falls back on older segments where a header is beyond mending", async () => {
  const { older, newer } = twoSegments();
  for (const bytes of [new Uint8Array(), newer.bytes.slice().fill(0, 0, 16)]) {
    const { transactions, found, nextLsn } = await recover(diskWithTwo(older.bytes, bytes));
    assertEquals(transactions, [2n]);
    assertEquals(found.map(({ file }) => file), ["00000000000000000020.wal"]);
    assert(nextLsn > NEWEST + Math.floor(bytes.length / 100));
  }
});

Deno.test("recoverLog notices a segment under the name of another", async () => {
  const { older, newer } = twoSegments();
  const { transactions, found } = await recover(diskWithTwo(newer.bytes, older.bytes));
  assertEquals(transactions, []);
  assert(found.length > 0);
});

Deno.test("recoverLog takes a payload that is not that of its kind for damage", async () => {
  const opening = [encodeHead(EPOCH), encodeRecord(EMPTY_CHECKPOINT)];
  for (const body of [Uint8Array.of(2, 0xc1), Uint8Array.of(7, 0x80), Uint8Array.of(3)]) {
    const batches = [opening, [encodeRecord(committing(1n))], [body], [
      encodeRecord(committing(2n)),
    ]];
    const { bytes, offsets } = sampleOfBodies(batches);
    const { transactions, found } = await recover(diskWithSegment(bytes));
    assertEquals([transactions, found.length], [[1n, 2n], 1]);
    assertStringIncludes(found[0]?.reason ?? "", `offset ${offsets[3]}`);
  }
});

Deno.test("recoverLog names no more than a hundred payloads of a segment, and counts the rest", async () => {
  const opening = [encodeHead(EPOCH), encodeRecord(EMPTY_CHECKPOINT)];
  const wrong = Array.from({ length: 5000 }, () => [Uint8Array.of(3)]);
  const { bytes } = sampleOfBodies([opening, ...wrong, [encodeRecord(committing(2n))]]);
  const { transactions, found } = await recover(diskWithSegment(bytes));
  assertEquals([transactions, found.length], [[2n], 101]);
  assertEquals(found.at(-1)?.reason, "4900 more payloads are not those of their kinds");
});

Deno.test("recoverLog gives no number again that a damaged segment may have used", async () => {
  const many = Array.from({ length: 50 }, (_, txn) => [committing(BigInt(txn))]);
  const { bytes, offsets } = sampleSegment(many);
  for (const from of [0, 16, offsets[1] ?? 0, offsets[20] ?? 0]) {
    const broken = bytes.slice().fill(0x55, from, offsets[45]);
    const { nextLsn, found } = await recover(diskWithSegment(broken));
    assert(found.length > 0);
    assert(nextLsn >= 52, `bytes from ${from} gave LSN ${nextLsn} again`);
  }
});

/** A log of bytes that are all kept; each segment holds its Epoch and these bodies. */
function keptSegment(bodies: number[], options: SampleOptions): Uint8Array {
  const epoch = encodeHead({ ...EPOCH, opening: 1, restated: false });
  return sampleOfBodies([[epoch], ...bodies.map((body) => [Uint8Array.of(16, body)])], options)
    .bytes;
}

async function recoverKept(disk: MemoryDisk): Promise<[number[], string[]]> {
  const model = new BytesModel();
  const { found } = await recoverLog(simulatedPlatform(disk), DIRECTORY, model);
  return [model.entries.map(({ body }) => body[1] ?? -1), found.map(({ file }) => file)];
}

Deno.test("recoverLog reads every segment of a log whose entries are all kept", async () => {
  const disk = diskWithSegment(keptSegment([1, 2], { firstLsn: 0 }), 0);
  putSegment(disk, keptSegment([3, 4], { firstLsn: 3 }), 3);
  putSegment(disk, keptSegment([5], { firstLsn: 6 }), 6);
  assertEquals(await recoverKept(disk), [[1, 2, 3, 4, 5], []]);
});

Deno.test("recoverLog notices that a segment between others is missing", async () => {
  const disk = diskWithSegment(keptSegment([1, 2], { firstLsn: 0 }), 0);
  putSegment(disk, keptSegment([5], { firstLsn: 6 }), 6);
  assertEquals(await recoverKept(disk), [[1, 2, 5], ["00000000000000000006.wal"]]);
});

Deno.test("recoverLog notices that the end of a segment before another is missing", async () => {
  const whole = keptSegment([1, 2], { firstLsn: 0 });
  for (const older of [whole.subarray(0, -1), withFlippedBit(whole, 8 * whole.length - 1)]) {
    const disk = diskWithSegment(older, 0);
    putSegment(disk, keptSegment([3], { firstLsn: 3 }), 3);
    assertEquals(await recoverKept(disk), [[1, 3], ["00000000000000000003.wal"]]);
  }
});

Deno.test("damageVerdict says what, where, who and when", () => {
  const found = { file: "00000000000000000020.wal", reason: "a frame is damaged" };
  const expected: VerdictRecord = {
    type: "verdict",
    kind: "damaged",
    epoch: 4,
    by: "recovery",
    at: "2026-01-01T00:00:00.000Z",
    ...found,
  };
  assertEquals(damageVerdict(found, 4, "2026-01-01T00:00:00.000Z"), expected);
});
