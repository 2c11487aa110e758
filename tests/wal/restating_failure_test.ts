/**
 * Proves what becomes of a log whose model gives what no segment can be opened with: it says so, and does not blame
 * the disk; it keeps no file; and it goes on as soon as the model gives what can be written.
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import { MAX_BODY_LENGTH } from "../../src/wal/format.ts";
import { Log } from "../../src/wal/log.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { openWith, segmentsOn, SumModel } from "./open_log.ts";
import { DIRECTORY } from "./sample_segment.ts";

/** A sum that can be made too long to be restated. */
class LongModel extends SumModel {
  isTooLong = false;

  override encode(step: number): Uint8Array {
    return step < 0 ? new Uint8Array(MAX_BODY_LENGTH + 1).fill(16) : super.encode(step);
  }

  override checkpoint(): number[] {
    return this.isTooLong ? [-1] : super.checkpoint();
  }
}

const TOO_LONG = `its body has ${MAX_BODY_LENGTH + 1} bytes, it must have 1 to ${MAX_BODY_LENGTH}`;

/** A log that was just about to go over to another segment, and appends to it until it cannot. */
async function stuck() {
  const opened = await openWith(new LongModel(), simulatedPlatform(), { segmentSize: 1024 });
  const { log, model, disk, clock } = opened;
  const append = async () => {
    const answer = log.append(1).then(() => null, (error: Error) => error);
    const error = await clock.finish(answer);
    await clock.settle();
    return error;
  };
  // Until a segment is ready, so that there is one to be kept open by mistake, and another file ahead.
  for (let times = 0; times < 200 || segmentsOn(disk).length < 2; times++) {
    assertEquals(await append(), null);
  }
  model.isTooLong = true;
  for (let times = 0; times < 1000; times++) {
    const error = await append();
    if (error !== null) return { ...opened, append, error };
  }
  throw new Error("Cannot make a log fail: it took a thousand entries");
}

Deno.test("A log that cannot be restated says why, and not that its disk failed", async () => {
  const { log, append, error, clock } = await stuck();
  assert(error instanceof LogUnavailableError);
  assertMatch(
    error.message,
    /^Cannot append to the log in "\/log": what restates it cannot be written/,
  );
  assert(error.message.includes(TOO_LONG), error.message);
  for (const one of [error, await append()]) {
    assertEquals(/disk/.test(one?.message ?? ""), false, one?.message);
  }
  await clock.finish(log.close());
});

Deno.test("A log that cannot be restated keeps no more files open, however often it tries", async () => {
  const { log, disk, clock } = await stuck();
  const [files, names] = [disk.openFiles.length, disk.namesIn(DIRECTORY).length];
  for (let times = 0; times < 20; times++) {
    clock.advance(60_000);
    await clock.settle();
  }
  assertEquals([disk.openFiles.length, disk.namesIn(DIRECTORY).length], [files, names]);
  await clock.finish(log.close());
  assertEquals(disk.openFiles, []);
  assertEquals(disk.namesIn(DIRECTORY).filter((name) => name.endsWith(".unfinished")), []);
});

Deno.test("A log that could not be restated goes on when it can", async () => {
  const { log, model, disk, clock, append, error } = await stuck();
  model.isTooLong = false;
  clock.advance(60_000);
  await clock.settle();
  assert(error instanceof LogUnavailableError);
  assertEquals([log.failure, await error.settled, await append()], [null, true, null]);
  await clock.finish(log.close());
  const again = await openWith(new LongModel(), simulatedPlatform(disk));
  assertEquals(again.model.total, model.total);
  await clock.finish(again.log.close());
});

Deno.test("A disk that fails is blamed, and what cannot be restated as soon as that is the reason", async () => {
  const { log, model, disk, clock } = await openWith(new LongModel());
  disk.fail({ kind: "syncData", times: 1000 });
  const failed = log.append(1).catch((error: Error) => error.message);
  assertMatch(
    String(await clock.finish(failed)),
    /: its disk failed, the log tries again by itself/,
  );
  model.isTooLong = true;
  disk.mend();
  clock.advance(60_000);
  await clock.settle();
  const stuck = log.append(1).catch((error: Error) => error.message);
  assertMatch(String(await clock.finish(stuck)), /: what restates it cannot be written/);
  disk.fail({ kind: "syncData", times: 1000 });
  model.isTooLong = false;
  clock.advance(60_000);
  await clock.settle();
  const again = log.append(1).catch((error: Error) => error.message);
  assertMatch(String(await clock.finish(again)), /: its disk failed/);
  disk.mend();
  await clock.finish(log.close());
});

Deno.test("Log.open of what cannot be restated says why, and changes nothing", async () => {
  const { log, disk, clock } = await openWith(new LongModel());
  await clock.finish(log.append(1));
  await clock.finish(log.close());
  const before = disk.namesIn(DIRECTORY);
  class AlwaysLong extends LongModel {
    override isTooLong = true;
  }
  const platform = simulatedPlatform(disk);
  const opening = Log.open({ directory: DIRECTORY, platform, model: new AlwaysLong() });
  const error = await assertRejects(() => clock.finish(opening), Error, TOO_LONG);
  assertEquals(/disk/.test(error.message), false);
  assertEquals([disk.namesIn(DIRECTORY), disk.openFiles], [before, []]);
});
