/**
 * Proves that a segment which the writer has left becomes the file of a later one, that nothing of it is
 * changed before its new name is durable, that a reader keeps what it reads, and that whatever cannot be used
 * again is left to be removed.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { FilePipeline } from "../../src/wal/file_pipeline.ts";
import { SettledFiles } from "../../src/wal/inspect_files.ts";
import type { LeftSegment } from "../../src/wal/left_segments.ts";
import { retireSegments } from "../../src/wal/retire.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import { DiskError } from "../simulation/disk_calls.ts";
import type { MemoryDisk } from "../simulation/memory_disk.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { type SimulatedPlatform, simulatedPlatform } from "../simulation/simulated_platform.ts";
import { DIRECTORY } from "./sample_segment.ts";

const LENGTH = 600;
const WRITTEN = 500;
const PATH = `${DIRECTORY}/${segmentName(0)}`;
const KEPT = { epoch: 1, damaged: new Set<string>(), unread: new Set<string>() };

async function machine(): Promise<SimulatedPlatform> {
  const platform = simulatedPlatform();
  await platform.fileSystem.ensureDirectory(DIRECTORY);
  return platform;
}

/** A segment with a number in each of its first bytes, and zeros behind them. */
async function segment(disk: MemoryDisk, firstLsn = 0, length = WRITTEN): Promise<LeftSegment> {
  const file = await disk.open(`${DIRECTORY}/${segmentName(firstLsn)}`, "create-new");
  file.write(new Uint8Array(length).fill(7));
  file.write(new Uint8Array(Math.max(LENGTH - length, 0)));
  await file.syncData();
  await disk.syncDirectory(DIRECTORY);
  return { firstLsn, file, length };
}

function retire(platform: SimulatedPlatform, pipeline: FilePipeline): Promise<string[]> {
  return retireSegments(platform, DIRECTORY, 900, KEPT, pipeline.left);
}

Deno.test("A segment that was left becomes the next file as it is, and nothing is written for that", async () => {
  const platform = await machine();
  const disk = platform.fileSystem;
  const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
  pipeline.keep(await segment(disk));
  const [identity, content] = [await disk.identify(PATH), disk.bytesOf(PATH)];
  const first = disk.calls.length;
  await retire(platform, pipeline);
  pipeline.prepare();
  await platform.clock.settle();
  const kinds = disk.calls.slice(first).map(({ kind }) => kind);
  assertEquals(kinds, ["list", "open", "tryLock", "rename", "rewind", "syncDirectory"]);
  const ready = pipeline.take();
  assert(ready !== null);
  assertEquals(await disk.identify(ready.path), identity);
  assertEquals(disk.bytesOf(ready.path), content);
  ready.file.write(Uint8Array.of(1, 2));
  assertEquals(disk.bytesOf(ready.path), Uint8Array.of(1, 2, ...content.subarray(2)));
  assertEquals(disk.namesIn(DIRECTORY), ["next-0.unfinished"]);
  ready.file.close();
  await pipeline.close();
  assertEquals(disk.openFiles, []);
});

Deno.test("A segment that was left is used again though no new file can be made", async () => {
  const platform = await machine();
  const disk = platform.fileSystem;
  const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
  pipeline.keep(await segment(disk));
  disk.fail({ kind: "write", times: Infinity });
  pipeline.prepare();
  await platform.clock.settle();
  assertEquals(pipeline.isReady, false);
  await retire(platform, pipeline);
  assert(pipeline.isReady);
  pipeline.take()?.file.close();
  assertEquals([pipeline.isReady, disk.namesIn(DIRECTORY)], [false, ["next-1.unfinished"]]);
  await pipeline.close();
});

Deno.test("A new file is kept for later while there are segments to be used again", async () => {
  const platform = await machine();
  const disk = platform.fileSystem;
  const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
  pipeline.prepare();
  await platform.clock.settle();
  pipeline.keep(await segment(disk));
  await retire(platform, pipeline);
  const taken = [pipeline.take(), pipeline.take(), pipeline.take()];
  assertEquals(taken.map((file) => file?.path.slice(DIRECTORY.length + 1)), [
    "next-1.unfinished",
    "next-0.unfinished",
    undefined,
  ]);
  for (const file of taken) file?.file.close();
  await pipeline.close();
});

Deno.test("A segment that was left is overwritten only when its new name is durable", async () => {
  const platform = await machine();
  const disk = platform.fileSystem;
  const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
  pipeline.keep(await segment(disk));
  const before = disk.bytesOf(PATH);
  const hold = disk.hold("syncDirectory");
  const retiring = retire(platform, pipeline);
  await platform.clock.settle();
  assertEquals([hold.waiting, disk.namesIn(DIRECTORY)], [1, ["next-0.unfinished"]]);
  pipeline.prepare();
  await platform.clock.settle();
  // Another file was made meanwhile, and is the one that is written to.
  const ready = pipeline.take();
  ready?.file.write(Uint8Array.of(1, 2, 3));
  await ready?.file.syncData();
  ready?.file.close();
  for (let seed = 0; seed < 20; seed++) {
    const left = disk.crash(new SeededRandom(seed));
    const [name = ""] = left.namesIn(DIRECTORY).filter((one) => one.endsWith(".wal"));
    if (name !== "") assertEquals(left.bytesOf(`${DIRECTORY}/${name}`), before, `seed ${seed}`);
  }
  hold.release();
  await retiring;
  await pipeline.close();
  assertEquals(disk.namesIn(DIRECTORY), ["next-1.unfinished"]);
  assertEquals(disk.openFiles, []);
});

Deno.test("A segment whose new name cannot be made durable is never overwritten", async () => {
  const platform = await machine();
  const disk = platform.fileSystem;
  const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
  pipeline.keep(await segment(disk));
  disk.fail({ kind: "syncDirectory" });
  await assertRejects(() => retire(platform, pipeline), DiskError);
  assertEquals([disk.openFiles, disk.namesIn(DIRECTORY)], [[], []]);
  const first = disk.calls.length;
  pipeline.prepare();
  await platform.clock.settle();
  assertEquals(disk.calls[first]?.kind, "open");
  await pipeline.close();
});

Deno.test("A segment that somebody reads is removed, and can be read to its end", async () => {
  const platform = await machine();
  const disk = platform.fileSystem;
  const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
  pipeline.keep(await segment(disk));
  const before = disk.bytesOf(PATH);
  using files = new SettledFiles(disk);
  await files.list(DIRECTORY);
  const reader = await files.open(PATH);
  await retire(platform, pipeline);
  pipeline.prepare();
  await platform.clock.settle();
  const bytes = new Uint8Array(LENGTH);
  assertEquals(await reader.read(bytes, 0), LENGTH);
  assertEquals(bytes, before);
  reader.close();
  await pipeline.close();
  assertEquals(disk.namesIn(DIRECTORY), []);
});

Deno.test("A reader takes a segment for gone that is taken between its opening and its lock", async () => {
  for (const held of ["tryShare", "identify"] as const) {
    const platform = await machine();
    const disk = platform.fileSystem;
    const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
    pipeline.keep(await segment(disk));
    using files = new SettledFiles(disk);
    const hold = disk.hold(held);
    const opening = files.open(PATH);
    await platform.clock.settle();
    assertEquals(hold.waiting, 1);
    await retire(platform, pipeline);
    hold.release();
    // With its lock shared it was removed, and is there to be read only for who looked before.
    await assertRejects(() => opening, Error, segmentName(0));
    await pipeline.close();
    assertEquals(disk.openFiles, []);
  }
});

Deno.test("A segment is taken for gone while its writer renames it", async () => {
  const platform = await machine();
  const disk = platform.fileSystem;
  const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
  pipeline.keep(await segment(disk));
  const hold = disk.hold("rename");
  const retiring = retire(platform, pipeline);
  await platform.clock.settle();
  assertEquals(hold.waiting, 1);
  const error = await assertRejects(() => new SettledFiles(disk).open(PATH), Error);
  assertEquals(error.name, "NotFound");
  hold.release();
  await retiring;
  await pipeline.close();
  assertEquals(disk.openFiles, []);
});

Deno.test("A segment that has grown, or one too many, is removed", async () => {
  const platform = await machine();
  const disk = platform.fileSystem;
  const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
  pipeline.keep(await segment(disk, 0, LENGTH + 1));
  for (const firstLsn of [10, 20, 30]) pipeline.keep(await segment(disk, firstLsn));
  assertEquals(disk.openFiles.length, 2);
  await retire(platform, pipeline);
  assertEquals(disk.namesIn(DIRECTORY), ["next-0.unfinished", "next-1.unfinished"]);
  // None of these two is needed yet.
  pipeline.keep(await segment(disk, 40));
  await retire(platform, pipeline);
  assertEquals(disk.namesIn(DIRECTORY), ["next-0.unfinished", "next-1.unfinished"]);
  await pipeline.close();
  assertEquals([disk.openFiles, disk.namesIn(DIRECTORY)], [[], []]);
});

Deno.test("A segment that cannot be taken stands in nobody's way", async () => {
  for (const kind of ["open", "tryLock", "rename", "rewind"] as const) {
    const platform = await machine();
    const disk = platform.fileSystem;
    const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
    pipeline.keep(await segment(disk));
    disk.fail({ kind });
    await assertRejects(() => retire(platform, pipeline), DiskError);
    assertEquals(disk.openFiles, [], kind);
    await retire(platform, pipeline);
    assertEquals(disk.namesIn(DIRECTORY), [], kind);
    await pipeline.close();
  }
});
