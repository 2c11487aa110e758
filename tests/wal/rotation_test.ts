/**
 * Proves that a segment is made ready ahead of time, that going over to it is one sync, and that no
 * record is lost or numbered twice whatever becomes of it.
 */

import { assert, assertEquals } from "@std/assert";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import type { Log } from "../../src/wal/log.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import type { CallKind } from "../simulation/disk_calls.ts";
import type { ManualClock } from "../simulation/manual_clock.ts";
import type { MemoryDisk } from "../simulation/memory_disk.ts";
import { openLog, segmentsOn, stateOn, transactionsOn } from "./open_log.ts";
import { committing, DIRECTORY } from "./sample_segment.ts";
import { scanSegment } from "./scan_segment.ts";

const SMALL = { segmentSize: 4096 };

/** The newest segment on a disk. */
function newestOn(disk: MemoryDisk): number {
  return segmentsOn(disk).at(-1) ?? -1;
}

/** Commits until something is the case, and ends each transaction; gives the number of the last record. */
async function commitUntil(
  log: Log<LogRecord>,
  clock: ManualClock,
  isEnough: (lsn: number) => boolean,
  first: bigint = 1n,
): Promise<number> {
  for (let txn = first; txn < first + 10_000n; txn++) {
    const lsn = await clock.finish(log.append(committing(txn)));
    if (isEnough(lsn)) return lsn;
    log.appendLazily({ type: "end", txn });
    await clock.settle();
  }
  throw new Error("Cannot go on committing: 10000 were not enough");
}

/** Commits until a segment waits to be gone over to; gives its number. */
async function commitUntilReady(
  log: Log<LogRecord>,
  disk: MemoryDisk,
  clock: ManualClock,
): Promise<number> {
  // The one behind the first goes over at once, since that one has no space ahead.
  const lsn = await commitUntil(log, clock, (lsn) => lsn > newestOn(disk) && lsn > 300);
  await commitUntil(log, clock, (lsn) => lsn < newestOn(disk), BigInt(lsn) + 10_000n);
  return newestOn(disk);
}

Deno.test("LogWriter goes over to a segment that is ready by one sync, with what waits in it", async () => {
  const { log, disk, clock } = await openLog(undefined, SMALL);
  const ready = await commitUntilReady(log, disk, clock);
  let kinds: string[] = [];
  const lsn = await commitUntil(log, clock, (lsn) => lsn > ready, 1_000_000n);
  assert(lsn > ready);
  await clock.settle();
  const next = await commitUntilReady(log, disk, clock);
  for (let txn = 2_000_000n, lsn = 0; lsn < next; txn++) {
    const before = disk.calls.length;
    const answer = log.append(committing(txn)).then((lsn) => {
      kinds = disk.calls.slice(before).map(({ kind }) => kind);
      return lsn;
    });
    lsn = await clock.finish(answer);
    await clock.settle();
  }
  // Neither a name nor a directory is waited for.
  assertEquals(kinds, ["write", "write", "syncData"]);
  await clock.finish(log.close());
});

Deno.test("LogWriter makes a segment ready while commits go on", async () => {
  for (const kind of ["rename", "syncDirectory"] as const) {
    const { log, disk, clock } = await openLog(undefined, SMALL);
    await commitUntilReady(log, disk, clock);
    const hold = disk.hold(kind);
    const before = segmentsOn(disk).length;
    await clock.finish(log.append(committing(1n)));
    await clock.finish(log.append(committing(2n)));
    hold.release();
    assert(segmentsOn(disk).length >= before);
    await clock.finish(log.close());
    assertEquals(disk.openFiles, []);
  }
});

Deno.test("LogWriter removes a segment that it never went over to when it is closed", async () => {
  const { log, disk, clock } = await openLog(undefined, SMALL);
  const ready = await commitUntilReady(log, disk, clock);
  await clock.settle();
  assertEquals(segmentsOn(disk).length, 2);
  const killed = disk.kill();
  await clock.finish(log.close());
  assertEquals([segmentsOn(disk).length, disk.openFiles], [1, []]);
  assertEquals(disk.namesIn(DIRECTORY).includes(segmentName(ready)), false);
  assertEquals(await transactionsOn(disk), await transactionsOn(killed));
});

Deno.test("LogWriter follows a segment with one made at once where none could be made ready", async () => {
  const kinds: CallKind[] = ["open", "rename", "syncDirectory"];
  for (const kind of kinds) {
    const { log, disk, clock } = await openLog(undefined, SMALL);
    const ready = await commitUntilReady(log, disk, clock);
    const lsn = await commitUntil(log, clock, (lsn) => lsn > ready, 1_000_000n);
    await clock.settle();
    disk.fail({ kind, times: 3 });
    const lsns = [lsn];
    for (let txn = 3_000_000n; txn < 3_000_200n; txn++) {
      const answer = log.append(committing(txn)).catch(() => null);
      const got = await clock.finish(answer);
      if (got !== null) lsns.push(got);
      log.appendLazily({ type: "end", txn });
      clock.advance(1000);
      await clock.settle();
    }
    disk.mend();
    assert(lsns.length > 150, `${kind}: ${lsns.length}`);
    assertEquals(lsns, lsns.toSorted((one, other) => one - other));
    assertEquals(new Set(lsns).size, lsns.length);
    const killed = await stateOn(disk.kill());
    await clock.finish(log.close());
    assertEquals((await stateOn(disk)).active, killed.active);
  }
});

Deno.test("LogWriter's segment in use never reaches the number of the one being made ready", async () => {
  const { log, disk, clock, platform } = await openLog(undefined, SMALL);
  const first = await commitUntilReady(log, disk, clock);
  await commitUntil(log, clock, (lsn) => lsn > first, 1_000_000n);
  await clock.settle();
  // The name is there, and nobody learns when it is durable.
  const hold = disk.hold("syncDirectory");
  const inUse = newestOn(disk);
  let named = inUse;
  const lsns: number[] = [];
  for (let txn = 2_000_000n; txn < 2_000_400n; txn++) {
    const answer = log.append(committing(txn));
    const held = clock.settle().then(() => null);
    const lsn = await Promise.race([answer, held]);
    if (lsn !== null) lsns.push(lsn);
    if (named === inUse) named = newestOn(disk);
  }
  assert(named > inUse, "nothing was made ready");
  hold.release();
  await clock.settle();
  for (const firstLsn of segmentsOn(disk)) {
    const { end } = await scanSegment(platform, DIRECTORY, firstLsn, () => {});
    const next = segmentsOn(disk).find((other) => other > firstLsn) ?? Infinity;
    assert(end.nextLsn <= next, `${firstLsn} ends with ${end.nextLsn}, behind ${next}`);
  }
  assertEquals(new Set(lsns).size, lsns.length);
  await clock.finish(log.close());
});
