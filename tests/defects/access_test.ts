/**
 * Proves that this log is refused where it cannot be had as it should be, and never touched by who
 * must not: D22, D23, D24, D47. On real files where the point is the operating system's.
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { LogCorruptedError, LogLockedError, LogVersionError } from "../../src/wal/errors.ts";
import { Log } from "../../src/wal/log.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import { DiskError } from "../simulation/disk_calls.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { contentOf, joined } from "../wal/sample_segment.ts";
import { makeFrame } from "../wal/scan_oracle.ts";
import { activeOn, begin, committing, DIRECTORY, Machine, range, started } from "./machine.ts";
import { SelectiveFiles } from "./selective_files.ts";

const FIRST = `${DIRECTORY}/${segmentName(0)}`;

/** A closed log with one decision, and a record behind it with that body and a right checksum. */
async function logWithRecord(body: Uint8Array): Promise<Machine> {
  const machine = await started();
  const [lsn = 0] = await machine.append(committing(1));
  await machine.close();
  const bytes = machine.disk.bytesOf(FIRST);
  const salt = new DataView(bytes.buffer).getUint32(8, true);
  machine.disk.put(FIRST, joined([bytes, makeFrame(body, 0, salt, lsn + 1)]));
  return machine;
}

/** Opens a log in a real directory with the size of segments that tests use. */
async function openReal(directory: string): Promise<Log<unknown>> {
  return await Log.open({ directory, model: new LiveState() }) as Log<unknown>;
}

Deno.test("D22 a record of a later version was taken for damage and its file set aside: here opening stops, names the version and touches nothing", async () => {
  for (const tag of [0, 10, 15, 16, 255]) {
    const machine = await logWithRecord(Uint8Array.of(tag, 0x80));
    const before = contentOf(machine.disk);
    const error = await assertRejects(() => machine.open(), LogVersionError);
    assert(error.message.includes(`record kind ${tag}, which a newer version wrote`));
    assertEquals(error.place, { file: segmentName(0), offset: error.place.offset ?? 0, lsn: 3 });
    const after = contentOf(machine.disk);
    before.delete(".lock");
    after.delete(".lock");
    assertEquals(after, before);
  }
});

Deno.test("D23 old segments were opened for writing, so one that is read-only ended recovery: here they are only read", async () => {
  const disk = new MemoryDisk();
  const files = new SelectiveFiles(disk);
  files.refuses = ({ kind, mode, path }) =>
    kind === "open" && mode !== "read" && path.endsWith(".wal");
  const machine = new Machine(disk, { fileSystem: files });
  for (const txn of range(1, 4)) {
    await machine.open();
    await machine.append(committing(txn));
    await machine.close();
  }
  const bytes = disk.bytesOf(`${DIRECTORY}/${segmentName(machine.segments[0] ?? 0)}`);
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  disk.put(`${DIRECTORY}/${segmentName(machine.segments[0] ?? 0)}`, bytes);
  await machine.open();
  assertEquals(machine.active, range(1, 4).map((txn) => `${txn}!`));
  await machine.close();
  const modes = files.opened.filter(({ path }) => path.endsWith(".wal")).map(({ mode }) => mode);
  assertEquals(new Set(modes), new Set(["read"]));
});

Deno.test("D24 a lock held by another process made the program go on without a log: here opening is refused and names the holder", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const first = await openReal(directory);
    const error = await assertRejects(() => openReal(directory), LogLockedError);
    assertEquals(error.holder?.pid, Deno.pid);
    await first.close();
    await (await openReal(directory)).close();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("D24 a directory that cannot be a log's made the program go on without one: here opening is refused", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const file = `${directory}/file`;
    await Deno.writeTextFile(file, "not a directory");
    for (const wrong of [file, `${file}/log`]) {
      assertInstanceOf(await assertRejects(() => openReal(wrong)), Error);
    }
    assertEquals(await Deno.readTextFile(file), "not a directory");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("D24 the directory of another log is refused, and so is one whose identity cannot be read", async () => {
  const one = await started();
  await one.close();
  const other = new Machine(new MemoryDisk());
  other.platform.randomness.fill(new Uint8Array(100));
  await other.open();
  await other.close();
  const identity = other.disk.bytesOf(`${DIRECTORY}/identity.json`);
  for (const wrong of [identity, new Uint8Array(0), new TextEncoder().encode("{}")]) {
    one.disk.put(`${DIRECTORY}/identity.json`, wrong);
    const before = one.disk.bytesOf(FIRST);
    await assertRejects(() => one.open(), LogCorruptedError);
    assertEquals(one.disk.bytesOf(FIRST), before);
  }
});

Deno.test("D24 a disk that fails while the log is opened gives no log: here every call that fails does, or does no harm", async () => {
  const whole = await started();
  const calls = whole.disk.calls.length;
  await whole.close();
  let refused = 0;
  for (const number of range(1, calls)) {
    const machine = new Machine(new MemoryDisk());
    machine.disk.fail({ skip: number - 1, times: Infinity });
    const error = await machine.open().then(() => null, (error) => error);
    if (error === null) {
      assertEquals((await machine.appendRefused(begin(1))).written, "unknown");
      await machine.close();
    } else refused++;
    assertEquals(machine.disk.openFiles, []);
  }
  assert(refused >= calls - 2, `${refused} of ${calls}`);
});

Deno.test("D47 the rewrite had no lock: here a second opening is refused, and a lock goes with its process", async () => {
  const machine = await started();
  await machine.append(committing(1));
  const rival = new Machine(machine.disk);
  await assertRejects(() => rival.open(), LogLockedError);
  await machine.append(committing(2));
  assertEquals(await activeOn(machine.killed()), ["1!", "2!"]);
  await machine.close();
  assertEquals(await activeOn(rival), ["1!", "2!"]);
});

Deno.test("D47 the rewrite had one kind of error for everything: here refusals are told apart by class", async () => {
  const damaged = await started();
  await damaged.append(begin(1));
  await assertRejects(() => new Machine(damaged.disk).open(), LogLockedError);
  await damaged.close();
  damaged.disk.put(`${DIRECTORY}/identity.json`, new Uint8Array(3));
  await assertRejects(() => damaged.open(), LogCorruptedError);
  const newer = await logWithRecord(Uint8Array.of(99, 0x80));
  await assertRejects(() => newer.open(), LogVersionError);
  const broken = await started();
  broken.disk.fail({ times: Infinity });
  assertEquals((await broken.appendRefused(begin(1))).written, "unknown");
  assertInstanceOf((await broken.appendRefused(begin(2))).cause, DiskError);
  await broken.close();
});
