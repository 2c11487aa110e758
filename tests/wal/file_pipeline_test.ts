/**
 * Proves that files are made ready beside the work and not in its way, that a file which is handed
 * out is durable zeros, and that failing leaves nothing behind.
 */

import { assert, assertEquals } from "@std/assert";
import { FilePipeline, type ReadyFile } from "../../src/wal/file_pipeline.ts";
import type { MemoryDisk } from "../simulation/memory_disk.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { type SimulatedPlatform, simulatedPlatform } from "../simulation/simulated_platform.ts";
import { DIRECTORY } from "./sample_segment.ts";

/** Three pieces, the last of which is short. */
const LENGTH = 600_000;

async function machine(): Promise<SimulatedPlatform> {
  const platform = simulatedPlatform();
  await platform.fileSystem.ensureDirectory(DIRECTORY);
  return platform;
}

async function prepared(platform: SimulatedPlatform): Promise<FilePipeline> {
  const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
  pipeline.prepare();
  await platform.clock.settle();
  return pipeline;
}

function taken(pipeline: FilePipeline): ReadyFile {
  const ready = pipeline.take();
  assert(ready !== null);
  return ready;
}

Deno.test("FilePipeline has nothing ready until it was told to prepare", async () => {
  const platform = await machine();
  const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
  await platform.clock.settle();
  assertEquals([pipeline.isReady, pipeline.take()], [false, null]);
  await pipeline.close();
  assertEquals(platform.fileSystem.namesIn(DIRECTORY), []);
});

Deno.test("FilePipeline.take gives a file of durable zeros, open at its beginning", async () => {
  const platform = await machine();
  const disk = platform.fileSystem;
  const pipeline = await prepared(platform);
  assert(pipeline.isReady);
  const { path, file } = taken(pipeline);
  assertEquals(pipeline.isReady, false);
  assertEquals(disk.bytesOf(path), new Uint8Array(LENGTH));
  await disk.syncDirectory(DIRECTORY);
  await disk.syncAncestors(DIRECTORY);
  assertEquals(disk.crash(new SeededRandom(1)).bytesOf(path), new Uint8Array(LENGTH));
  file.write(Uint8Array.of(7));
  assertEquals(disk.bytesOf(path)[0], 7);
  file.close();
  await pipeline.close();
});

Deno.test("FilePipeline.prepare makes one file at a time, and a new one when that was taken", async () => {
  const platform = await machine();
  const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
  pipeline.prepare();
  pipeline.prepare();
  await platform.clock.settle();
  pipeline.prepare();
  await platform.clock.settle();
  assertEquals(platform.fileSystem.openFiles.length, 1);
  const first = taken(pipeline);
  pipeline.prepare();
  await platform.clock.settle();
  const second = taken(pipeline);
  assert(first.path !== second.path);
  first.file.close();
  second.file.close();
  await pipeline.close();
});

Deno.test("FilePipeline syncs each piece before it writes the next", async () => {
  const platform = await machine();
  const disk = platform.fileSystem;
  const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
  const first = disk.calls.length;
  const hold = disk.hold("syncData");
  pipeline.prepare();
  await platform.clock.settle();
  const kinds = () => disk.calls.slice(first).map(({ kind }) => kind);
  assertEquals([kinds(), hold.waiting], [["open", "write", "syncData"], 1]);
  hold.release();
  await platform.clock.settle();
  const piece = ["write", "syncData"];
  assertEquals(kinds(), ["open", ...piece, ...piece, ...piece, "rewind"]);
  assert(pipeline.isReady);
  await pipeline.close();
});

Deno.test("FilePipeline.close removes what is ready and what is being made", async () => {
  for (const settled of [true, false]) {
    const platform = await machine();
    const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
    pipeline.prepare();
    if (settled) await platform.clock.settle();
    await platform.clock.finish(pipeline.close());
    assertEquals(platform.fileSystem.openFiles, []);
    assertEquals(platform.fileSystem.namesIn(DIRECTORY), []);
    pipeline.prepare();
    await platform.clock.settle();
    assertEquals(platform.fileSystem.namesIn(DIRECTORY), []);
  }
});

Deno.test("FilePipeline leaves nothing behind when a call fails, and makes the next file", async () => {
  for (let skip = 0; skip < 8; skip++) {
    const platform = await machine();
    const disk: MemoryDisk = platform.fileSystem;
    const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
    disk.fail({ skip });
    pipeline.prepare();
    await platform.clock.settle();
    assertEquals([pipeline.isReady, disk.openFiles], [false, []], `call ${skip + 1}`);
    disk.mend();
    platform.clock.advance(60_000);
    pipeline.prepare();
    await platform.clock.settle();
    assert(pipeline.isReady);
    await pipeline.close();
  }
});

Deno.test("FilePipeline fills the file however short the writes are", async () => {
  const platform = await machine();
  platform.fileSystem.fail({ kind: "write", effect: "short", times: 5 });
  const pipeline = await prepared(platform);
  const { path, file } = taken(pipeline);
  assertEquals(platform.fileSystem.bytesOf(path).length, LENGTH);
  file.close();
  await pipeline.close();
});

Deno.test("FilePipeline does not fill a disk again at once that has just been full", async () => {
  const platform = await machine();
  const disk = platform.fileSystem;
  disk.fail({ kind: "write", times: Infinity });
  const pipeline = new FilePipeline(platform, DIRECTORY, LENGTH);
  for (let batch = 0; batch < 20; batch++) {
    pipeline.prepare();
    await platform.clock.settle();
  }
  const opened = disk.calls.filter(({ kind }) => kind === "open").length;
  assert(opened < 5, `${opened} files were begun within no time`);
  await pipeline.close();
});
