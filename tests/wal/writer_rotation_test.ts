/**
 * Proves that segments follow one another without a gap and without anybody waiting, and that the
 * log stays small however long it is used.
 */

import { assert, assertEquals } from "@std/assert";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import type { Log } from "../../src/wal/log.ts";
import type { ManualClock } from "../simulation/manual_clock.ts";
import type { MemoryDisk } from "../simulation/memory_disk.ts";
import {
  BytesModel,
  callsOf,
  openLog,
  openWith,
  pathOfSegment,
  segmentsOn,
  stateOn,
  transactionsOn,
} from "./open_log.ts";
import { committing, DIRECTORY } from "./sample_segment.ts";

/** Segments that only time ends, of which no other is prepared meanwhile. */
const LARGE = { segmentSize: 67_108_864, checkpointInterval: 5000 };
const SMALL = { segmentSize: 1024 };

/** Runs transactions one after the other; the ends ride along. */
async function run(
  log: Log<LogRecord>,
  clock: ManualClock,
  first: number,
  count: number,
): Promise<void> {
  const work = async () => {
    for (let txn = first; txn < first + count; txn++) {
      await log.append(committing(BigInt(txn)));
      log.appendLazily({ type: "end", txn: BigInt(txn) });
    }
  };
  await clock.finish(work());
}

function bytesOn(disk: MemoryDisk): number {
  const lengths = disk.namesIn(DIRECTORY).map((name) =>
    disk.bytesOf(`${DIRECTORY}/${name}`).length
  );
  return lengths.reduce((sum, length) => sum + length, 0);
}

function renames(disk: MemoryDisk): number {
  return callsOf(disk, "rename");
}

Deno.test("LogWriter follows a full segment with one that restates what is live", async () => {
  const { log, disk, clock } = await openLog(undefined, SMALL);
  const lsns: number[] = [];
  for (let txn = 1n; txn <= 30n; txn++) {
    lsns.push(await clock.finish(log.append(committing(txn))));
  }
  await clock.settle();
  const [newest, ...others] = segmentsOn(disk);
  assert(newest !== undefined && newest > 10);
  assertEquals(others, []);
  assertEquals(lsns, lsns.toSorted((one, other) => one - other));
  assertEquals(new Set(lsns).size, lsns.length);
  assertEquals((await transactionsOn(disk.kill())).length, 30);
  await clock.finish(log.close());
});

Deno.test("LogWriter keeps the log small after any number of transactions", async () => {
  const { log, disk, clock } = await openLog(undefined, SMALL);
  await clock.finish(log.append(committing(1_000_000n)));
  let largest = 0;
  for (let round = 0; round < 10; round++) {
    await run(log, clock, 1000 * round, 200);
    await clock.settle();
    largest = Math.max(largest, bytesOn(disk));
  }
  assert(largest < 6 * SMALL.segmentSize, `${largest} bytes`);
  await clock.finish(log.close());
  assertEquals((await stateOn(disk)).active.map(({ txn }) => txn).at(0), 1_000_000n);
});

Deno.test("LogWriter lets no commit wait for the files that it takes away or makes ready", async () => {
  const { log, disk, clock } = await openLog(undefined, SMALL);
  const hold = disk.hold("remove");
  await run(log, clock, 1, 100);
  assert(hold.waiting > 0, "nothing was to be removed");
  hold.release();
  const list = disk.hold("list");
  await run(log, clock, 101, 100);
  list.release();
  await clock.finish(log.close());
  assertEquals(disk.openFiles, []);
});

Deno.test("LogWriter takes away at once what became old while a file was taken away", async () => {
  const { log, disk, clock } = await openLog(undefined, SMALL);
  const hold = disk.hold("remove");
  await run(log, clock, 1, 100);
  const waiting = segmentsOn(disk).length;
  assert(waiting > 5, `${waiting} segments`);
  const before = disk.calls.length;
  hold.release();
  await clock.finish(log.close());
  assertEquals(segmentsOn(disk).length, 1);
  // One for what was under way, one for all that came meanwhile.
  assertEquals(callsOf(disk, "list", before), 1);
  assertEquals(callsOf(disk, "remove", before), waiting - 1);
});

Deno.test("LogWriter begins no more segments than are taken away, and goes on in the one it has", async () => {
  const { log, disk, clock } = await openLog(undefined, SMALL);
  const hold = disk.hold("remove");
  await run(log, clock, 1, 100);
  const some = segmentsOn(disk).length;
  await run(log, clock, 101, 1000);
  assertEquals(segmentsOn(disk).length, some);
  hold.release();
  await clock.settle();
  await run(log, clock, 1101, 1);
  await clock.finish(log.close());
  assertEquals(segmentsOn(disk).length, 1);
  assertEquals(await transactionsOn(disk), []);
});

Deno.test("LogWriter uses files of zeros that were made ready", async () => {
  const { log, disk, clock } = await openLog(undefined, SMALL);
  await run(log, clock, 1, 3);
  await clock.settle();
  await run(log, clock, 4, 3);
  await clock.settle();
  const newest = segmentsOn(disk).at(-1) ?? -1;
  assertEquals(disk.bytesOf(pathOfSegment(newest)).length, SMALL.segmentSize);
  await clock.finish(log.close());
  assert(disk.namesIn(DIRECTORY).every((name) => !name.endsWith(".unfinished")));
});

Deno.test("LogWriter makes no file ready for a log that is hardly used", async () => {
  const { log, disk, clock } = await openLog();
  const opened = callsOf(disk, "open");
  await run(log, clock, 1, 100);
  await clock.settle();
  assertEquals(callsOf(disk, "open"), opened);
  await clock.finish(log.close());
});

Deno.test("LogWriter follows a segment of some size with another after some time", async () => {
  const { log, disk, clock } = await openLog(undefined, LARGE);
  await run(log, clock, 1, 1000);
  clock.advance(4999);
  await run(log, clock, 2000, 1);
  assertEquals(segmentsOn(disk), [0]);
  clock.advance(1);
  await run(log, clock, 3000, 1);
  await clock.settle();
  const [newest, ...others] = segmentsOn(disk);
  assertEquals([(newest ?? 0) > 0, others], [true, []]);
  await clock.finish(log.close());
});

Deno.test("LogWriter begins no segment for the time alone where all segments are kept", async () => {
  const { log, disk, clock } = await openWith<Uint8Array, BytesModel>(
    new BytesModel(),
    undefined,
    LARGE,
  );
  // Less than a segment holds when a file is made ready for the next.
  for (let times = 0; times < 10; times++) {
    await clock.finish(log.append(new Uint8Array(70_000).fill(16)));
    clock.advance(5000);
    await clock.settle();
  }
  assertEquals(segmentsOn(disk), [0]);
  await clock.finish(log.close());
});

Deno.test("LogWriter leaves a small segment as it is, however old", async () => {
  const { log, disk, clock } = await openLog(undefined, { checkpointInterval: 5000 });
  await run(log, clock, 1, 10);
  clock.advance(1_000_000);
  await run(log, clock, 11, 10);
  assertEquals(segmentsOn(disk), [0]);
  await clock.finish(log.close());
});

Deno.test("LogWriter depends on no wall clock that jumps", async () => {
  const { log, disk, clock } = await openLog(undefined, LARGE);
  await run(log, clock, 1, 1000);
  for (const jump of [1e12, -2e12]) {
    clock.jump(jump);
    await run(log, clock, 2000, 5);
  }
  assertEquals(segmentsOn(disk), [0]);
  await clock.finish(log.close());
});

Deno.test("LogWriter writes at least as much that is new as it restates", async () => {
  const { log, disk, clock } = await openLog(undefined, SMALL);
  const live = Array.from({ length: 100 }, (_, txn) => log.append(committing(BigInt(txn))));
  await clock.finish(Promise.all(live));
  await run(log, clock, 1000, 20);
  await clock.settle();
  const before = renames(disk);
  await run(log, clock, 2000, 200);
  const begun = renames(disk) - before;
  assert(begun < 20, `${begun} segments for 200 transactions`);
  await clock.finish(log.close());
  assert((await transactionsOn(disk)).length >= 100);
});

Deno.test("LogWriter keeps every segment of a log whose entries it cannot restate", async () => {
  const { log, disk, clock, platform } = await openWith<Uint8Array, BytesModel>(
    new BytesModel(),
    undefined,
    SMALL,
  );
  const bodies = Array.from({ length: 200 }, (_, index) => Uint8Array.of(16, index, 0, 0));
  for (const body of bodies) await clock.finish(log.append(body));
  await clock.finish(log.close());
  assert(segmentsOn(disk).length > 2);
  const { log: again, model } = await openWith<Uint8Array, BytesModel>(new BytesModel(), platform);
  assertEquals(model.entries.map(({ body }) => body), bodies.map((body) => [...body]));
  const lsns = model.entries.map(({ lsn }) => lsn);
  assertEquals(lsns, lsns.toSorted((one, other) => one - other));
  await clock.finish(again.close());
});
