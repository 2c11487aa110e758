import { assert, assertEquals, assertRejects } from "@std/assert";
import type { FileHandle, FileSystem } from "../../src/platform/file_system.ts";
import { denoPlatform, type Platform } from "../../src/platform/platform.ts";
import { encodeRecord } from "../../src/wal/decisions/record.ts";
import { describeDamage, type InspectedItem, inspectLog } from "../../src/wal/inspect.ts";
import { SettledFiles } from "../../src/wal/inspect_files.ts";
import { inspectSegment } from "../../src/wal/inspect_segment.ts";
import { LoadedSegment } from "../../src/wal/segment_scan.ts";
import { RacedDirectory } from "./raced_directory.ts";
import {
  decision,
  each,
  ID,
  makeSegment,
  opening,
  PARTICIPANTS,
  STARTED,
  TestDirectory,
  writeLog,
} from "../cli/support/logs.ts";

const TXN = 1_000_000_000_001n;

/** All there is in a directory. */
async function itemsIn(directory: string, platform: Platform = denoPlatform) {
  return await Array.fromAsync(inspectLog(platform, directory));
}

/** A file that holds something else at each reading from its beginning; the last stays. */
function fileOf(...readings: readonly Uint8Array[]): FileSystem {
  let reading = -1;
  const handle = {
    size: () => Promise.resolve(readings[0]?.length ?? 0),
    read(buffer: Uint8Array, position: number): Promise<number> {
      if (position === 0) reading++;
      const piece = (readings[reading] ?? readings.at(-1))
        ?.subarray(position, position + buffer.length);
      buffer.set(piece ?? []);
      return Promise.resolve(piece?.length ?? 0);
    },
    close: () => {},
  };
  return { ...denoPlatform.fileSystem, open: () => Promise.resolve(handle as FileHandle) };
}

/** What is in a segment's bytes. */
async function itemsOf(bytes: Uint8Array, firstLsn = 0): Promise<InspectedItem[]> {
  using segment = await LoadedSegment.load(fileOf(bytes), "", "segment");
  return [...inspectSegment("segment", firstLsn, segment)];
}

/** What is in a segment's bytes, as short words. */
async function wordsOf(bytes: Uint8Array, firstLsn = 0): Promise<string[]> {
  return (await itemsOf(bytes, firstLsn)).map((item) => {
    switch (item.kind) {
      case "record":
        return `${item.lsn} ${item.type}`;
      case "damage":
        return `damage ${item.lsn}-${item.nextLsn}`;
      case "end":
        return `end ${item.end.kind}`;
      default:
        return item.kind;
    }
  });
}

/** A segment with three records behind its opening. */
function sample() {
  return makeSegment([
    opening(),
    ...each(decision(TXN), { type: "end", txn: TXN }, decision(TXN + 1n)),
  ]);
}

Deno.test("Inspecting yields every kind of record with its place and its fields", async () => {
  await using directory = new TestDirectory();
  const begin = decision(TXN, "begin");
  const committing = decision(TXN);
  await writeLog(directory, [PARTICIPANTS[0]!, begin, committing, { type: "end", txn: TXN }]);
  const items = await itemsIn(directory.path);
  const [file = ""] = directory.segments();
  const length = directory.bytesOf(file).length;
  const records = items.filter((item) => item.kind === "record");
  assertEquals(items.filter((item) => item.kind !== "record"), [
    { kind: "ignored", file: ".lock" },
    { kind: "segment", file, format: "indoubt", length },
    {
      kind: "end",
      file,
      format: "indoubt",
      end: { kind: "clean", offset: length, unconsumed: 0, nextLsn: 6, detail: "" },
    },
    { kind: "ignored", file: "identity.json" },
  ]);
  assertEquals(records.map(({ lsn, tag, type, record }) => ({ lsn, tag, type, record })), [
    {
      lsn: 0,
      tag: 5,
      type: "Epoch",
      record: { type: "epoch", id: ID, epoch: 1, started: STARTED, opening: 2, restated: true },
    },
    {
      lsn: 1,
      tag: 4,
      type: "Checkpoint",
      record: { type: "checkpoint", active: [], participants: [] },
    },
    { lsn: 2, tag: 6, type: "Participant", record: PARTICIPANTS[0]! },
    { lsn: 3, tag: 1, type: "Begin", record: begin },
    { lsn: 4, tag: 2, type: "Committing", record: committing },
    { lsn: 5, tag: 3, type: "End", record: { type: "end", txn: TXN } },
  ]);
  let offset = 16;
  for (const record of records) {
    assertEquals(record.offset, offset);
    offset += record.length;
  }
  assertEquals(offset, length);
});

Deno.test("Inspecting shows a verdict, and what was set aside as no segment", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [decision(TXN), { type: "end", txn: TXN }]);
  const [first = ""] = directory.segments();
  directory.flip(first, 180);
  await writeLog(directory);
  const items = await itemsIn(directory.path);
  const verdicts = items.filter((item) => item.kind === "record" && item.type === "Verdict");
  assertEquals(verdicts.length, 1);
  const ignored = items.filter(({ kind }) => kind === "ignored").map(({ file }) => file);
  assertEquals(ignored, [".lock", `${first}.broken-2`, "identity.json"]);
});

Deno.test("Inspecting goes on behind damage, with the numbers that are right there", async () => {
  const { bytes, offsets } = sample();
  const damaged = bytes.slice();
  damaged[offsets[2]! + 20]! ^= 4;
  const items = await itemsOf(damaged);
  const damage = items.find((item) => item.kind === "damage");
  assert(damage?.kind === "damage");
  assertEquals({ offset: damage.offset, lsn: damage.lsn, nextLsn: damage.nextLsn }, {
    offset: offsets[2]!,
    lsn: 2,
    nextLsn: 3,
  });
  const byte = offsets[2]! + 20;
  assert(describeDamage(damage).includes(`1 record is lost (one turned bit explains it: bit 2 of`));
  assert(describeDamage(damage).endsWith(`byte ${byte})`));
  assertEquals(await wordsOf(damaged), [
    "0 Epoch",
    "1 Checkpoint",
    "damage 2-3",
    "3 End",
    "4 Committing",
    "end corrupt",
  ]);
});

Deno.test("Inspecting tells every way in which a segment can end", async () => {
  const { bytes, offsets } = sample();
  const head = ["0 Epoch", "1 Checkpoint"];
  const all = [...head, "2 Committing", "3 End", "4 Committing"];
  assertEquals(await wordsOf(bytes), [...all, "end clean"]);
  const withZeros = new Uint8Array(bytes.length + 4096);
  withZeros.set(bytes);
  assertEquals(await wordsOf(withZeros), [...all, "end clean"]);
  assertEquals(await wordsOf(bytes.slice(0, -1)), [...all.slice(0, -1), "end torn_tail"]);
  // Cut within its opening, which was durable before the segment had its name.
  assertEquals(await wordsOf(bytes.slice(0, offsets[1])), ["0 Epoch", "damage 1-1", "end corrupt"]);
  assertEquals(await wordsOf(bytes.slice(0, 16)), ["damage 0-0", "end corrupt"]);
  assertEquals(await wordsOf(bytes.slice(0, 9)), ["end bad_segment_header"]);
  assertEquals(await wordsOf(new Uint8Array()), ["end bad_segment_header"]);
  // Under another number no checksum is right.
  assertEquals(await wordsOf(bytes, 7), ["end bad_segment_header"]);
  const mended = bytes.slice();
  mended[9]! ^= 16;
  assertEquals(await wordsOf(mended), ["damage 0-0", ...all, "end corrupt"]);
});

Deno.test("Inspecting shows a newer version's segment and a newer version's record", async () => {
  const { crc32c } = await import("../../src/wal/core.ts");
  const { bytes } = sample();
  const newer = bytes.slice();
  newer[4] = 2;
  const covered = new Uint8Array(20);
  covered.set(newer.subarray(0, 12));
  new DataView(newer.buffer).setUint32(12, crc32c(covered), true);
  assertEquals(await wordsOf(newer), ["end newer_version"]);
  const unknown = makeSegment([opening(), [Uint8Array.of(200, 0xc0)], [Uint8Array.of(15, 1)]]);
  const words = ["0 Epoch", "1 Checkpoint", "2 Application", "3 unknown", "end clean"];
  assertEquals(await wordsOf(unknown.bytes), words);
});

Deno.test("Inspecting calls a payload that is not that of its kind damage", async () => {
  const bad = makeSegment([opening(), [Uint8Array.of(3, 0x80)], ...each(decision(TXN))]);
  assertEquals(await wordsOf(bad.bytes), [
    "0 Epoch",
    "1 Checkpoint",
    "damage 2-3",
    "3 Committing",
    "end corrupt",
  ]);
  const badHead = makeSegment([[Uint8Array.of(5, 0xc1), encodeRecord({ type: "end", txn: 1n })]]);
  assertEquals(await wordsOf(badHead.bytes), ["damage 0-1", "1 End", "end corrupt"]);
});

Deno.test("Inspecting shows segments in the order of their records", async () => {
  await using directory = new TestDirectory();
  for (const firstLsn of [100, 3, 20]) {
    const { name, bytes } = makeSegment([opening()], firstLsn);
    directory.put(name, bytes);
  }
  directory.put("7.wal", new Uint8Array(3));
  const items = await itemsIn(directory.path);
  const lsns = items.flatMap((item) => item.kind === "record" ? [item.lsn] : []);
  assertEquals(lsns, [3, 4, 20, 21, 100, 101]);
  assertEquals(items.at(-1), { kind: "ignored", file: "7.wal" });
});

/** This machine's files, but for what happens when a file is opened. */
function onOpening(happens: (path: string) => void): Platform {
  const fileSystem: FileSystem = {
    ...denoPlatform.fileSystem,
    open: (path, mode) => {
      happens(path);
      return denoPlatform.fileSystem.open(path, mode);
    },
  };
  return { ...denoPlatform, fileSystem };
}

Deno.test("A newest segment that vanishes before it is opened is followed to its successor", async () => {
  await using directory = new TestDirectory();
  const [first, second] = [makeSegment([opening()], 0), makeSegment([opening()], 40)];
  directory.put(first.name, first.bytes);
  directory.put("identity.json", new Uint8Array());
  const platform = onOpening((path) => {
    if (!path.endsWith(first.name)) return;
    directory.put(second.name, second.bytes);
    Deno.removeSync(path);
  });
  const items = await itemsIn(directory.path, platform);
  assertEquals(items.flatMap((item) => item.kind === "record" ? [item.lsn] : []), [40, 41]);
  assertEquals(items.filter(({ kind }) => kind === "ignored").length, 1);
});

Deno.test("An older segment that vanishes before it is opened is passed over", async () => {
  await using directory = new TestDirectory();
  for (const firstLsn of [0, 40]) {
    const { name, bytes } = makeSegment([opening()], firstLsn);
    directory.put(name, bytes);
  }
  const [first = ""] = directory.segments();
  const platform = onOpening((path) => {
    if (path.endsWith(first) && directory.segments().includes(first)) Deno.removeSync(path);
  });
  const items = await itemsIn(directory.path, platform);
  assertEquals(items.flatMap((item) => item.kind === "record" ? [item.lsn] : []), [40, 41]);
});

Deno.test("A writer that is quicker than its reader is not chased: one segment is shown", async () => {
  await using directory = new RacedDirectory("unless a segment is opened behind a list");
  const items = await itemsIn(directory.path, directory.platform);
  const lsns = items.flatMap((item) => item.kind === "record" ? [item.lsn] : []);
  assertEquals(lsns, [40, 41]);
  assert(directory.newest > 40, "the writer went on");
  assertEquals(directory.openFiles, 0);
});

Deno.test("A newest segment that can never be opened is given up, and that is said", async () => {
  await using directory = new RacedDirectory("always");
  const inspecting = () => itemsIn(directory.path, directory.platform);
  await assertRejects(inspecting, Error, "its newest segment was gone 100 times");
  assertEquals([directory.calls, directory.openFiles], [200, 0]);
});

Deno.test("Who stops inspecting leaves no file open", async () => {
  await using directory = new RacedDirectory("unless a segment is opened behind a list");
  for await (const item of inspectLog(directory.platform, directory.path)) {
    if (item.kind === "record") break;
  }
  assertEquals(directory.openFiles, 0);
});

Deno.test("Inspecting what cannot be read throws", async () => {
  await using directory = new TestDirectory();
  await assertRejects(() => itemsIn(directory.at("absent")), Deno.errors.NotFound);
  const { name, bytes } = sample();
  directory.put(name, bytes);
  const platform = onOpening(() => {
    throw new Error("Input/output error");
  });
  await assertRejects(() => itemsIn(directory.path, platform), Error, "Input/output error");
});

/** What of a file counts that is written to between two readings of it. */
async function readSettled(...readings: readonly Uint8Array[]): Promise<Uint8Array> {
  using segment = await LoadedSegment.load(new SettledFiles(fileOf(...readings)), "", "file");
  return segment.bytes.slice();
}

Deno.test("What is written between two looks at a file is never taken for damage", async () => {
  const { bytes, offsets } = sample();
  // The reader passed the third record before it was written, and came to the fourth after that, which
  // promises that the third was synced.
  const seen = bytes.slice();
  seen.fill(0, offsets[2], offsets[3]);
  assert((await wordsOf(seen)).includes("damage 2-3"), "the promise is there");
  const settled = await readSettled(seen, bytes);
  assertEquals(await wordsOf(settled), ["0 Epoch", "1 Checkpoint", "end clean"]);
  const stillDamaged = await readSettled(seen, seen);
  assertEquals(stillDamaged, seen);
});

Deno.test("A file that grows or shrinks while it is read is cut to what both readings have", async () => {
  const { bytes, offsets } = sample();
  const shorter = bytes.subarray(0, offsets[3]);
  const grown = await readSettled(shorter, bytes);
  assertEquals(grown.length, shorter.length);
  const shrunk = await readSettled(bytes, shorter);
  assertEquals(shrunk.length, shorter.length);
});

Deno.test("A file too large for a segment is refused before it is read", async () => {
  const huge: FileSystem = {
    ...denoPlatform.fileSystem,
    open: () => Promise.resolve({ size: () => Promise.resolve(2 ** 40), close() {} } as FileHandle),
  };
  const load = () => LoadedSegment.load(new SettledFiles(huge), "", "file");
  await assertRejects(load, RangeError, "a segment has at most");
});

Deno.test("Nothing can be changed through the files of a reader", async () => {
  const files = new SettledFiles(fileOf(new Uint8Array(3)));
  const calls: (() => Promise<unknown>)[] = [
    () => files.ensureDirectory(),
    () => files.syncAncestors(),
    () => files.rename(),
    () => files.remove(),
    () => files.syncDirectory(),
  ];
  for (const call of calls) await assertRejects(call, TypeError, "for reading only");
  const handle = await files.open("file");
  await assertRejects(() => handle.tryLock(), TypeError);
  await assertRejects(async () => await handle.syncData(), TypeError);
  for (
    const action of [
      () => handle.write(new Uint8Array(1)),
      () => handle.clear(),
      () => handle.rewind(),
    ]
  ) await assertRejects(async () => await action(), TypeError);
});

Deno.test("Any bytes as a segment are inspected to an end", async () => {
  const { bytes } = sample();
  let state = 12345;
  const next = (limit: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % limit;
  };
  for (let round = 0; round < 300; round++) {
    const mutated = bytes.slice(0, next(8) === 0 ? next(bytes.length) : bytes.length);
    for (let count = next(6); count > 0; count--) mutated[next(mutated.length || 1)] = next(256);
    assertEquals((await itemsOf(mutated)).at(-1)?.kind, "end");
  }
});
