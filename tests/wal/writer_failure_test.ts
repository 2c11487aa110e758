/**
 * Proves what a log does on a disk that fails: it never tries a failed file again, restates what
 * was under way in a new one, says *unknown* only where that fails too, and heals by itself when
 * the disk is back.
 */

import { assert, assertEquals } from "@std/assert";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import { type CallKind, DiskError } from "../simulation/disk_calls.ts";
import { seededTest } from "../simulation/seeds.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import {
  assertDurable,
  openLog,
  outcomeOf,
  segmentsOn,
  transactionsOn,
  writtenOf,
} from "./open_log.ts";
import { committing } from "./sample_segment.ts";

for (const kind of ["write", "syncData"] as const) {
  Deno.test(`LogWriter restates in a new segment what a failed ${kind} has put in doubt`, async () => {
    const { log, disk, clock } = await openLog();
    await clock.finish(log.append(committing(1n)));
    const oldFile = disk.calls.findLast((call) => call.kind === "write")?.path;
    disk.fail({ kind });
    const first = disk.calls.length;
    const lsns = await clock.finish(
      Promise.all([log.append(committing(2n)), log.append(committing(3n))]),
    );
    assertEquals(lsns, [3, 4]);
    assertEquals([log.failure, segmentsOn(disk)], [null, [5]]);
    await clock.finish(log.append(committing(4n)));
    await assertDurable(disk, [1n, 2n, 3n, 4n]);
    const onOldFile = disk.calls.slice(first).filter(({ path }) => path === oldFile);
    const expected = kind === "write" ? ["write"] : ["write", "syncData"];
    assertEquals(onOldFile.map((call) => call.kind), expected);
    await clock.finish(log.close());
    assertEquals(disk.openFiles, []);
  });
}

seededTest(
  "LogWriter never trusts a sync that succeeds after one that failed",
  30,
  async (random) => {
    const { log, disk, clock } = await openLog(simulatedPlatform(undefined, random));
    for (let txn = 1n; txn <= 10n; txn++) {
      if (random.chance(0.5)) disk.fail({ kind: "syncData" });
      await clock.finish(log.append(committing(txn)));
      assertEquals((await transactionsOn(disk.crash(random))).length, Number(txn));
    }
    await clock.finish(log.close());
  },
);

Deno.test("LogWriter says unknown to those under way, no to those who wait and come later", async () => {
  const { log, disk, clock } = await openLog();
  const hold = disk.hold("syncData");
  const underWay = [outcomeOf(log, 1n), outcomeOf(log, 2n)];
  await clock.settle();
  const queued = outcomeOf(log, 3n);
  disk.fail({ times: Infinity });
  hold.release();
  const answers = await clock.finish(Promise.all([...underWay, queued]));
  assertEquals(answers.map(writtenOf), ["unknown", "unknown", "no"]);
  assertEquals(writtenOf(await outcomeOf(log, 4n)), "no");
  for (const answer of answers) {
    assert(answer instanceof LogUnavailableError);
    assert(answer.cause instanceof DiskError, "the cause is attached");
  }
  assert(log.failure instanceof DiskError);
  await clock.finish(log.close());
});

/**
 * Lets one call fail while one transaction is appended, and looks at the disk after each of the next: a
 * segment that could not be begun must not cost what is appended to the one before it.
 */
async function assertGoesOn(kind: CallKind, skip: number, failing: bigint): Promise<void> {
  const { log, disk, clock } = await openLog(undefined, { segmentSize: 1024 });
  const appended: bigint[] = [];
  for (let txn = 1n; txn <= failing + 3n; txn++) {
    if (txn === failing) disk.fail({ kind, skip });
    await clock.finish(log.append(committing(txn)));
    disk.mend();
    appended.push(txn);
    if (txn >= failing) assertEquals(await transactionsOn(disk.kill()), appended);
  }
  await clock.finish(log.close());
  assertEquals(disk.openFiles, []);
}

for (const kind of ["open", "write", "syncData", "rename", "syncDirectory"] as const) {
  Deno.test(`LogWriter loses nothing when a segment cannot be begun since ${kind} fails`, async () => {
    for (let failing = 1n; failing <= 25n; failing++) {
      for (let skip = 0; skip < 3; skip++) await assertGoesOn(kind, skip, failing);
    }
  });
}
