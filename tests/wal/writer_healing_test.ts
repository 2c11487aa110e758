/**
 * Proves that a log whose disk failed becomes whole by itself when the disk is back, never gives
 * up, and can be closed at any moment.
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import { MAX_QUEUED_RECORDS } from "../../src/wal/writer.ts";
import { DiskError } from "../simulation/disk_calls.ts";
import {
  assertDurable,
  BytesModel,
  callsOf,
  openLog,
  openWith,
  outcomeOf,
  stateOn,
  writtenOf,
} from "./open_log.ts";
import { committing } from "./sample_segment.ts";

Deno.test("LogWriter heals when the disk is back, and settles what was unknown", async () => {
  const { log, disk, clock } = await openLog();
  disk.fail({ times: Infinity });
  const [unknown] = await clock.finish(Promise.all([outcomeOf(log, 1n)]));
  assert(unknown instanceof LogUnavailableError);
  let settled: boolean | null = null;
  unknown.settled.then((isDurable) => settled = isDurable);
  await clock.settle();
  assertEquals([settled, clock.timers], [null, 1]);
  disk.mend();
  clock.advance(60_000);
  await clock.settle();
  assertEquals([settled, log.failure], [true, null]);
  assertEquals(typeof await clock.finish(log.append(committing(2n))), "number");
  await assertDurable(disk, [1n, 2n]);
  await clock.finish(log.close());
});

Deno.test("LogWriter keeps nothing of what it said was not written", async () => {
  const { log, disk, clock } = await openLog();
  disk.fail({ times: Infinity });
  await clock.finish(outcomeOf(log, 1n));
  const refused = await outcomeOf(log, 2n);
  assertEquals(writtenOf(refused), "no");
  disk.mend();
  clock.advance(60_000);
  await clock.settle();
  await clock.finish(log.append(committing(3n)));
  await assertDurable(disk, [1n, 3n]);
  await clock.finish(log.close());
});

Deno.test("LogWriter writes records that rode along when the disk failed, once it is back", async () => {
  const { log, model, disk, clock } = await openLog();
  for (const txn of [1n, 2n, 3n, 4n]) await clock.finish(log.append(committing(txn)));
  const hold = disk.hold("syncData");
  const unknown = outcomeOf(log, 5n);
  await clock.settle();
  log.appendLazily({ type: "end", txn: 1n });
  const queued = outcomeOf(log, 6n);
  log.appendLazily({ type: "end", txn: 2n });
  disk.fail({ times: Infinity });
  hold.release();
  assertEquals((await clock.finish(Promise.all([unknown, queued]))).map(writtenOf), [
    "unknown",
    "no",
  ]);
  log.appendLazily({ type: "end", txn: 3n });
  disk.mend();
  const retry = disk.hold("rename");
  clock.advance(60_000);
  await clock.settle();
  assertEquals(retry.waiting, 1);
  log.appendLazily({ type: "end", txn: 4n });
  retry.release();
  await clock.settle();
  clock.advance(100);
  await clock.settle();
  assertEquals([log.failure, model.active.map(({ txn }) => txn)], [null, [5n]]);
  await clock.finish(log.append(committing(7n)));
  await assertDurable(disk, [5n, 7n]);
  await clock.finish(log.close());
});

Deno.test("LogWriter writes what rode along also if the log is closed while it heals", async () => {
  const { log, disk, clock } = await openLog();
  for (const txn of [1n, 2n]) await clock.finish(log.append(committing(txn)));
  disk.fail({ times: Infinity });
  await clock.finish(outcomeOf(log, 3n));
  log.appendLazily({ type: "end", txn: 1n });
  disk.mend();
  const retry = disk.hold("rename");
  clock.advance(60_000);
  await clock.settle();
  log.appendLazily({ type: "end", txn: 2n });
  const closing = log.close();
  retry.release();
  await clock.finish(closing);
  await assertDurable(disk, [3n]);
});

Deno.test("LogWriter keeps no more records that ride along than its queue holds", async () => {
  const { log, model, disk, clock } = await openLog();
  await clock.finish(log.append(committing(1n)));
  disk.fail({ times: Infinity });
  await clock.finish(outcomeOf(log, 2n));
  for (let count = 0; count < MAX_QUEUED_RECORDS; count++) {
    log.appendLazily({ type: "end", txn: 1000n });
  }
  const full = () => log.appendLazily({ type: "end", txn: 1n });
  assertThrows(full, LogUnavailableError, "16384");
  disk.mend();
  clock.advance(60_000);
  await clock.settle();
  full();
  clock.advance(100);
  await clock.settle();
  assertEquals(model.active.map(({ txn }) => txn), [2n]);
  await clock.finish(log.close());
});

Deno.test("LogWriter tries a failed disk again with back-off, and never stops", async () => {
  const { log, disk, clock } = await openLog();
  disk.fail({ times: Infinity });
  await clock.finish(outcomeOf(log, 1n));
  const tries: number[] = [];
  const start = clock.elapsed();
  let seen = disk.calls.length;
  while (clock.elapsed() < start + 200_000) {
    clock.advance(50);
    await clock.settle();
    if (disk.calls.length > seen) tries.push(clock.elapsed() - start);
    seen = disk.calls.length;
  }
  const waits = tries.map((at, index) => at - (tries[index - 1] ?? 0));
  assert(waits.length >= 8, `${waits}`);
  assert(Math.max(...waits) <= 30_100, `${waits}`);
  waits.forEach((wait, index) => assert(wait >= (waits[index - 1] ?? 0) * 0.9, `${waits}`));
  disk.mend();
  clock.advance(30_000);
  await clock.settle();
  assertEquals(log.failure, null);
  await clock.finish(log.close());
});

Deno.test("LogWriter.close of an unavailable log leaves the rest to the next opening", async () => {
  const { log, disk, clock } = await openLog();
  await clock.finish(log.append(committing(1n)));
  disk.fail({ times: Infinity });
  const answer = await clock.finish(outcomeOf(log, 2n));
  assert(answer instanceof LogUnavailableError);
  await clock.finish(log.close());
  assertEquals([await answer.settled, clock.timers, disk.openFiles], [false, 0, []]);
  disk.mend();
  const { active } = await stateOn(disk);
  assertEquals(active.at(0)?.txn, 1n);
});

Deno.test("LogWriter.close waits for a try that is under way", async () => {
  const { log, disk, clock } = await openLog();
  disk.fail({ times: Infinity });
  const answer = await clock.finish(outcomeOf(log, 1n));
  assert(answer instanceof LogUnavailableError);
  disk.mend();
  const hold = disk.hold("syncData");
  clock.advance(30_000);
  await clock.settle();
  assertEquals(hold.waiting, 1);
  const closing = log.close();
  hold.release();
  await clock.finish(closing);
  assertEquals([await answer.settled, disk.openFiles], [true, []]);
  await assertDurable(disk, [1n]);
});

Deno.test("LogWriter.close says so if the last sync fails, and closes all the same", async () => {
  const { log, disk, clock } = await openLog();
  log.appendLazily(committing(1n));
  await clock.settle();
  disk.fail({ kind: "syncData", times: Infinity });
  const error = await assertRejects(() => clock.finish(log.close()), LogUnavailableError);
  assert(error.cause instanceof DiskError);
  assertEquals(disk.openFiles, []);
  disk.mend();
  await stateOn(disk);
});

Deno.test("LogWriter.close restates what rode along if its last sync fails once", async () => {
  const { log, disk, clock } = await openLog();
  log.appendLazily(committing(1n));
  await clock.settle();
  disk.fail({ kind: "syncData" });
  await clock.finish(log.close());
  assertEquals(disk.openFiles, []);
  await assertDurable(disk, [1n]);
});

Deno.test("LogWriter does not heal a log whose entries it cannot restate", async () => {
  const { log, disk, clock, platform } = await openWith<Uint8Array, BytesModel>(new BytesModel());
  await clock.finish(log.append(Uint8Array.of(16, 1)));
  disk.fail({ kind: "syncData" });
  const append = () => clock.finish(log.append(Uint8Array.of(16, 2)));
  const error = await assertRejects(append, LogUnavailableError, "open the log again");
  assertEquals([error.written, clock.timers], ["unknown", 0]);
  clock.advance(60_000);
  await clock.settle();
  const later = await assertRejects(() => log.append(Uint8Array.of(16, 3)), LogUnavailableError);
  assertEquals(later.written, "no");
  assertThrows(() => log.appendLazily(Uint8Array.of(16, 4)), LogUnavailableError, "open the log");
  const calls = disk.calls.length;
  await clock.finish(log.close());
  assertEquals([await error.settled, callsOf(disk, "syncData", calls)], [false, 0]);
  const { log: again, model } = await openWith<Uint8Array, BytesModel>(new BytesModel(), platform);
  assertEquals(model.entries.map(({ body }) => body[1]), [1, 2]);
  await clock.finish(again.close());
});
