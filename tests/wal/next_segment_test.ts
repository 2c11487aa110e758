/** Proves that there is at most one next segment, and that none is left open or begun twice. */

import { assertEquals } from "@std/assert";
import { FrameBatch } from "../../src/wal/frame_batch.ts";
import { NextSegment } from "../../src/wal/next_segment.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import { SegmentWriter } from "../../src/wal/segment_writer.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { DIRECTORY } from "./sample_segment.ts";

const NUMBER = 70;

async function emptyDisk(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await disk.ensureDirectory(DIRECTORY);
  return disk;
}

async function make(disk: MemoryDisk): Promise<SegmentWriter> {
  using opening = new FrameBatch();
  opening.add(Uint8Array.of(5));
  return await SegmentWriter.create(
    simulatedPlatform(disk),
    DIRECTORY,
    NUMBER,
    opening,
    null,
    1000,
  );
}

Deno.test("NextSegment is known while it is made, and given once", async () => {
  const disk = await emptyDisk();
  const next = new NextSegment(disk, DIRECTORY);
  assertEquals([next.firstLsn, next.isReady, next.isMaking, next.take()], [
    null,
    false,
    false,
    null,
  ]);
  const made = Promise.withResolvers<SegmentWriter>();
  next.make(NUMBER, () => made.promise);
  assertEquals([next.firstLsn, next.isReady, next.isMaking], [NUMBER, false, true]);
  const segment = await make(disk);
  made.resolve(segment);
  await made.promise.then(() => {}).then(() => {});
  assertEquals([next.isReady, next.isMaking], [true, false]);
  assertEquals([next.take(), next.take(), next.isReady], [segment, null, false]);
  // Its number is taken until the log has gone over to it, or to a later one.
  assertEquals(next.firstLsn, NUMBER);
  next.forget();
  assertEquals(next.firstLsn, null);
  segment.close();
});

Deno.test("NextSegment.forget closes what is ready, and what is ready later", async () => {
  const disk = await emptyDisk();
  const next = new NextSegment(disk, DIRECTORY);
  const made = Promise.withResolvers<SegmentWriter>();
  next.make(NUMBER, () => made.promise);
  next.forget();
  made.resolve(await make(disk));
  await next.close();
  assertEquals([next.isReady, disk.openFiles], [false, []]);
  assertEquals(disk.namesIn(DIRECTORY), [segmentName(NUMBER)]);
});

Deno.test("NextSegment keeps the number of one that could not be made", async () => {
  const next = new NextSegment(await emptyDisk(), DIRECTORY);
  next.make(NUMBER, () => Promise.reject(new Error("the disk failed")));
  await next.close();
  assertEquals([next.firstLsn, next.isReady, next.isMaking], [NUMBER, false, false]);
});

Deno.test("NextSegment.close removes what nobody went over to, or leaves it to the next opening", async () => {
  for (const fails of [false, true]) {
    const disk = await emptyDisk();
    const next = new NextSegment(disk, DIRECTORY);
    next.make(NUMBER, () => make(disk));
    if (fails) disk.fail({ kind: "remove", times: Infinity });
    await next.close();
    assertEquals(disk.openFiles, []);
    if (!fails) assertEquals(disk.namesIn(DIRECTORY), []);
  }
});
