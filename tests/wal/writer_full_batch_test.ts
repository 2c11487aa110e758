/**
 * Proves what becomes of a batch that is full: it is on its way to the disk before the rest of the turn comes,
 * the rest does not wait longer than for its sync, and nothing else is different.
 */

import { assertEquals } from "@std/assert";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import type { Log } from "../../src/wal/log.ts";
import type { MemoryDisk } from "../simulation/memory_disk.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { seededTest } from "../simulation/seeds.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { BytesModel, callsOf, openLog, openWith, segmentsOn, transactionsOn } from "./open_log.ts";
import { committing } from "./sample_segment.ts";

/** Four of these fill a batch, three do not. */
const LARGE = new Uint8Array(15_000).fill(16);
const FILLING = 4;

function openBytes() {
  return openWith<Uint8Array, BytesModel>(new BytesModel());
}

/** Lets everything run but what waits for a turn. */
function withoutTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Appends so many large entries, and notes the LSNs in the order of the answers. */
function appendLarge(log: Log<Uint8Array>, count: number, answered: number[]): Promise<unknown> {
  const answers = Array.from({ length: count }, () => log.append(LARGE));
  return Promise.all(answers.map((answer) => answer.then((lsn) => answered.push(lsn))));
}

function kindsSince(disk: MemoryDisk, first: number): string[] {
  return disk.calls.slice(first).map(({ kind }) => kind);
}

Deno.test("LogWriter writes a full batch at once, and the rest while that is synced", async () => {
  const { log, disk, clock } = await openBytes();
  const first = disk.calls.length;
  const answered: number[] = [];
  const hold = disk.hold("syncData");
  const done = appendLarge(log, FILLING + 1, answered);
  assertEquals(kindsSince(disk, first), ["write", "syncData"]);
  await clock.settle();
  assertEquals([kindsSince(disk, first).length, answered], [2, []]);
  const next = disk.hold("syncData");
  hold.release();
  await clock.settle();
  assertEquals([kindsSince(disk, first).length, answered], [4, [1, 2, 3, 4]]);
  next.release();
  await clock.finish(done);
  assertEquals(answered, [1, 2, 3, 4, 5]);
  await clock.finish(log.close());
});

Deno.test("LogWriter lets less than a full batch wait for its turn", async () => {
  const { log, disk, clock } = await openBytes();
  const first = disk.calls.length;
  const done = appendLarge(log, FILLING - 1, []);
  await withoutTurn();
  assertEquals(kindsSince(disk, first), []);
  await clock.finish(done);
  assertEquals(kindsSince(disk, first), ["write", "syncData"]);
  await clock.finish(log.close());
});

Deno.test("LogWriter writes what has filled a batch before those who are answered go on", async () => {
  const { log, disk, clock } = await openBytes();
  const hold = disk.hold("syncData");
  const underWay = log.append(LARGE);
  await clock.settle();
  const answered: number[] = [];
  const waiting = appendLarge(log, FILLING, answered);
  const next = disk.hold("syncData");
  const wentOn = underWay.then(() => callsOf(disk, "write", first));
  const first = disk.calls.length;
  hold.release();
  assertEquals(await clock.finish(wentOn), 1);
  next.release();
  await clock.finish(waiting);
  assertEquals(answered, [2, 3, 4, 5]);
  await clock.finish(log.close());
});

Deno.test("LogWriter restates a full batch that fails together with what came behind it", async () => {
  for (const kind of ["write", "syncData"] as const) {
    const { log, disk, clock } = await openLog();
    disk.fail({ kind });
    const answers = Array.from({ length: 1000 }, (_, txn) => log.append(committing(BigInt(txn))));
    const lsns = await clock.finish(Promise.all(answers));
    assertEquals(lsns.toSorted((one, other) => one - other), lsns);
    assertEquals([new Set(lsns).size, log.failure, segmentsOn(disk).length], [1000, null, 1]);
    const expected = Array.from({ length: 1000 }, (_, txn) => BigInt(txn));
    assertEquals(await transactionsOn(disk.crash(new SeededRandom(1))), expected);
    await clock.finish(log.close());
    assertEquals(disk.openFiles, []);
  }
});

Deno.test("LogWriter says unknown to a full batch on a dead disk, no to what came behind it", async () => {
  const { log, disk, clock } = await openBytes();
  disk.fail({ times: Infinity });
  const said: Promise<unknown>[] = [];
  for (let count = 0; count < FILLING + 2; count++) {
    said.push(log.append(LARGE).catch((error) => (error as LogUnavailableError).written));
  }
  assertEquals(await clock.finish(Promise.all(said)), [
    ...new Array(FILLING).fill("unknown"),
    "no",
    "no",
  ]);
  await clock.finish(log.close());
});

seededTest(
  "LogWriter answers each LSN once, in order, however much comes at once",
  20,
  async (random) => {
    const platform = simulatedPlatform(undefined, random);
    const { log, disk, clock } = await openLog(platform, { segmentSize: 262_144 });
    const answered: bigint[] = [];
    let txn = 0n;
    let last = -1;
    for (let burst = 0; burst < 6; burst++) {
      const answers: Promise<void>[] = [];
      for (let count = 1 + random.below(1500); count > 0; count--) {
        const mine = txn++;
        answers.push(
          log.append(committing(mine)).then((lsn) => {
            if (lsn <= last) throw new Error(`LSN ${lsn} was answered behind ${last}`);
            last = lsn;
            answered.push(mine);
          }),
        );
        if (random.chance(0.001)) await clock.settle();
      }
      await clock.finish(Promise.all(answers));
      assertEquals(await transactionsOn(disk.crash(random)), answered);
    }
    await clock.finish(log.close());
  },
);
