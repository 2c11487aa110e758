/**
 * Proves a log as its user has it: what opening leaves on the disk, whose it is, that it is refused
 * where it must be, and that nothing which was there is written to.
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { LogCorruptedError } from "../../src/wal/errors.ts";
import { Log } from "../../src/wal/log.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { openLog, segmentsOn, stateOn, transactionsOn } from "./open_log.ts";
import {
  committing,
  contentOf,
  DIRECTORY,
  diskWithSegment,
  putSegment,
  putText,
  sampleSegment,
} from "./sample_segment.ts";

const STRAYS = ["+10.wal", "7.wal", "README", "notes.wal.bak"];

Deno.test("Log.open makes a log where there is none", async () => {
  const { log, model, disk, clock } = await openLog();
  assertMatch(log.id, /^[0-9a-hjkmnp-tv-z]{12}$/);
  assertEquals([log.epoch, log.damages, log.failure, model.active], [1, [], null, []]);
  assertEquals(disk.namesIn(DIRECTORY), [".lock", segmentName(0), "identity.json"]);
  await clock.finish(log.close());
  assertEquals(disk.openFiles, []);
});

Deno.test("Log.open gives back what was appended, under a larger epoch and the same id", async () => {
  const first = await openLog();
  const participant = { type: "participant", name: "a", kind: "k", identity: "i" } as const;
  for (const record of [participant, committing(1n), committing(2n)]) {
    await first.clock.finish(first.log.append(record));
  }
  await first.clock.finish(first.log.close());
  for (let opening = 2; opening < 6; opening++) {
    const { log, model, disk, clock } = await openLog(first.platform);
    assertEquals([log.id, log.epoch], [first.log.id, opening]);
    assertEquals(model.active.map(({ txn }) => txn), [1n, 2n]);
    assertEquals([...model.participants.keys()], ["a"]);
    assertEquals(segmentsOn(disk).length, 1);
    await clock.finish(log.close());
  }
});

Deno.test("Log.open resets the model that it is given", async () => {
  const platform = simulatedPlatform();
  const model = new LiveState();
  model.apply(committing(7n));
  const log = await platform.clock.finish(Log.open({ directory: DIRECTORY, platform, model }));
  assertEquals(model.active, []);
  await platform.clock.finish(log.close());
});

Deno.test("Log.open never writes to a segment that was there, nor to files that are not its own", async () => {
  const disk = diskWithSegment(sampleSegment([[committing(1n)], [committing(2n)]]).bytes);
  putSegment(disk, sampleSegment([], { firstLsn: 50 }).bytes, 50);
  for (const name of STRAYS) putText(disk, name, "somebody else's");
  const before = contentOf(disk);
  const { log, clock } = await openLog(simulatedPlatform(disk));
  await clock.finish(log.append(committing(3n)));
  await clock.finish(log.close());
  for (const name of [segmentName(0), segmentName(50), ...STRAYS]) {
    const bytes = contentOf(disk).get(name);
    if (bytes !== undefined) assertEquals(bytes, before.get(name), name);
    const touched = disk.calls.filter(({ path }) => path === `${DIRECTORY}/${name}`);
    const reading = ["open", "size", "read", "remove"];
    assert(touched.every(({ kind }) => reading.includes(kind)), name);
  }
});

Deno.test("Log.open removes what a crash has left half made, and leaves strays alone", async () => {
  const disk = diskWithSegment(sampleSegment([[committing(1n)]]).bytes);
  for (const name of STRAYS) putText(disk, name, "somebody else's");
  for (const name of [segmentName(3), "identity.json", "next-0", "next-1"]) {
    putText(disk, `${name}.unfinished`, "half made");
  }
  assertEquals(await transactionsOn(disk), [1n]);
  const names = [...STRAYS, ".lock", "identity.json", segmentName(3)].sort();
  assertEquals(disk.namesIn(DIRECTORY), names);
});

Deno.test("Log.open begins no segment that is older than one which a list lacked", async () => {
  const disk = diskWithSegment(sampleSegment([[committing(1n)]]).bytes);
  // Of an opening that came no further: the identity does not know of it.
  const unfinished = sampleSegment([[committing(1n)]], { firstLsn: 50, epoch: 2 });
  putSegment(disk, unfinished.bytes, 50);
  let refusals = 0;
  for (let seed = 0; seed < 20; seed++) {
    const left = disk.crash(new SeededRandom(seed));
    left.fail({ kind: "list", effect: "lost" });
    try {
      assertEquals(await transactionsOn(left), [1n]);
      assert(segmentsOn(left).every((firstLsn) => firstLsn > 50));
    } catch (error) {
      assertInstanceOf(error, LogCorruptedError);
      assertStringIncludes(error.message, `${segmentName(50)}: it was not in the list`);
      assertEquals(left.openFiles, []);
      refusals++;
    }
    assertEquals(await transactionsOn(left), [1n]);
    assertEquals(segmentsOn(left).length, 1);
  }
  assert(refusals > 0 && refusals < 20, `${refusals} refusals`);
});

Deno.test("Log.open goes on where an older segment cannot be removed", async () => {
  const disk = diskWithSegment(sampleSegment([[committing(1n)]]).bytes);
  disk.fail({ kind: "remove", times: Infinity });
  for (let opening = 0; opening < 3; opening++) assertEquals(await transactionsOn(disk), [1n]);
  disk.mend();
  assertEquals(await transactionsOn(disk), [1n]);
  assertEquals(segmentsOn(disk).length, 1);
});

Deno.test("Log.open finds a directory by any way of writing it", async () => {
  const first = await openLog();
  await first.clock.finish(first.log.append(committing(1n)));
  await first.clock.finish(first.log.close());
  const { platform } = first;
  for (const directory of ["/log/", "log", "./log", "/tmp/../log"]) {
    const model = new LiveState();
    const log = await platform.clock.finish(Log.open({ directory, platform, model }));
    assertEquals(model.active.map(({ txn }) => txn), [1n]);
    await platform.clock.finish(log.close());
  }
});

Deno.test("Log.close can be called again, and releases the lock", async () => {
  const { log, disk, clock } = await openLog();
  const closing = log.close();
  assertEquals(log.close(), closing);
  await clock.finish(closing);
  await log.close();
  await stateOn(disk);
});

Deno.test("Log is closed at the end of its scope", async () => {
  const { log, disk, clock } = await openLog();
  const scope = async () => {
    await using scoped: Log<LogRecord> = log;
    await scoped.append(committing(1n));
  };
  await clock.finish(scope());
  assertEquals(disk.openFiles, []);
  assertEquals(await transactionsOn(disk), [1n]);
});

Deno.test("Log.append tells each of many callers the number of its own record, Log.force does without", async () => {
  const { log, model, clock } = await openLog();
  const forced = log.force(committing(1n));
  const appended = [2n, 3n, 4n].map((txn) => log.append(committing(txn)));
  const [first = NaN, ...others] = await clock.finish(Promise.all(appended));
  assertEquals(others, [first + 1, first + 2]);
  await clock.finish(forced);
  assertEquals(model.active.map(({ txn }) => txn), [1n, 2n, 3n, 4n]);
  await clock.finish(log.close());
});
