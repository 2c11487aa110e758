/**
 * Proves that a log is refused where going on would do harm, and that nothing is changed by it.
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import {
  LogCorruptedError,
  LogLockedError,
  LogUnavailableError,
  LogVersionError,
} from "../../src/wal/errors.ts";
import { identityText } from "../../src/wal/identity.ts";
import { Log } from "../../src/wal/log.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { SIMULATED_PROCESS, simulatedPlatform } from "../simulation/simulated_platform.ts";
import { openLog, pathOfSegment, segmentsOn, transactionsOn } from "./open_log.ts";
import {
  committing,
  contentOf,
  DIRECTORY,
  diskWithSegment,
  headerByHand,
  LOG_ID,
  putIdentity,
  putSegment,
  putText,
  sampleSegment,
} from "./sample_segment.ts";

async function refusal<E extends Error>(
  disk: MemoryDisk,
  kind: new (...args: never[]) => E,
): Promise<E> {
  const before = contentOf(disk);
  const platform = simulatedPlatform(disk);
  const model = new LiveState();
  const error = await assertRejects(
    () => platform.clock.finish(Log.open({ directory: DIRECTORY, platform, model })),
    kind,
  );
  const after = contentOf(disk);
  before.delete(".lock");
  after.delete(".lock");
  assertEquals(after, before, "a log that was refused has been changed");
  assertEquals(disk.openFiles, []);
  return error;
}

Deno.test("Log.open refuses a log that is open, and names who has it", async () => {
  const { log, platform, clock } = await openLog();
  const model = new LiveState();
  const open = () => Log.open({ directory: DIRECTORY, platform, model });
  const error = await assertRejects(open, LogLockedError);
  assertEquals(error.holder, {
    pid: SIMULATED_PROCESS,
    started: new Date(clock.now()).toISOString(),
  });
  await clock.finish(log.append(committing(1n)));
  await clock.finish(log.close());
  assertEquals(await transactionsOn(platform.fileSystem), [1n]);
});

Deno.test("Log.open refuses a newer version's log and touches nothing", async () => {
  const disk = new MemoryDisk();
  putSegment(disk, headerByHand({ version: 2, firstLsn: 0 }));
  assertEquals((await refusal(disk, LogVersionError)).place.file, segmentName(0));
  const identity = diskWithSegment(sampleSegment([]).bytes);
  putText(identity, "identity.json", identityText({ formatVersion: 2 }));
  assertEquals((await refusal(identity, LogVersionError)).place.file, "identity.json");
});

Deno.test("Log.open refuses files that do not belong together and touches nothing", async () => {
  const disk = diskWithSegment(sampleSegment([[committing(1n)]]).bytes);
  putIdentity(disk, "zzzzzzzzzzzz");
  await refusal(disk, LogCorruptedError);
  putText(disk, "identity.json", "not JSON");
  await refusal(disk, LogCorruptedError);
  putIdentity(disk, LOG_ID);
  assertEquals(await transactionsOn(disk), [1n]);
});

Deno.test("Log.open refuses to go on where the numbers of records end", async () => {
  for (const firstLsn of [Number.MAX_SAFE_INTEGER - 2, Number.MAX_SAFE_INTEGER - 1]) {
    const disk = diskWithSegment(sampleSegment([], { firstLsn }).bytes, firstLsn);
    await refusal(disk, Error);
  }
});

Deno.test("Log.append loses nothing where the numbers of records end", async () => {
  const firstLsn = Number.MAX_SAFE_INTEGER - 9;
  const disk = diskWithSegment(sampleSegment([[committing(1n)]], { firstLsn }).bytes, firstLsn);
  const { log, model, clock } = await openLog(simulatedPlatform(disk));
  const lsns: number[] = [];
  const refused = await assertRejects(async () => {
    for (let txn = 2n; txn < 20n; txn++) {
      lsns.push(await clock.finish(log.append(committing(txn))));
    }
  }, LogUnavailableError);
  assertEquals(refused.written === "no" || refused.written === "unknown", true);
  assert(lsns.length >= 3 && lsns.every(Number.isSafeInteger));
  assert(model.active.length >= 1 + lsns.length);
  await clock.finish(log.close());
  const written = disk.bytesOf(pathOfSegment(segmentsOn(disk).at(-1) ?? -1));
  for (let txn = 1; txn <= 1 + lsns.length; txn++) {
    assert(new TextDecoder("latin1").decode(written).includes(`indoubt_${LOG_ID}_${txn}_`));
  }
});

Deno.test("Log.open takes segment sizes from 1 KiB to 512 MiB and no others", async () => {
  const sizes = [-1, 0, 1023, 1024.5, 2 ** 29 + 1, NaN, Infinity];
  for (const segmentSize of sizes) {
    const platform = simulatedPlatform();
    const options = { directory: DIRECTORY, platform, model: new LiveState(), segmentSize };
    await assertRejects(() => Log.open(options), RangeError, `${segmentSize}`);
    assertEquals(platform.fileSystem.openFiles, []);
  }
  for (const segmentSize of [1024, 2 ** 29]) {
    const { log, clock } = await openLog(undefined, { segmentSize });
    await clock.finish(log.close());
  }
});

Deno.test("Log.open takes any time for a checkpoint interval and nothing else", async () => {
  const platform = simulatedPlatform();
  for (const checkpointInterval of [NaN, -1, -Infinity, "60000" as unknown as number]) {
    const options = { directory: DIRECTORY, platform, model: new LiveState(), checkpointInterval };
    const error = await assertRejects(() => Log.open(options), RangeError, "checkpoint interval");
    assertMatch(error.message, /^Cannot open a log .*: it must be a number of milliseconds from 0/);
    assertEquals(platform.fileSystem.calls, []);
  }
  for (const checkpointInterval of [0, 0.5, 60_000, Infinity]) {
    const { log, clock } = await openLog(undefined, { checkpointInterval });
    await clock.finish(log.close());
  }
});

Deno.test("Log.open says of a directory that is none what it must be", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/file`;
    await Deno.writeTextFile(file, "");
    for (const directory of [file, `${file}/below`]) {
      const error = await assertRejects(() => Log.open({ directory, model: new LiveState() }));
      assert(error instanceof Error && error.cause instanceof Error);
      assertMatch(
        error.message,
        /^Cannot open the log in ".*": .+, it must be a directory in which/,
      );
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Log.open says of a directory that it may not write to what it must be", async () => {
  const disk = new MemoryDisk();
  const cause = new Deno.errors.PermissionDenied("Permission denied (os error 13)");
  disk.open = () => Promise.reject(cause);
  const platform = simulatedPlatform(disk);
  const opening = Log.open({ directory: DIRECTORY, platform, model: new LiveState() });
  const error = await assertRejects(
    () => platform.clock.finish(opening),
    Error,
    "must be a directory",
  );
  assertEquals(error.cause, cause);
});
