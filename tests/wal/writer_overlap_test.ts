/**
 * Proves what becomes of those who go ahead of a large company: they are on their way to the disk before the rest
 * of the turn comes, the rest follows while they are synced, and nothing else is different, whatever fails.
 */

import { assert, assertEquals } from "@std/assert";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import type { Log } from "../../src/wal/log.ts";
import { emptyMicrotasks, type ManualClock } from "../simulation/manual_clock.ts";
import type { MemoryDisk } from "../simulation/memory_disk.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { seededTest } from "../simulation/seeds.ts";
import { type SimulatedPlatform, simulatedPlatform } from "../simulation/simulated_platform.ts";
import { callsOf, openLog, outcomeOf, transactionsOn, writtenOf } from "./open_log.ts";
import { committing } from "./sample_segment.ts";

/** Large enough to be parted, and how many of it go ahead. */
const COMPANY = 64;
const AHEAD = 22;

/** So many batches until it is. */
const BATCHES = 9;

/** In one segment, of which no other is made ready meanwhile. */
const ONE_SEGMENT = 67_108_864;

/** So many transactions after which it is. */
const BEFORE = BATCHES * COMPANY;

/** A log whose company has been large for a while, and busy in between. */
async function openParted(
  platform: SimulatedPlatform = simulatedPlatform(),
  segmentSize = ONE_SEGMENT,
) {
  const opened = await openLog(platform, { segmentSize });
  const { log, clock } = opened;
  for (let batch = 0; batch < BATCHES; batch++) {
    await clock.finish(Promise.all(append(log, batch * COMPANY, COMPANY)));
    clock.advance(5);
  }
  return opened;
}

function append(log: Log<LogRecord>, first: number, count: number): Promise<number>[] {
  return Array.from({ length: count }, (_, index) => log.append(committing(BigInt(first + index))));
}

function kindsSince(disk: MemoryDisk, first: number): string[] {
  return disk.calls.slice(first).map(({ kind }) => kind);
}

function txns(count: number): bigint[] {
  return Array.from({ length: count }, (_, txn) => BigInt(txn));
}

Deno.test("LogWriter lets some of a large company go ahead, and the rest while they are synced", async () => {
  const { log, disk, clock } = await openParted();
  const first = disk.calls.length;
  const answered: number[] = [];
  const hold = disk.hold("syncData");
  const answers = append(log, BEFORE, COMPANY).map((one) => one.then((lsn) => answered.push(lsn)));
  assertEquals(kindsSince(disk, first), ["write", "syncData"]);
  await clock.settle();
  assertEquals([kindsSince(disk, first).length, answered], [2, []]);
  const next = disk.hold("syncData");
  hold.release();
  await clock.settle();
  assertEquals([kindsSince(disk, first).length, answered.length], [4, AHEAD]);
  next.release();
  await clock.finish(Promise.all(answers));
  const lsns = Array.from({ length: COMPANY }, (_, index) => answered[0]! + index);
  assertEquals(answered, lsns);
  await clock.finish(log.close());
});

Deno.test("LogWriter lets nobody go ahead before the company was large for a while", async () => {
  const { log, disk, clock } = await openLog();
  const first = disk.calls.length;
  const answers = append(log, 0, 10 * COMPANY);
  await emptyMicrotasks();
  assertEquals(kindsSince(disk, first), []);
  await clock.finish(Promise.all(answers));
  assertEquals(kindsSince(disk, first), ["write", "syncData"]);
  await clock.finish(log.close());
});

Deno.test("LogWriter writes the rest before those who went ahead go on", async () => {
  const { log, disk, clock } = await openParted();
  const hold = disk.hold("syncData");
  const first = disk.calls.length;
  const [ahead, ...others] = append(log, BEFORE, COMPANY);
  const written = ahead!.then(() => callsOf(disk, "write", first));
  const next = disk.hold("syncData");
  hold.release();
  assertEquals(await clock.finish(written), 2);
  next.release();
  await clock.finish(Promise.all(others));
  await clock.finish(log.close());
});

for (const kind of ["write", "syncData"] as const) {
  Deno.test(`LogWriter restates those who went ahead after a failed ${kind}, and the rest follows`, async () => {
    const { log, disk, clock } = await openParted();
    disk.fail({ kind });
    const lsns = await clock.finish(Promise.all(append(log, BEFORE, COMPANY)));
    assertEquals(lsns.toSorted((one, other) => one - other), lsns);
    assertEquals([new Set(lsns).size, log.failure], [COMPANY, null]);
    const expected = txns(BEFORE + COMPANY);
    assertEquals(await transactionsOn(disk.crash(new SeededRandom(1))), expected);
    await clock.finish(log.close());
    assertEquals(disk.openFiles, []);
  });
}

Deno.test("LogWriter says unknown to those who went ahead on a dead disk, no to the rest", async () => {
  const { log, disk, clock } = await openParted();
  const hold = disk.hold("syncData");
  const said = txns(COMPANY).map((txn) => outcomeOf(log, BigInt(BEFORE) + txn));
  disk.fail({ times: Infinity });
  hold.release();
  const written = (await clock.finish(Promise.all(said))).map(writtenOf);
  assertEquals(written, [
    ...new Array<string>(AHEAD).fill("unknown"),
    ...new Array<string>(COMPANY - AHEAD).fill("no"),
  ]);
  await clock.finish(log.close());
});

/** Appends a burst, perhaps on a failing disk; notes what was answered, and that the numbers rise. */
async function burst(
  log: Log<LogRecord>,
  clock: ManualClock,
  range: readonly [first: number, count: number],
  durable: bigint[],
): Promise<void> {
  let last = -1;
  await clock.finish(Promise.all(
    append(log, ...range).map(async (answer, index) => {
      try {
        const lsn = await answer;
        assert(lsn > last, `LSN ${lsn} was answered behind ${last}`);
        last = lsn;
        durable.push(BigInt(range[0] + index));
      } catch (error) {
        assert(error instanceof LogUnavailableError);
      }
    }),
  ));
}

seededTest("LogWriter keeps what it has answered of a large company", 20, async (random) => {
  const platform = simulatedPlatform(undefined, random);
  const { log, disk, clock } = await openParted(platform, 262_144);
  const durable = txns(BEFORE);
  let first = BEFORE;
  for (let bursts = 0; bursts < 8; bursts++) {
    const count = COMPANY / 2 + random.below(2 * COMPANY);
    if (random.chance(0.3)) {
      const kind = random.chance(0.5) ? "syncData" : "write";
      disk.fail({ kind, skip: random.below(3), times: random.chance(0.5) ? 1 : 4 });
    }
    await burst(log, clock, [first, count], durable);
    first += count;
    const found = new Set(await transactionsOn(disk.crash(random)));
    const lost = durable.filter((txn) => !found.has(txn));
    assertEquals(lost, []);
    disk.mend();
    clock.advance(1000);
    await clock.settle();
  }
  await clock.finish(log.close());
});
