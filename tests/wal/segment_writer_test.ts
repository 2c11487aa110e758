/**
 * Proves that a segment has its name only when its opening is durable, that what it writes is what
 * the format says, and that it refuses everything after a call that failed.
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import type { FileHandle } from "../../src/platform/file_system.ts";
import type { ReadyFile } from "../../src/wal/file_pipeline.ts";
import { FrameBatch } from "../../src/wal/frame_batch.ts";
import { MAX_SEGMENT_LENGTH } from "../../src/wal/segment_scan.ts";
import { SegmentCreationError, SegmentWriter } from "../../src/wal/segment_writer.ts";
import { type CallKind, DiskError } from "../simulation/disk_calls.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { seededTest } from "../simulation/seeds.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { DIRECTORY, joined, sampleOfBodies } from "./sample_segment.ts";
import { makeFrame } from "./scan_oracle.ts";

const FIRST = 70;
const LIMIT = 1000;
const NAME = "00000000000000000070.wal";
const PATH = `${DIRECTORY}/${NAME}`;
const OPENING = [Uint8Array.of(5, 1, 2, 3), Uint8Array.of(4)];

async function emptyDisk(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await disk.ensureDirectory(DIRECTORY);
  await disk.syncAncestors(DIRECTORY);
  return disk;
}

async function create(disk: MemoryDisk, ready: ReadyFile | null = null): Promise<SegmentWriter> {
  using opening = new FrameBatch();
  for (const body of OPENING) opening.add(body);
  const platform = simulatedPlatform(disk);
  return await SegmentWriter.create(platform, DIRECTORY, FIRST, opening, ready, LIMIT);
}

/** The bytes with which the segment must begin. */
function expectedOpening(salt: number): Uint8Array {
  return sampleOfBodies([OPENING], { firstLsn: FIRST, salt }).bytes;
}

async function readyFile(disk: MemoryDisk, length: number): Promise<ReadyFile> {
  const path = `${DIRECTORY}/next-0.unfinished`;
  const file = await disk.open(path, "create-new");
  file.write(new Uint8Array(length));
  await file.syncData();
  file.rewind();
  return { path, file };
}

Deno.test("SegmentWriter.create makes a segment with its opening records", async () => {
  const disk = await emptyDisk();
  const segment = await create(disk);
  const expected = expectedOpening(segment.salt);
  assertEquals(disk.bytesOf(PATH), expected);
  assertEquals([segment.firstLsn, segment.length], [FIRST, expected.length]);
  assertEquals(segment.preallocated, false);
  segment.close();
  assertEquals(disk.openFiles, []);
});

Deno.test("SegmentWriter.create names the file behind its sync and before that of the directory", async () => {
  const disk = await emptyDisk();
  const before = disk.calls.length;
  (await create(disk)).close();
  const kinds = disk.calls.slice(before).map(({ kind }) => kind);
  // The second "open" looks for a segment of that name.
  assertEquals(kinds, ["open", "open", "write", "write", "syncData", "rename", "syncDirectory"]);
});

Deno.test("SegmentWriter.create never takes the name of a segment that is there", async () => {
  const disk = await emptyDisk();
  disk.put(PATH, Uint8Array.of(1, 2, 3));
  const error = await assertRejects(() => create(disk), SegmentCreationError);
  assertEquals(error.named, false);
  assertStringIncludes(error.message, "there is one, it must stay");
  assertEquals(disk.bytesOf(PATH), Uint8Array.of(1, 2, 3));
  assertEquals(disk.namesIn(DIRECTORY), [NAME]);
});

seededTest(
  "SegmentWriter.create leaves a whole segment or none, whenever the power fails",
  20,
  async (random) => {
    const disk = await emptyDisk();
    const crashes: MemoryDisk[] = [];
    disk.observe(() => crashes.push(disk.crash(random), disk.kill()));
    const segment = await create(disk);
    const expected = expectedOpening(segment.salt);
    for (const crash of crashes) {
      if (crash.namesIn(DIRECTORY).includes(NAME)) assertEquals(crash.bytesOf(PATH), expected);
    }
    assertEquals(disk.crash(random).bytesOf(PATH), expected);
    segment.close();
  },
);

Deno.test("SegmentWriter.create takes another salt each time", async () => {
  const platform = simulatedPlatform(await emptyDisk());
  const salts = new Set<number>();
  for (let firstLsn = 0; firstLsn < 20; firstLsn++) {
    using opening = new FrameBatch();
    opening.add(Uint8Array.of(1));
    const segment = await SegmentWriter.create(platform, DIRECTORY, firstLsn, opening, null, LIMIT);
    salts.add(segment.salt);
    segment.close();
  }
  assertEquals(salts.size, 20);
});

Deno.test("SegmentWriter.create overwrites a file of zeros from its beginning", async () => {
  const disk = await emptyDisk();
  const segment = await create(disk, await readyFile(disk, 300));
  const expected = expectedOpening(segment.salt);
  const zeros = new Uint8Array(300 - expected.length);
  assertEquals(disk.bytesOf(PATH), joined([expected, zeros]));
  assertEquals([segment.preallocated, segment.length], [true, expected.length]);
  assertEquals(disk.namesIn(DIRECTORY), [NAME]);
  segment.close();
});

/** Whether a segment may have its name when a call of that kind failed. */
const NAMED: readonly [CallKind, boolean][] = [
  ["open", false],
  ["write", false],
  ["syncData", false],
  ["rename", true],
  ["syncDirectory", true],
];

Deno.test("SegmentWriter.create says whether the segment may have its name when it fails", async () => {
  for (const [kind, named] of NAMED) {
    const disk = await emptyDisk();
    await assertSaysNamed(disk, kind, named, () => create(disk));
  }
});

/** Making a segment must fail with a call of that kind, and say whether it may have its name. */
async function assertSaysNamed(
  disk: MemoryDisk,
  kind: CallKind,
  named: boolean,
  make: () => Promise<SegmentWriter>,
): Promise<void> {
  disk.fail({ kind });
  const error = await assertRejects(make, SegmentCreationError, NAME);
  assertEquals(error.named, named, kind);
  assert(error.cause instanceof DiskError);
  assertEquals(disk.openFiles, []);
  if (!named) assertEquals(disk.namesIn(DIRECTORY), []);
}

Deno.test("SegmentWriter.create closes and removes the file of zeros that it could not use", async () => {
  const disk = await emptyDisk();
  const ready = await readyFile(disk, 300);
  disk.fail({ kind: "write" });
  await assertRejects(() => create(disk, ready), SegmentCreationError);
  assertEquals([disk.openFiles, disk.namesIn(DIRECTORY)], [[], []]);
});

Deno.test("SegmentWriter.write appends the bytes, in as many pieces as it takes", async () => {
  const disk = await emptyDisk();
  const segment = await create(disk);
  const opening = disk.bytesOf(PATH);
  const frame = makeFrame(new Uint8Array(500).fill(9), 0, segment.salt, FIRST + 2);
  disk.fail({ kind: "write", effect: "short", times: Infinity });
  segment.write(frame);
  segment.write(frame);
  assertEquals(disk.bytesOf(PATH), joined([opening, frame, frame]));
  assertEquals(segment.length, opening.length + 2 * frame.length);
  segment.close();
});

Deno.test("SegmentWriter.sync makes what was written durable", async () => {
  const disk = await emptyDisk();
  const segment = await create(disk);
  segment.write(new Uint8Array(700).fill(3));
  await segment.sync();
  for (let seed = 0; seed < 50; seed++) {
    assertEquals(disk.crash(new SeededRandom(seed)).bytesOf(PATH), disk.bytesOf(PATH));
  }
  segment.close();
});

Deno.test("SegmentWriter refuses everything after a write that failed, and asks the disk no more", async () => {
  const disk = await emptyDisk();
  const segment = await create(disk);
  const { length } = segment;
  disk.fail({ kind: "write" });
  assertThrows(() => segment.write(Uint8Array.of(1)), DiskError);
  const calls = disk.calls.length;
  assertThrows(() => segment.write(Uint8Array.of(1)), Error, "another segment must be begun");
  assertThrows(() => segment.sync(), Error, "another segment must be begun");
  assertEquals([disk.calls.length, segment.length], [calls, length]);
  segment.close();
});

Deno.test("SegmentWriter never tries a sync again that failed, at once or later", async () => {
  const failures: string[] = [];
  for (const before of [0, 1]) {
    const disk = await emptyDisk();
    const segment = await create(disk);
    for (let count = 0; count < before; count++) await segment.sync();
    segment.write(Uint8Array.of(1));
    disk.fail({ kind: "syncData" });
    try {
      const syncing = segment.sync();
      failures.push("later");
      await assertRejects(async () => await syncing, DiskError);
    } catch (error) {
      assertInstanceOf(error, DiskError);
      failures.push("at once");
    }
    const calls = disk.calls.length;
    assertThrows(() => segment.sync(), Error, "another segment must be begun");
    assertThrows(() => segment.write(Uint8Array.of(1)), Error);
    assertEquals(disk.calls.length, calls);
    segment.close();
  }
  assertEquals(failures.toSorted(), ["at once", "later"]);
});

Deno.test("SegmentWriter refuses to write while a sync is under way", async () => {
  const disk = await emptyDisk();
  const segment = await create(disk);
  const hold = disk.hold("syncData");
  const synced = segment.sync();
  assertThrows(() => segment.write(Uint8Array.of(1)), Error, "under way");
  hold.release();
  await synced;
  segment.write(Uint8Array.of(1));
  segment.close();
});

Deno.test("SegmentWriter.write gives up on a file that takes nothing, or more than there is", async () => {
  for (const answer of [0, -1, 0.5, NaN, 1_000_000]) {
    const disk = await emptyDisk();
    const ready = await readyFile(disk, 10);
    const file: FileHandle = Object.create(ready.file, { write: { value: () => answer } });
    file.close = () => ready.file.close();
    await assertRejects(() => create(disk, { ...ready, file }), SegmentCreationError);
    assertEquals(disk.openFiles, []);
  }
});

Deno.test("SegmentWriter.close ends all use and may be repeated", async () => {
  const disk = await emptyDisk();
  const segment = await create(disk);
  segment.close();
  segment.close();
  assertThrows(() => segment.write(Uint8Array.of(1)), Error);
  assertThrows(() => segment.sync(), Error);
});

Deno.test("SegmentWriter.create gives no record a number from the limit on", async () => {
  for (const firstLsn of [LIMIT - 1, LIMIT]) {
    const disk = await emptyDisk();
    using opening = new FrameBatch();
    for (const body of OPENING) opening.add(body);
    const platform = simulatedPlatform(disk);
    const error = await assertRejects(
      () => SegmentWriter.create(platform, DIRECTORY, firstLsn, opening, null, LIMIT),
      SegmentCreationError,
    );
    assertEquals([error.named, disk.namesIn(DIRECTORY), disk.openFiles], [false, [], []]);
  }
  const disk = await emptyDisk();
  const segment = await prepare(disk);
  using opening = new FrameBatch();
  for (const body of OPENING) opening.add(body);
  const { length } = segment;
  await assertRejects(() => segment.begin(opening, FIRST + 2, null), SegmentCreationError);
  assertEquals([segment.length, disk.openFiles], [length, []]);
});

async function prepare(disk: MemoryDisk, file?: ReadyFile): Promise<SegmentWriter> {
  using first = new FrameBatch();
  first.add(FIRST_BODY);
  const ready = file ?? await readyFile(disk, 300);
  return await SegmentWriter.prepare(
    simulatedPlatform(disk),
    DIRECTORY,
    FIRST,
    first,
    ready,
    LIMIT,
  );
}

const FIRST_BODY = Uint8Array.of(5, 9);

/** Goes over to a segment, with the opening and one record behind it. */
async function begin(segment: SegmentWriter): Promise<void> {
  using opening = new FrameBatch();
  for (const body of OPENING) opening.add(body);
  using behind = new FrameBatch();
  behind.add(BEHIND_BODY);
  await segment.begin(opening, LIMIT, behind);
}

const BEHIND_BODY = Uint8Array.of(2, 7, 7);

/** What is in a segment once it was begun; each part was synced before the next was written. */
function expectedBegun(salt: number): Uint8Array {
  const batches = [[FIRST_BODY], [...OPENING, BEHIND_BODY]];
  return sampleOfBodies(batches, { firstLsn: FIRST, salt }).bytes;
}

Deno.test("SegmentWriter.prepare names a file behind the sync of its first record", async () => {
  const disk = await emptyDisk();
  const before = disk.calls.length;
  const segment = await prepare(disk);
  const kinds = disk.calls.slice(before + 4).map(({ kind }) => kind);
  assertEquals(kinds, ["open", "write", "syncData", "rename", "syncDirectory"]);
  const { bytes } = sampleOfBodies([[FIRST_BODY]], { firstLsn: FIRST, salt: segment.salt });
  assertEquals(disk.bytesOf(PATH).subarray(0, bytes.length), bytes);
  assertEquals([segment.length, segment.preallocated], [bytes.length, true]);
  segment.close();
});

Deno.test("SegmentWriter.begin goes over to it by one sync, and touches no name", async () => {
  const disk = await emptyDisk();
  const segment = await prepare(disk);
  const before = disk.calls.length;
  await begin(segment);
  const kinds = disk.calls.slice(before).map(({ kind }) => kind);
  assertEquals(kinds, ["write", "write", "syncData"]);
  const expected = expectedBegun(segment.salt);
  assertEquals(disk.bytesOf(PATH).subarray(0, expected.length), expected);
  const behind = sampleOfBodies([[BEHIND_BODY]], { firstLsn: FIRST }).bytes.length - 16;
  assertEquals(
    [segment.length, segment.headLength],
    [expected.length, expected.length - behind],
  );
  segment.close();
});

seededTest(
  "SegmentWriter.prepare and begin leave the first record, whole, wherever there is the name",
  20,
  async (random) => {
    const disk = await emptyDisk();
    const crashes: MemoryDisk[] = [];
    disk.observe(() => crashes.push(disk.crash(random), disk.kill()));
    const segment = await prepare(disk);
    await begin(segment);
    const { salt } = segment;
    const first = sampleOfBodies([[FIRST_BODY]], { firstLsn: FIRST, salt }).bytes;
    for (const crash of crashes) {
      if (!crash.namesIn(DIRECTORY).includes(NAME)) continue;
      assertEquals(crash.bytesOf(PATH).subarray(0, first.length), first);
    }
    const expected = expectedBegun(salt);
    assertEquals(disk.crash(random).bytesOf(PATH).subarray(0, expected.length), expected);
    segment.close();
  },
);

Deno.test("SegmentWriter.prepare says whether the segment may have its name when it fails", async () => {
  for (const [kind, named] of NAMED) {
    const disk = await emptyDisk();
    const ready = await readyFile(disk, 300);
    await assertSaysNamed(disk, kind, named, () => prepare(disk, ready));
  }
});

Deno.test("SegmentWriter.begin that fails closes the segment, which may hold what was written", async () => {
  for (const kind of ["write", "syncData"] as const) {
    const disk = await emptyDisk();
    const segment = await prepare(disk);
    disk.fail({ kind });
    const error = await assertRejects(() => begin(segment), SegmentCreationError, NAME);
    assertEquals([error.named, disk.openFiles, disk.namesIn(DIRECTORY)], [true, [], [NAME]]);
    assertThrows(() => segment.write(Uint8Array.of(1)), Error);
  }
});

/** A file of which nobody keeps a byte. */
function bottomlessFile(): FileHandle {
  return {
    write: (bytes) => bytes.length,
    writeAside: (bytes) => Promise.resolve(bytes.length),
    syncData: () => Promise.resolve(),
    read: () => Promise.resolve(0),
    size: () => Promise.resolve(0),
    tryLock: () => Promise.resolve(true),
    tryShare: () => Promise.resolve(true),
    clear: () => {},
    rewind: () => {},
    close: () => {},
  };
}

Deno.test("SegmentWriter.write makes no segment longer than those that are read", async () => {
  const disk = await emptyDisk();
  const path = `${DIRECTORY}/next-0.unfinished`;
  disk.put(path, new Uint8Array());
  const segment = await create(disk, { path, file: bottomlessFile() });
  const piece = new Uint8Array(2 ** 26);
  for (let count = 1; count < 16; count++) segment.write(piece);
  assertThrows(() => segment.write(piece), RangeError, "another segment must be begun");
  segment.write(piece.subarray(segment.length % piece.length));
  assertEquals(segment.length, MAX_SEGMENT_LENGTH);
  assertThrows(() => segment.write(new Uint8Array(1)), RangeError);
  segment.close();
});
