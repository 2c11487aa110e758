/**
 * Proves what becomes of a damaged log: its verdict outlives any number of restarts and any crash
 * while it is made, the damaged file is kept, decisions that are readable stay, and only an
 * operator clears it.
 */

import { assert, assertEquals } from "@std/assert";
import type { VerdictRecord } from "../../src/wal/head.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import type { MemoryDisk } from "../simulation/memory_disk.ts";
import { MemoryDisk as Disk } from "../simulation/memory_disk.ts";
import { seededTest } from "../simulation/seeds.ts";
import { type SimulatedPlatform, simulatedPlatform } from "../simulation/simulated_platform.ts";
import { BytesModel, openLog, openWith, segmentsOn } from "./open_log.ts";
import {
  committing,
  contentOf,
  DIRECTORY,
  diskWithSegment,
  LOG_ID,
  putIdentity,
  putSegment,
  putText,
  sampleSegment,
  withFlippedBit,
} from "./sample_segment.ts";

const BATCHES = [[committing(1n)], [committing(2n)], [committing(3n)]];

/** A log whose second transaction cannot be read any more. */
function damagedDisk(): { disk: MemoryDisk; bytes: Uint8Array } {
  const { bytes, offsets } = sampleSegment(BATCHES);
  const damaged = withFlippedBit(bytes, 8 * ((offsets[3] ?? 0) + 20));
  return { disk: diskWithSegment(damaged), bytes: damaged };
}

interface Opening {
  readonly damages: readonly VerdictRecord[];
  readonly transactions: bigint[];
  readonly epoch: number;
}

/** Opens and closes the log on a disk. */
async function open(disk: MemoryDisk): Promise<Opening> {
  const { log, model, clock } = await openLog(simulatedPlatform(disk));
  const { epoch, damages } = log;
  await clock.finish(log.close());
  return { damages, transactions: model.active.map(({ txn }) => txn), epoch };
}

/** Names of the files that hold exactly these bytes. */
function holders(disk: MemoryDisk, bytes: Uint8Array): string[] {
  const text = String(bytes);
  return [...contentOf(disk)].filter(([, content]) => String(content) === text)
    .map(([name]) => name);
}

Deno.test("Log.open gives a verdict on damage, and sets the file aside as it is", async () => {
  const { disk, bytes } = damagedDisk();
  const { damages, transactions, epoch } = await open(disk);
  assertEquals(transactions, [1n, 3n]);
  const [{ reason, at, ...verdict } = {} as VerdictRecord, ...others] = damages;
  assertEquals([verdict, others], [{
    type: "verdict",
    kind: "damaged",
    epoch: 1,
    file: segmentName(0),
    by: "recovery",
  }, []]);
  assert(reason.includes("LSN 3") && at.startsWith("2026-01-01"), reason);
  assertEquals(holders(disk, bytes), [`${segmentName(0)}.broken-${epoch}`]);
});

Deno.test("Log.damages stand over any number of restarts and segments", async () => {
  const { disk } = damagedDisk();
  const first = await open(disk);
  for (let restart = 0; restart < 4; restart++) {
    const again = await open(disk);
    assertEquals([again.damages, again.transactions], [first.damages, first.transactions]);
  }
  const platform = simulatedPlatform(disk);
  const { log, clock } = await openLog(platform, { segmentSize: 1024 });
  for (let txn = 10n; txn < 60n; txn++) await clock.finish(log.append(committing(txn)));
  await clock.finish(log.close());
  assert((segmentsOn(disk)[0] ?? 0) > 40);
  assertEquals((await open(disk)).damages, first.damages);
});

Deno.test("Log.clearDamage ends a verdict for good", async () => {
  const { disk, bytes } = damagedDisk();
  const { log, clock } = await openLog(simulatedPlatform(disk));
  await clock.finish(log.clearDamage("somebody", "looked at both databases"));
  assertEquals(log.damages, []);
  await clock.finish(log.close());
  assertEquals((await open(disk)).damages, []);
  assertEquals((await open(disk)).damages, []);
  assertEquals(holders(disk, bytes).length, 1, "the damaged file is kept");
});

seededTest("Log.clearDamage is durable when it resolves", 20, async (random) => {
  const { disk } = damagedDisk();
  const { log, clock } = await openLog(simulatedPlatform(disk));
  assertEquals((await open(disk.crash(random))).damages.length, 1);
  await clock.finish(log.clearDamage("somebody", "a test"));
  assertEquals((await open(disk.crash(random))).damages, []);
  await clock.finish(log.close());
});

seededTest(
  "Log.open gives the same verdict after a crash behind any of its calls",
  4,
  async (random) => {
    const { disk, bytes } = damagedDisk();
    const crashes: [string, MemoryDisk][] = [];
    disk.observe(({ number, kind, path }) => {
      const text = `call ${number}, ${kind} of ${path}`;
      crashes.push([`killed behind ${text}`, disk.kill()]);
      for (let cut = 0; cut < 3; cut++) crashes.push([`cut behind ${text}`, disk.crash(random)]);
    });
    const uncut = await open(disk);
    assert(crashes.length > 60);
    for (const [text, crashed] of crashes) {
      for (let opening = 0; opening < 2; opening++) {
        const { damages, transactions } = await open(crashed);
        assertEquals(transactions, uncut.transactions, text);
        assert(damages.some(({ file }) => file === segmentName(0)), text);
      }
      assert(holders(crashed, bytes).length > 0, `${text}: the damaged file is gone`);
    }
  },
);

Deno.test("Log.open loses no verdict when any of its calls fails", async () => {
  const { disk: probe } = damagedDisk();
  await open(probe);
  for (let skip = 0; skip < probe.calls.length; skip++) {
    const { disk, bytes } = damagedDisk();
    disk.fail({ skip });
    await open(disk).catch(() => {});
    assertEquals(disk.openFiles, []);
    disk.mend();
    const { damages, transactions } = await open(disk);
    assertEquals(transactions, [1n, 3n], `call ${skip + 1}`);
    assert(damages.some(({ file }) => file === segmentName(0)), `call ${skip + 1}`);
    assertEquals(holders(disk, bytes).length, 1, `call ${skip + 1}`);
  }
});

Deno.test("Log.open keeps damaged files apart, however often it happens", async () => {
  const { disk, bytes } = damagedDisk();
  putText(disk, `${segmentName(0)}.broken-2`, "from another time");
  await open(disk);
  assertEquals(holders(disk, bytes).length, 1);
  const text = new TextDecoder().decode(disk.bytesOf(`${DIRECTORY}/${segmentName(0)}.broken-2`));
  assertEquals(text, "from another time");
});

/** A damaged segment that a crash kept from being retired, before one that is whole. */
function diskWithOlder(): { disk: MemoryDisk; bytes: Uint8Array } {
  const { disk, bytes } = damagedDisk();
  putSegment(disk, sampleSegment([[committing(7n)]], { firstLsn: 50, epoch: 2 }).bytes, 50);
  return { disk, bytes };
}

Deno.test("Log.open sets a damaged segment aside although a later one restates it, and says so", async () => {
  const { disk, bytes } = diskWithOlder();
  putSegment(disk, sampleSegment([], { firstLsn: 40 }).bytes, 40);
  const aside = `${segmentName(0)}.broken-3`;
  for (let opening = 0; opening < 3; opening++) {
    const { log, clock } = await openLog(simulatedPlatform(disk));
    assertEquals([log.damages, log.setAside], [[], [aside]]);
    await clock.finish(log.close());
    assertEquals([holders(disk, bytes), segmentsOn(disk).length], [[aside], 1]);
  }
});

Deno.test("Log says what was set aside also where not everything could be", async () => {
  const { disk } = diskWithOlder();
  putSegment(disk, withFlippedBit(sampleSegment([], { firstLsn: 40 }).bytes, 1), 40);
  disk.fail({ kind: "rename", skip: 2 });
  const { log, clock } = await openLog(simulatedPlatform(disk));
  const names = disk.namesIn(DIRECTORY).filter((name) => name.includes(".broken-"));
  assert(names.includes(`${segmentName(40)}.broken-3`));
  assertEquals(log.setAside, names);
  await clock.finish(log.close());
});

Deno.test("Log sets a damaged older segment aside later if it could not at once", async () => {
  const { disk, bytes } = diskWithOlder();
  const { log, clock } = await (async () => {
    disk.fail({ kind: "rename", skip: 2 });
    return await openLog(simulatedPlatform(disk), { segmentSize: 1024 });
  })();
  disk.mend();
  for (let txn = 10n; txn < 30n; txn++) await clock.finish(log.append(committing(txn)));
  await clock.finish(log.close());
  assertEquals(holders(disk, bytes), [`${segmentName(0)}.broken-3`]);
  assertEquals(segmentsOn(disk).length, 1);
});

Deno.test("Log.open removes no segment that it could not read, and looks again the next time", async () => {
  const { disk, bytes } = diskWithOlder();
  disk.fail({ kind: "size", skip: 1 });
  await open(disk);
  assertEquals(holders(disk, bytes), [segmentName(0)]);
  const { epoch } = await open(disk);
  assertEquals(holders(disk, bytes), [`${segmentName(0)}.broken-${epoch}`]);
});

seededTest("Log.open loses no damaged older segment in a crash", 4, async (random) => {
  const { disk, bytes } = diskWithOlder();
  const crashes: MemoryDisk[] = [];
  disk.observe(() => crashes.push(disk.kill(), disk.crash(random)));
  await open(disk);
  for (const crashed of crashes) {
    assertEquals((await open(crashed)).transactions, [7n]);
    assertEquals(holders(crashed, bytes).length, 1);
  }
});

Deno.test("Log.open gives a verdict on a log that is lost, and keeps its id", async () => {
  const disk = new Disk();
  putIdentity(disk, LOG_ID, 5);
  const { log, clock } = await openLog(simulatedPlatform(disk));
  assertEquals([log.id, log.epoch], [LOG_ID, 6]);
  assertEquals(log.damages.map(({ file, epoch }) => [file, epoch]), [["", 5]]);
  await clock.finish(log.close());
  assertEquals((await open(disk)).damages.length, 1);
});

Deno.test("Log.open gives a second verdict on a second damage", async () => {
  const { disk } = damagedDisk();
  await open(disk);
  const newest = segmentsOn(disk)[0] ?? -1;
  const path = `${DIRECTORY}/${segmentName(newest)}`;
  const { log, clock } = await openLog(simulatedPlatform(disk));
  for (let txn = 10n; txn < 14n; txn++) await clock.finish(log.append(committing(txn)));
  await clock.finish(log.close());
  const file = segmentName(segmentsOn(disk)[0] ?? -1);
  const bytes = disk.bytesOf(`${DIRECTORY}/${file}`);
  assert(path !== `${DIRECTORY}/${file}`);
  disk.put(`${DIRECTORY}/${file}`, withFlippedBit(bytes, 8 * (bytes.length - 300)));
  const { damages } = await open(disk);
  assertEquals(damages.map((damage) => damage.file), [segmentName(0), file]);
  assertEquals((await open(disk)).damages, damages);
});

/** A log whose entries are all kept, the second of which cannot be read any more. */
async function damagedKeptLog(): Promise<SimulatedPlatform> {
  const platform = simulatedPlatform();
  const disk = platform.fileSystem;
  const { log, clock } = await openWith<Uint8Array, BytesModel>(new BytesModel(), platform);
  for (let body = 1; body <= 5; body++) {
    await clock.finish(log.append(Uint8Array.of(16, body, 0, 0)));
  }
  await clock.finish(log.close());
  const path = `${DIRECTORY}/${segmentName(0)}`;
  const bytes = disk.bytesOf(path);
  disk.put(path, withFlippedBit(bytes, 8 * (bytes.length - 3 * 20 - 2)));
  return platform;
}

Deno.test("Log.open loses no readable entry of a damaged log whose entries are all kept", async () => {
  const platform = await damagedKeptLog();
  const verdicts: (readonly VerdictRecord[])[] = [];
  for (let opening = 0; opening < 4; opening++) {
    const { log, model } = await openWith<Uint8Array, BytesModel>(new BytesModel(), platform);
    assertEquals(model.entries.map(({ body }) => body[1]), [1, 3, 4, 5], `opening ${opening + 1}`);
    verdicts.push(log.damages);
    await platform.clock.finish(log.close());
  }
  assertEquals(verdicts[0]?.length, 1);
  for (const damages of verdicts) assertEquals(damages, verdicts[0]);
});

Deno.test("Log.clearDamage ends a verdict for good where all entries are kept", async () => {
  const platform = await damagedKeptLog();
  const { log, clock } = await openWith<Uint8Array, BytesModel>(new BytesModel(), platform);
  await clock.finish(log.clearDamage("somebody", "a test"));
  await clock.finish(log.close());
  for (let opening = 0; opening < 3; opening++) {
    const { log: again } = await openWith<Uint8Array, BytesModel>(new BytesModel(), platform);
    assertEquals(again.damages, []);
    await clock.finish(again.close());
  }
});
