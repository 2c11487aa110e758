/**
 * Proves that this log does not have pgdog's defects in making, naming and ending segments: D6, D7,
 * D16, D17, D20, D21, D25.
 */

import { assert, assertEquals } from "@std/assert";
import { lsnInName, segmentName } from "../../src/wal/segment_name.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { withFlippedBit } from "../wal/sample_segment.ts";
import {
  activeOn,
  begin,
  committing,
  decided,
  DIRECTORY,
  end,
  Machine,
  range,
  started,
} from "./machine.ts";
import { SelectiveFiles } from "./selective_files.ts";

const SMALL = { segmentSize: 1024 };

/** The path of the segment with that first LSN. */
function path(firstLsn: number): string {
  return `${DIRECTORY}/${segmentName(firstLsn)}`;
}

Deno.test("D6 a write that failed in a segment's first batch made the next one collide with its name: here no name comes twice", async () => {
  for (const times of range(1, 6)) {
    const machine = await started();
    const begun = new Set<string>();
    machine.disk.observe(({ kind, path }) => {
      if (kind !== "rename" || !path.endsWith(".wal")) return;
      assert(!begun.has(path), `${path} was begun twice`);
      begun.add(path);
    });
    for (const txn of range(1, 8)) {
      // The sync of a record, then calls of the segments that are begun instead.
      machine.disk.fail({ kind: "syncData", times });
      const answer = machine.log.append(committing(txn)).then(() => true, () => false);
      await machine.finish(answer);
      machine.disk.mend();
      await machine.pass(60_000);
      await machine.append(end(txn));
    }
    assert(begun.size >= 8, "a segment is begun for each failure");
    assertEquals(await activeOn(machine.killed()), []);
  }
});

Deno.test("D7 the directory was not synced: here names are durable before anything that depends on them", async () => {
  const machine = await started(new Machine(new MemoryDisk(), SMALL));
  let unsynced = 0;
  machine.disk.observe(({ kind, path }) => {
    if (path.endsWith(".unfinished")) return;
    if (kind === "rename" || kind === "remove") unsynced++;
    if (kind === "syncDirectory") unsynced = 0;
    // A record that is written behind a name which is not durable would be lost with it.
    if (kind === "write") assertEquals(unsynced, 0, `write to ${path} before a directory sync`);
  });
  for (const txn of range(1, 30)) {
    await machine.append(begin(txn), committing(txn));
    await machine.pass(0);
    for (const next of machine.powerCuts(4)) assertEquals(await activeOn(next), decided(1, txn));
  }
  assert(machine.calls("rename").length > 5, "segments change");
});

Deno.test("D16 a crash while a segment was made counted as corruption: here what is half made has no name and is removed", async () => {
  const machine = await started();
  await machine.append(begin(1), committing(2));
  await machine.close();
  const whole = machine.disk.bytesOf(path(0));
  for (let length = 0; length <= whole.length; length++) {
    for (const rest of [0, 64]) {
      const next = machine.killed();
      const bytes = new Uint8Array(length + rest);
      bytes.set(whole.subarray(0, length));
      next.disk.put(`${path(4)}.unfinished`, bytes);
      assertEquals(await activeOn(next), ["1", "2!"]);
      assertEquals(next.damages, []);
      assert(!next.files.some((name) => name.endsWith(".unfinished")));
    }
  }
});

Deno.test("D16 a segment has its name only when header and opening records are on disk", async () => {
  const machine = new Machine();
  let cuts = 0;
  const checks: Promise<void>[] = [];
  machine.disk.observe(() => {
    for (const next of machine.powerCuts(6)) {
      cuts++;
      checks.push(activeOn(next).then(() => assertEquals(next.damages, [])));
    }
  });
  await machine.open();
  await Promise.all(checks);
  assert(cuts > 60, `${cuts} power cuts during the first opening`);
});

Deno.test("D17 a zero-filled or half-written tail counted as corruption: here it is an end, and the rest is read", async () => {
  const machine = await started();
  await machine.append(committing(1));
  await machine.append(committing(2), committing(3));
  await machine.close();
  const whole = machine.disk.bytesOf(path(0));
  const lastBatch = await lengthBeforeLastBatch();
  const tails: [string, Uint8Array][] = [["zeros", new Uint8Array(4096)]];
  for (let length = lastBatch; length < whole.length; length++) {
    tails.push([`cut at ${length}`, whole.slice(lastBatch, length)]);
    const zeroed = whole.slice(lastBatch);
    zeroed.fill(0, length - lastBatch);
    tails.push([`zeros from ${length}`, zeroed]);
    tails.push([`one byte wrong at ${length}`, withFlippedBit(whole, 8 * length).slice(lastBatch)]);
  }
  for (const [text, tail] of tails) {
    const next = machine.killed();
    const bytes = new Uint8Array(lastBatch + tail.length);
    bytes.set(whole.subarray(0, lastBatch));
    bytes.set(tail, lastBatch);
    next.disk.put(path(0), bytes);
    const found = await activeOn(next);
    assertEquals(next.damages, [], text);
    assert(["1!", "1!,2!"].includes(found.join()), `${text}: ${found}`);
  }
});

/** Length of the segment of the D17 test before its last batch. */
async function lengthBeforeLastBatch(): Promise<number> {
  const machine = await started();
  await machine.append(committing(1));
  await machine.close();
  return machine.disk.bytesOf(path(0)).length;
}

Deno.test("D20 LSNs came back when a segment was unreadable: here they go on above every one that was given out", async () => {
  for (const bit of [8 * 4, 8 * 12, 8 * 20, 8 * 40, 8 * 300]) {
    const machine = await started();
    let largest = -1;
    for (const round of range(1, 6)) {
      const numbers = range(1, 5).map((txn) => 100 * round + txn);
      for (const txn of numbers) {
        const [lsn = -1] = await machine.append(committing(txn));
        assert(lsn > largest, `LSN ${lsn} follows ${largest}`);
        largest = lsn;
      }
      await machine.close();
      const segment = machine.segments.at(-1) ?? 0;
      machine.disk.put(path(segment), withFlippedBit(machine.disk.bytesOf(path(segment)), bit));
      await machine.open();
      // A header that can be mended has cost nothing.
      assertEquals(machine.damages.length > 0, bit >= 8 * 16, `bit ${bit} in round ${round}`);
    }
    await machine.close();
  }
});

Deno.test("D20 LSNs began at 0 again when the only segment was unreadable: here they are above any in any name", async () => {
  const machine = await started();
  for (const round of range(1, 6)) {
    await machine.append(committing(round));
    await machine.close();
    const newest = Math.max(...machine.files.map((name) => lsnInName(name) ?? -1));
    if (round % 2 === 0) machine.disk.put(path(newest), new Uint8Array(0));
    else machine.disk.put(path(newest + 1000), new Uint8Array(5000).fill(0xaa));
    await machine.open();
    const [next = -1] = machine.segments.slice(-1);
    assert(next > newest + (round % 2 === 0 ? 0 : 1000), `segment ${next} follows ${newest}`);
  }
  await machine.close();
});

/** The bytes of a segment with a byte of its first record wrong. */
function damaged(machine: Machine, segment: number): Uint8Array {
  return withFlippedBit(machine.disk.bytesOf(path(segment)), 8 * 40);
}

Deno.test("D21 a second quarantine of the same name overwrote the first: here each damaged file keeps a name of its own", async () => {
  const machine = await started();
  await machine.append(committing(1));
  await machine.close();
  const copies = range(1, 4).map((fill) => new Uint8Array(200 + fill).fill(fill));
  for (const copy of copies) {
    const newest = machine.segments.at(-1) ?? 0;
    // Somebody restores a bad copy of the first segment from a backup, again and again.
    if (newest !== 0) machine.disk.put(path(newest), damaged(machine, newest));
    machine.disk.put(path(0), copy);
    await machine.open();
    await machine.close();
  }
  const kept = machine.files.filter((name) => name.startsWith(`${segmentName(0)}.broken`));
  assertEquals(kept.length, copies.length);
  const contents = kept.map((name) => machine.disk.bytesOf(`${DIRECTORY}/${name}`).length);
  assertEquals(contents.sort(), copies.map(({ length }) => length));
});

Deno.test("D21 a rename that failed switched the log off: here it opens, and the file is set aside later", async () => {
  const disk = new MemoryDisk();
  const files = new SelectiveFiles(disk);
  const machine = new Machine(disk, { fileSystem: files });
  await machine.open();
  await machine.append(begin(1));
  await machine.append(committing(2));
  await machine.close();
  disk.put(path(0), damaged(machine, 0));
  files.refuses = ({ kind, path: from }) => kind === "rename" && from === path(0);
  for (const opening of range(1, 3)) {
    await machine.open();
    assertEquals(machine.damages.length, 1, `opening ${opening} keeps the verdict`);
    await machine.append(committing(10 + opening));
    await machine.close();
  }
  assert(machine.files.includes(segmentName(0)));
  files.refuses = () => false;
  await machine.open();
  assert(!machine.files.includes(segmentName(0)));
  assertEquals(machine.files.filter((name) => name.includes(".broken")).length, 1);
  await machine.close();
});

Deno.test("D25 `7.wal` and `+10.wal` were taken for segments: here only exactly 20 digits are, and the others are left alone", async () => {
  const machine = await started();
  await machine.append(committing(1));
  await machine.close();
  const bytes = machine.disk.bytesOf(path(0));
  const digits = segmentName(0).slice(0, 20);
  const names = [
    "7.wal",
    "+10.wal",
    ` ${digits}.wal`,
    `0${digits}.wal`,
    `${digits}.WAL`,
    `${digits}.wal.bak`,
    `${digits}.wal~`,
    "0x000000000000000007.wal",
    "00000000000000000-07.wal",
    "0000000000000000007e.wal",
    "٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٧.wal",
  ];
  const garbage = withFlippedBit(bytes, 300);
  for (const name of names) machine.disk.put(`${DIRECTORY}/${name}`, garbage);
  assertEquals(await activeOn(machine), ["1!"]);
  assertEquals(machine.damages, []);
  for (const name of names) {
    assertEquals(machine.disk.bytesOf(`${DIRECTORY}/${name}`), garbage, name);
  }
  // A segment under the name of another is not believed either: its checksums are of another place.
  const moved = machine.killed();
  moved.disk.put(path(9999), bytes);
  await moved.open();
  assertEquals(moved.damages.length, 1);
  await moved.close();
});
