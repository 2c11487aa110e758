/**
 * Proves that a log whose disk failed becomes whole by itself when the disk is back, never gives
 * up, and can be closed at any moment.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogUnavailableError } from "../../src/wal/errors.ts";
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
  disk.fail({ kind: "syncData" });
  await assertRejects(() => clock.finish(log.close()), DiskError);
  assertEquals(disk.openFiles, []);
  await stateOn(disk);
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
  const calls = disk.calls.length;
  await clock.finish(log.close());
  assertEquals([await error.settled, callsOf(disk, "syncData", calls)], [false, 0]);
  const { log: again, model } = await openWith<Uint8Array, BytesModel>(new BytesModel(), platform);
  assertEquals(model.entries.map(({ body }) => body[1]), [1, 2]);
  await clock.finish(again.close());
});
