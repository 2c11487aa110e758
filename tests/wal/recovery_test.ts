/**
 * Proves what a log is found to say when nothing in it is damaged: the newest segment says
 * everything, a torn end is an end, other files do not matter, and reading changes nothing.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { encodeRecord, type LogRecord } from "../../src/wal/decisions/record.ts";
import { LogCorruptedError, LogVersionError } from "../../src/wal/errors.ts";
import { FRAME_HEADER_LENGTH } from "../../src/wal/format.ts";
import { type RecoveredLog, recoverLog } from "../../src/wal/recovery.ts";
import { parseSegmentName } from "../../src/wal/segment_name.ts";
import { DiskError } from "../simulation/disk_calls.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import {
  committing,
  contentOf,
  DIRECTORY,
  diskWithSegment,
  headerByHand,
  joined,
  LOG_ID,
  putIdentity,
  putSegment,
  putText,
  SALT,
  sampleOfBodies,
  sampleSegment,
  withFlippedBit,
} from "./sample_segment.ts";

interface Found {
  readonly log: RecoveredLog<LogRecord>;
  readonly transactions: bigint[];
  readonly model: LiveState;
}

/** Reads a log, and makes sure that this changes nothing and leaves nothing open. */
async function recover(disk: MemoryDisk): Promise<Found> {
  const before = contentOf(disk);
  const model = new LiveState();
  model.apply(committing(666n));
  try {
    const log = await recoverLog(simulatedPlatform(disk), DIRECTORY, model);
    return { log, transactions: model.active.map(({ txn }) => txn), model };
  } finally {
    assertEquals(contentOf(disk), before);
    const reading = ["list", "open", "size", "read"];
    assert(disk.calls.every(({ kind }) => reading.includes(kind)), "recovery changed the disk");
    assertEquals(disk.openFiles, []);
  }
}

const BATCHES = [[committing(1n)], [committing(2n), { type: "end", txn: 1n } as const]];

Deno.test("recoverLog finds nothing in an empty directory", async () => {
  const disk = new MemoryDisk();
  putText(disk, ".lock", "");
  const { log, transactions } = await recover(disk);
  assertEquals(transactions, []);
  assertEquals([log.first, log.id, log.nextLsn, log.epoch, log.found], [true, null, 0, 0, []]);
});

Deno.test("recoverLog folds every record of the newest segment", async () => {
  const participant = { type: "participant", name: "a", kind: "k", identity: "i" } as const;
  const sample = sampleSegment([...BATCHES, [participant]], { firstLsn: 50, epoch: 7 });
  const { log, transactions, model } = await recover(diskWithSegment(sample.bytes, 50));
  assertEquals(transactions, [2n]);
  assertEquals([...model.participants.keys()], ["a"]);
  assertEquals([log.first, log.id, log.nextLsn, log.epoch], [false, LOG_ID, 56, 7]);
  assertEquals([log.found, log.state.damages], [[], []]);
});

Deno.test("recoverLog takes nothing from older segments where the newest restates everything", async () => {
  const disk = diskWithSegment(sampleSegment(BATCHES, { firstLsn: 9 }).bytes, 9);
  putSegment(disk, new Uint8Array(30), 0);
  putSegment(disk, withFlippedBit(sampleSegment([[committing(8n)]]).bytes, 200), 4);
  const { log, transactions } = await recover(disk);
  assertEquals([transactions, log.found, log.nextLsn], [[2n], [], 14]);
});

Deno.test("recoverLog names what is damaged in older segments, though nothing depends on it", async () => {
  const disk = diskWithSegment(sampleSegment(BATCHES, { firstLsn: 90 }).bytes, 90);
  const whole = sampleSegment([[committing(8n)], [committing(9n)]], { firstLsn: 80 });
  const payload = sampleOfBodies([...sampleBodies(), [Uint8Array.of(2, 0xc1)]], { firstLsn: 40 });
  putSegment(disk, new Uint8Array(), 0);
  putSegment(disk, headerByHand({ version: 2, firstLsn: 10 }), 10);
  putSegment(disk, whole.bytes, 20);
  putSegment(disk, sampleSegment([], { firstLsn: 30 }).bytes.subarray(0, -1), 30);
  putSegment(disk, payload.bytes, 40);
  putSegment(disk, withFlippedBit(sampleSegment([], { firstLsn: 50 }).bytes, 1), 50);
  putSegment(disk, whole.bytes.subarray(0, -1), 80);
  const { log } = await recover(disk);
  const files = new Set(log.harmless.map(({ file }) => parseSegmentName(file)));
  assertEquals(files, new Set([0, 10, 20, 30, 40, 50]));
  assertEquals([log.found, log.unread], [[], []]);
});

Deno.test("recoverLog opens where an older segment cannot be read, and says which", async () => {
  const disk = diskWithSegment(sampleSegment(BATCHES, { firstLsn: 9 }).bytes, 9);
  putSegment(disk, sampleSegment([]).bytes, 0);
  disk.fail({ kind: "size", skip: 1 });
  const { log, transactions } = await recover(disk);
  assertEquals([transactions, log.found, log.harmless], [[2n], [], []]);
  assertEquals(log.unread, ["00000000000000000000.wal"]);
});

Deno.test("recoverLog takes a batch that is cut off anywhere for the end", async () => {
  const { bytes, offsets } = sampleSegment(BATCHES);
  const [start = 0, middle = 0] = offsets.slice(3);
  for (let length = start; length < bytes.length; length++) {
    const { log, transactions } = await recover(diskWithSegment(bytes.subarray(0, length)));
    const count = length >= middle ? 4 : 3;
    assertEquals(transactions, [1n, 2n].slice(0, count - 2), `cut at ${length}`);
    assertEquals([log.nextLsn, log.found], [count, []]);
  }
});

Deno.test("recoverLog takes a last batch that is zero, stale or out of order for the end", async () => {
  const { bytes, offsets } = sampleSegment(BATCHES);
  const zero = bytes.slice().fill(0, offsets[3]);
  const outOfOrder = bytes.slice().fill(0, offsets[3], offsets[4]);
  const stale = joined([bytes.subarray(0, offsets[3]), sampleSegment(BATCHES, { salt: 1 }).bytes]);
  for (const damaged of [zero, outOfOrder, stale]) {
    const { log, transactions } = await recover(diskWithSegment(damaged));
    assertEquals([transactions, log.nextLsn, log.found], [[1n], 3, []]);
  }
});

Deno.test("recoverLog ignores files that are none of the log's", async () => {
  const disk = diskWithSegment(sampleSegment(BATCHES).bytes);
  const strays = [
    "7.wal",
    "+10.wal",
    "README",
    "00000000000000000099.wal.bak",
    "next-0.unfinished",
  ];
  for (const name of strays) putText(disk, name, "somebody else's");
  putText(disk, "00000000000000000999.wal.unfinished", "half made");
  const { log, transactions } = await recover(disk);
  assertEquals([transactions, log.found, log.nextLsn < 999], [[2n], [], true]);
});

Deno.test("recoverLog gives no number again that a segment set aside may have used", async () => {
  const disk = diskWithSegment(sampleSegment(BATCHES).bytes);
  putText(disk, "00000000000000000500.wal.broken-3", "damaged");
  assertEquals((await recover(disk)).log.nextLsn, 501);
});

Deno.test("recoverLog finds a first opening that was not finished", async () => {
  const disk = new MemoryDisk();
  putSegment(disk, sampleSegment([]).bytes);
  const { log } = await recover(disk);
  assertEquals([log.first, log.id, log.epoch, log.found], [true, LOG_ID, 1, []]);
  const unfinished = new MemoryDisk();
  putText(unfinished, "00000000000000000000.wal.unfinished", "half made");
  const { log: fresh } = await recover(unfinished);
  assertEquals([fresh.first, fresh.id, fresh.nextLsn, fresh.found], [true, null, 0, []]);
});

Deno.test("recoverLog gives no epoch again that the identity knows, and misses its segment", async () => {
  const disk = diskWithSegment(sampleSegment([], { epoch: 3 }).bytes);
  putIdentity(disk, LOG_ID, 9);
  const { log } = await recover(disk);
  assertEquals(log.epoch, 9);
  const reason = "it is of opening 3, but opening 9 must have begun one behind it";
  assertEquals(log.found, [{ file: "00000000000000000000.wal", reason }]);
});

Deno.test("recoverLog finds the identity also where a list lacks it", async () => {
  const disk = diskWithSegment(sampleSegment(BATCHES).bytes);
  for (const seed of [1, 2, 3, 4, 5]) {
    const left = disk.crash(new SeededRandom(seed));
    left.fail({ kind: "list", effect: "lost" });
    const { log } = await recover(left);
    assertEquals([log.id, log.first], [LOG_ID, false]);
  }
});

Deno.test("recoverLog believes an identity that it has seen once, and looks for it twice at most", async () => {
  const disk = diskWithSegment(sampleSegment(BATCHES).bytes);
  const platform = simulatedPlatform(disk);
  const { fileSystem } = platform;
  const recoverSeeing = async (seen: readonly boolean[]) => {
    let looks = 0;
    const open: typeof fileSystem.open = (path, mode) => {
      if (!path.endsWith("identity.json") || seen[looks++]) return fileSystem.open(path, mode);
      return Promise.reject(new Deno.errors.NotFound(path));
    };
    const flickering = new Proxy(fileSystem, {
      get: (target, name) => name === "open" ? open : Reflect.get(target, name).bind(target),
    });
    return await recoverLog({ ...platform, fileSystem: flickering }, DIRECTORY, new LiveState());
  };
  assertEquals((await recoverSeeing([false, true, false])).id, LOG_ID);
  await assertRejects(() => recoverSeeing([false, false, true]), LogCorruptedError, "it is gone");
});

Deno.test("recoverLog refuses a log that was used and has no identity", async () => {
  const used = [
    [sampleSegment(BATCHES).bytes, 0],
    // What an opening has restated, of which the older segments are gone.
    [sampleSegment([], { firstLsn: 9 }).bytes, 9],
    // Nobody knows what it held.
    [new Uint8Array(40), 0],
  ] as const;
  for (const [bytes, firstLsn] of used) {
    const disk = new MemoryDisk();
    putSegment(disk, bytes, firstLsn);
    const error = await assertRejects(() => recover(disk), LogCorruptedError, "it is gone");
    assertEquals(error.place, { file: "identity.json" });
  }
});

Deno.test("recoverLog refuses an identity and a log that do not belong together", async () => {
  const disk = diskWithSegment(sampleSegment(BATCHES).bytes);
  putIdentity(disk, "zzzzzzzzzzzz");
  const error = await assertRejects(() => recover(disk), LogCorruptedError, "zzzzzzzzzzzz");
  assertEquals(error.place, { file: "identity.json" });
  assert(error.message.includes(LOG_ID), error.message);
});

Deno.test("recoverLog finds that a log is lost", async () => {
  const disk = new MemoryDisk();
  putIdentity(disk, LOG_ID, 4);
  const { log } = await recover(disk);
  assertEquals([log.first, log.id, log.epoch, log.found.length], [false, LOG_ID, 4, 1]);
  assertEquals(log.found[0]?.file, "");
  const onlyBroken = new MemoryDisk();
  putText(onlyBroken, "00000000000000000500.wal.broken-3", "damaged");
  const broken = await recover(onlyBroken);
  assertEquals([broken.log.found.length, broken.log.nextLsn], [1, 501]);
});

Deno.test("recoverLog stops at a record kind that only a newer version knows", async () => {
  const bodies = [...BATCHES.flat().map(encodeRecord), Uint8Array.of(99, 1)];
  const { bytes, offsets } = sampleOfBodies([
    ...sampleBodies(),
    ...bodies.map((body) => [body]),
  ]);
  const disk = diskWithSegment(bytes);
  const error = await assertRejects(() => recover(disk), LogVersionError, "record kind 99");
  assertEquals(error.place, {
    file: "00000000000000000000.wal",
    offset: offsets.at(-2) ?? -1,
    lsn: 5,
  });
});

/** The opening of a sample, as bodies. */
function sampleBodies(): Uint8Array[][] {
  const { bytes, offsets } = sampleSegment([]);
  return offsets.slice(0, -1).map((offset, index) => [
    bytes.slice(offset + FRAME_HEADER_LENGTH, offsets[index + 1]),
  ]);
}

Deno.test("recoverLog stops at a segment that only a newer version knows", async () => {
  for (const newer of [{ version: 2 }, { features: 4 }]) {
    const header = headerByHand({ ...newer, salt: SALT, firstLsn: 0 });
    const disk = diskWithSegment(joined([header, sampleSegment(BATCHES).bytes.subarray(16)]));
    const error = await assertRejects(() => recover(disk), LogVersionError);
    assertEquals(error.place, { file: "00000000000000000000.wal", offset: 0 });
  }
});

Deno.test("recoverLog does not go on with a log of pgdog", async () => {
  const disk = diskWithSegment(new TextEncoder().encode("PG2W and then something else"));
  await assertRejects(() => recover(disk), LogCorruptedError, "pgdog");
});

Deno.test("recoverLog never takes what cannot be read for absent", async () => {
  const calls = await countCalls();
  for (let skip = 0; skip < calls; skip++) {
    const disk = diskWithSegment(sampleSegment(BATCHES).bytes);
    disk.fail({ skip });
    await assertRejects(() => recover(disk), DiskError);
  }
});

async function countCalls(): Promise<number> {
  const disk = diskWithSegment(sampleSegment(BATCHES).bytes);
  await recover(disk);
  return disk.calls.length;
}
