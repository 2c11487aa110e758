/**
 * Proves that this log's recovery does not take the wrong side where pgdog's did: D11 to D15, D18,
 * D19.
 */

import { assert, assertEquals } from "@std/assert";
import { segmentName } from "../../src/wal/segment_name.ts";
import { verifyLog } from "../../src/wal/verify.ts";
import { withFlippedBit } from "../wal/sample_segment.ts";
import {
  activeOn,
  begin,
  committing,
  DIRECTORY,
  end,
  type Machine,
  range,
  started,
} from "./machine.ts";

/** Bytes of a frame before its body. */
const HEADER = 16;

/** The path of the segment with that first LSN. */
function path(firstLsn: number): string {
  return `${DIRECTORY}/${segmentName(firstLsn)}`;
}

/** Offsets of the frames in a segment, by the lengths that they say. */
function offsetsIn(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offsets: number[] = [];
  for (let at = 16; at < bytes.length; at += HEADER + view.getUint32(at + 4, true)) {
    offsets.push(at);
  }
  return offsets;
}

/** Turns a bit of the `index`-th record of the only segment, `byte` bytes behind its beginning. */
function flipIn(machine: Machine, index: number, byte: number, bit: number = 0): void {
  const [segment = 0] = machine.segments;
  const bytes = machine.disk.bytesOf(path(segment));
  const offset = offsetsIn(bytes)[index] ?? 0;
  machine.disk.put(path(segment), withFlippedBit(bytes, 8 * (offset + byte) + bit));
}

/** A closed log with a Begin of 1 and 4 and decisions for 2, 3 and 5, each synced on its own. */
async function closedLog(): Promise<Machine> {
  const machine = await started();
  const records = [begin(1), committing(2), committing(3), begin(4), committing(5)];
  for (const record of records) await machine.append(record);
  await machine.close();
  return machine;
}

Deno.test("D11 one flipped bit of a length cut acknowledged records off without a word: here the records behind it are read and the lost one has a verdict", async () => {
  for (let bit = 0; bit < 32; bit++) {
    const machine = await closedLog();
    flipIn(machine, 3, 0, bit);
    const damaged = machine.disk.bytesOf(path(0));
    assertEquals(await activeOn(machine), ["1", "3!", "4", "5!"]);
    assertEquals(machine.damages.length, 1);
    assert(machine.damages[0]?.includes("1 record is lost"), machine.damages[0]);
    assert(machine.damages[0]?.includes(`one turned bit explains it: bit ${bit % 8}`));
    const kept = machine.files.find((name) => name.includes(".broken")) ?? "";
    assertEquals(machine.disk.bytesOf(`${DIRECTORY}/${kept}`), damaged, "no byte is destroyed");
  }
});

Deno.test("D12 the verdict of corruption lasted for one start: here it stands over any number of starts, kills and power cuts, until an operator clears it", async () => {
  let machine = await closedLog();
  flipIn(machine, 4, HEADER + 2);
  for (const opening of range(1, 12)) {
    await machine.open();
    assertEquals(machine.damages.length, 1, `opening ${opening}`);
    assertEquals(machine.log.damages[0]?.epoch, 1, "what the first opening wrote is meant");
    assertEquals(machine.active.slice(0, 2), ["1", "2!"]);
    await machine.append(committing(100 + opening));
    if (opening % 3 === 0) await machine.close();
    else if (opening % 3 === 1) machine = machine.killed();
    else machine = machine.powerCuts(1)[0] ?? machine;
  }
  await machine.open();
  await machine.finish(machine.log.clearDamage("operator", "compared with both databases"));
  for (const next of machine.powerCuts()) {
    await activeOn(next);
    assertEquals(next.damages, []);
  }
});

Deno.test("D13 a restored decision lived in memory only: here it is synced in a new segment before its damaged file is set aside, wherever the power fails", async () => {
  const machine = await closedLog();
  flipIn(machine, 3, HEADER + 1);
  const expected = ["1", "3!", "4", "5!"];
  const opening = machine.killed();
  const next: Machine[] = [];
  opening.disk.observe(() => next.push(opening.killed(), ...opening.powerCuts(8)));
  await opening.open();
  const calls = opening.disk.calls;
  const aside = calls.findIndex(({ kind, path }) => kind === "rename" && path.includes(".broken"));
  const named = calls.findIndex(({ kind, path }) => kind === "rename" && path.endsWith(".wal"));
  const durable = calls.findIndex(({ kind }, index) => index > named && kind === "syncDirectory");
  assert(named > 0 && durable > named && aside > durable, `${named}, ${durable}, ${aside}`);
  assert(next.length > 100);
  for (const one of next) {
    const found = await activeOn(one);
    assertEquals(found, expected);
    assertEquals(one.damages.length, 1);
  }
});

Deno.test("D14 a missing segment was not noticed: here a gap in the numbers is damage", async () => {
  const machine = await started();
  await machine.append(begin(1));
  await machine.close();
  // Two openings more, each with its segment; the older ones are put back as if never removed.
  const copies = [[0, machine.disk.bytesOf(path(0))]] as [number, Uint8Array][];
  for (const txn of [2, 3]) {
    await machine.open();
    await machine.append(committing(txn));
    const [segment = 0] = machine.segments;
    await machine.close();
    copies.push([segment, machine.disk.bytesOf(path(segment))]);
  }
  const [newest = 0] = machine.segments;
  for (const [segment, bytes] of copies) machine.disk.put(path(segment), bytes);
  // The newest no longer says everything: its opening is damaged.
  flipAt(machine, newest);
  const gap = copies[1]?.[0] ?? 0;
  await machine.lose(path(gap));
  await machine.open();
  const missing = `${segmentName(newest)}: ${newest - gap} records before it are missing`;
  assert(machine.damages.includes(missing), machine.damages.join());
  assertEquals(machine.active, ["1", "2!", "3!"], "what can be read is kept");
  await machine.close();
  for (let opening = 0; opening < 3; opening++) {
    await activeOn(machine);
    assert(machine.damages.includes(missing), "the gap is not forgotten");
  }
});

/** Damages the opening records of a segment. */
function flipAt(machine: Machine, segment: number): void {
  const bytes = machine.disk.bytesOf(path(segment));
  machine.disk.put(path(segment), withFlippedBit(bytes, 8 * (16 + HEADER + 3)));
}

Deno.test("D14 a log whose only segment is gone is not an empty log", async () => {
  const machine = await closedLog();
  for (const segment of machine.segments) await machine.lose(path(segment));
  for (let opening = 0; opening < 3; opening++) {
    await activeOn(machine);
    assertEquals(machine.damages, [": the log is gone: no segment is there"]);
  }
});

Deno.test("D15 a second Begin made a decided transaction undecided: here a decision is final, in memory, on disk and after checkpoints", async () => {
  const machine = await started();
  await machine.append(begin(1), committing(1), begin(1), begin(1));
  assertEquals(machine.active, ["1!"]);
  for (let times = 0; times < 3; times++) {
    await machine.append(begin(1));
    await machine.restart();
    assertEquals(machine.active, ["1!"]);
  }
  await machine.append(end(1), begin(1));
  await machine.restart();
  assertEquals(machine.active, ["1"], "a new use of the number after its End is its own");
  await machine.close();
});

Deno.test("D18 damage before the newest checkpoint counted: here what the newest segment restates cannot be hurt by older files", async () => {
  const machine = await closedLog();
  const old = machine.disk.bytesOf(path(0));
  const expected = await activeOn(machine);
  const step = 5;
  for (let bit = 0; bit < 8 * old.length; bit += step) {
    const next = machine.killed();
    next.disk.put(path(0), withFlippedBit(old, bit));
    assertEquals(await activeOn(next), expected);
    assertEquals(next.damages, [], `bit ${bit}`);
  }
  for (let length = 0; length < old.length; length += step) {
    const next = machine.killed();
    next.disk.put(path(0), old.slice(0, length));
    assertEquals(await activeOn(next), expected);
    assertEquals(next.damages, [], `cut at ${length}`);
  }
});

Deno.test("D19 the transactions that corruption left alone were named nowhere and lost with the next checkpoint: here they stay in the log and are listed", async () => {
  const machine = await closedLog();
  flipIn(machine, 5, HEADER);
  for (let opening = 0; opening < 4; opening++) {
    await machine.open();
    assertEquals(machine.active, ["1", "2!", "3!", "5!"], "4 is lost, and nothing else");
    await machine.append(committing(50 + opening), end(50 + opening));
    await machine.close();
    const report = await machine.finish(verifyLog(machine.platform, DIRECTORY));
    assertEquals(report.verdict, "damaged");
    assertEquals(report.undecided.map(({ txn }) => txn), [1n]);
    assertEquals(report.decided.map(({ txn }) => txn), [2n, 3n, 5n]);
    assertEquals(report.uncertainUpTo, 1);
    assertEquals(report.verdicts.map(({ file }) => file), [segmentName(0)]);
  }
});
