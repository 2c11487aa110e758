/**
 * Proves what a log guarantees that keeps every entry, since its model cannot restate them: what an opening
 * has shown stays, though the writer before it had not synced it; and no loss at its beginning is silent.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import type { SeededRandom } from "../simulation/seeded_random.ts";
import { seededTest } from "../simulation/seeds.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { BytesModel, type OpenLog, openWith, pathOfSegment, segmentsOn } from "./open_log.ts";

function open(
  disk: MemoryDisk,
  segmentSize: number = 65_536,
): Promise<OpenLog<Uint8Array, BytesModel>> {
  return openWith(new BytesModel(), simulatedPlatform(disk), { segmentSize });
}

function entry(number: number): Uint8Array {
  return new Uint8Array(90).fill(16).fill(number, 1);
}

/** Numbers of the entries that an opening finds, and the files on which it has a verdict. */
async function found(disk: MemoryDisk): Promise<{ entries: number[]; damages: string[] }> {
  const { log, model, clock } = await open(disk);
  const entries = model.entries.map(({ body }) => body[1] ?? -1);
  const damages = log.damages.map(({ file }) => file);
  await clock.finish(log.close());
  return { entries, damages };
}

/** A disk on which entries are durable. */
async function diskWith(
  count: number,
  random: SeededRandom,
  segmentSize?: number,
): Promise<MemoryDisk> {
  const disk = new MemoryDisk(random.fork());
  const { log, clock } = await open(disk, segmentSize);
  for (let number = 1; number <= count; number++) await clock.finish(log.append(entry(number)));
  await clock.finish(log.close());
  return disk;
}

/** What a process leaves that dies between writing an entry and its sync. */
async function diesBeforeSync(disk: MemoryDisk, number: number): Promise<MemoryDisk> {
  const { log, clock } = await open(disk);
  const hold = disk.hold("syncData");
  const answer = log.append(entry(number));
  await clock.settle();
  assertEquals(hold.waiting, 1);
  const left = disk.kill();
  hold.release();
  await clock.finish(answer);
  await clock.finish(log.close());
  return left;
}

/** What a process leaves whose sync of an entry has failed. */
async function failsToSync(disk: MemoryDisk, number: number): Promise<MemoryDisk> {
  const { log, clock } = await open(disk);
  disk.fail({ kind: "syncData" });
  const answer = assertRejects(() => log.append(entry(number)), LogUnavailableError);
  assertEquals((await clock.finish(answer)).written, "unknown");
  await clock.finish(log.close());
  return disk.kill();
}

for (const [name, leave] of Object.entries({ diesBeforeSync, failsToSync })) {
  seededTest(`Log.open keeps what it shows, also where the writer ${name}`, 20, async (random) => {
    const disk = await leave(await diskWith(2, random), 3);
    const shown = await found(disk);
    assert(shown.entries.length >= 2);
    assertEquals(await found(disk.crash(random)), shown);
  });
}

seededTest("Log.open keeps what it shows wherever it is cut off itself", 2, async (random) => {
  const disk = await diesBeforeSync(await diskWith(4, random), 5);
  const crashes: MemoryDisk[] = [];
  disk.observe(() => crashes.push(disk.kill(), disk.crash(random)));
  await found(disk);
  for (const crashed of crashes) {
    const shown = await found(crashed);
    assertEquals(shown.damages, []);
    assert(shown.entries.length >= 4);
    assertEquals(await found(crashed.crash(random)), shown);
  }
});

seededTest("Log.open changes no byte of a damaged segment to keep it", 5, async (random) => {
  const disk = await diskWith(3, random);
  const path = pathOfSegment(0);
  const bytes = disk.bytesOf(path);
  bytes[200] = (bytes[200] ?? 0) ^ 1;
  disk.put(path, bytes);
  const shown = await found(disk);
  assertEquals(shown.damages, [segmentName(0)]);
  assertEquals(disk.bytesOf(path), bytes);
  assertEquals(await found(disk.crash(random)), shown);
});

seededTest("Log.open notices that the oldest segments are gone", 1, async (random) => {
  const disk = await diskWith(40, random, 1024);
  const [first = -1, second = -1, third = -1] = segmentsOn(disk);
  assert(first === 0 && third > second);
  await disk.remove(pathOfSegment(first));
  assertEquals((await found(disk.kill())).damages, [segmentName(second)]);
  await disk.remove(pathOfSegment(second));
  const { damages } = await found(disk);
  assertEquals(damages, [segmentName(third)]);
  assertEquals((await found(disk)).damages, damages, "the same loss was found again");
});
