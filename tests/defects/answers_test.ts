/**
 * Proves that this log does not have the defects of pgdog's by which an answer said "on disk" and
 * it was not, or "failed" and it was there: D1 to D5, D41, D44, D45.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import type { DiskCall, Fault } from "../simulation/disk_calls.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import {
  activeOn,
  begin,
  committing,
  decided,
  end,
  Machine,
  POWER_CUTS,
  range,
  started,
} from "./machine.ts";
import { SelectiveFiles } from "./selective_files.ts";

/** Long enough for a log to try a failed disk again. */
const LONG = 60_000;

/** Appends decisions one after the other; gives the numbers of those that were acknowledged. */
async function appendEach(machine: Machine, numbers: readonly number[]): Promise<number[]> {
  const acknowledged: number[] = [];
  for (const txn of numbers) {
    try {
      await machine.append(committing(txn));
      acknowledged.push(txn);
    } catch (error) {
      assert(error instanceof LogUnavailableError, String(error));
    }
  }
  return acknowledged;
}

/** Fails unless every acknowledged decision is read after the end of the process and power cuts. */
async function assertKept(machine: Machine, acknowledged: readonly number[]): Promise<void> {
  for (const next of [machine.killed(), ...machine.powerCuts(8)]) {
    const found = await activeOn(next);
    const missing = acknowledged.filter((txn) => !found.includes(`${txn}!`));
    assertEquals(missing, [], "acknowledged, and not there");
    assertEquals(next.damages, []);
  }
}

const DISK_FULL: Fault = { kind: "write", times: Infinity };

Deno.test("D1 a failed write was acknowledged and its error went to the next caller: here each answer waits for its own write and sync", async () => {
  for (let skip = 0; skip < 12; skip++) {
    for (const effect of ["fail", "short"] as const) {
      const machine = await started();
      machine.disk.fail({ ...DISK_FULL, skip, effect });
      const acknowledged = await appendEach(machine, range(1, 12));
      // Short writes are gone on with; a disk that takes nothing more takes exactly the first ones.
      assertEquals(acknowledged.length, effect === "short" ? 12 : skip);
      await assertKept(machine, acknowledged);
    }
  }
});

Deno.test("D2 the rewind after a failed write made a hole that swallowed later records: here nothing is written to that file again", async () => {
  for (let skip = 0; skip < 6; skip++) {
    for (const times of [1, 2, 3]) {
      const machine = await started();
      const before = machine.disk.calls.length;
      machine.disk.fail({ kind: "write", skip, times });
      const acknowledged = await appendEach(machine, range(1, 8));
      for (let tries = 0; tries < times; tries++) await machine.pass(LONG);
      acknowledged.push(...await appendEach(machine, range(11, 14)));
      assertEquals(acknowledged.filter((txn) => txn > 10), range(11, 14), "space has come back");
      assertEquals(machine.calls("clear").length, 1, "only the lock's stamp is cleared");
      assertEquals(usesAfter(machine, machine.calls("write", before)[skip]), 0);
      await assertKept(machine, acknowledged);
    }
  }
});

Deno.test("D3 fsync was tried again on the same file after a failure: here the file is finished and everything is restated in a new segment", async () => {
  for (let skip = 0; skip < 6; skip++) {
    const machine = await started();
    const acknowledged = await appendEach(machine, range(1, 3));
    const before = machine.disk.calls.length;
    machine.disk.fail({ kind: "syncData", skip });
    acknowledged.push(...await appendEach(machine, range(4, 10)));
    assertEquals(acknowledged, range(1, 10), "the new segment's sync settles the matter");
    assertEquals(machine.segments.length, 1);
    assert(machine.segments[0] !== 0, "a new segment was begun");
    assertEquals(usesAfter(machine, machine.calls("syncData", before)[skip]), 0);
    await assertKept(machine, acknowledged);
  }
});

/**
 * How often the file of a call is written to or synced after it. Paths are those it was opened by.
 */
function usesAfter(machine: Machine, failed: DiskCall | undefined): number {
  assert(failed !== undefined);
  return machine.calls(undefined, failed.number)
    .filter(({ path, kind }) => path === failed.path && (kind === "write" || kind === "syncData"))
    .length;
}

Deno.test("D4 a decision whose sync failed was called absent and rolled back, though it was on disk: here it is unknown until a later segment or opening tells", async () => {
  const machine = await started();
  await machine.append(begin(1));
  machine.disk.fail({ kind: "syncData", times: Infinity });
  const error = await machine.appendRefused(committing(1));
  assertEquals(error.written, "unknown");
  assertEquals((await machine.appendRefused(committing(2))).written, "no");
  const found = new Set<string>();
  for (const next of [machine.killed(), ...machine.powerCuts()]) {
    found.add((await activeOn(next)).join());
  }
  assertEquals(found, new Set(["1", "1!"]), "either is possible, and nothing else");
  machine.disk.mend();
  await machine.pass(LONG);
  assertEquals(await machine.finish(error.settled), true);
  for (const next of machine.powerCuts()) assertEquals(await activeOn(next), ["1!"]);
});

Deno.test("D4 a log that is closed before it could settle an unknown answer says that only the next opening tells", async () => {
  const machine = await started();
  machine.disk.fail({ kind: "syncData", times: Infinity });
  const error = await machine.appendRefused(committing(1));
  await machine.close();
  assertEquals(await machine.finish(error.settled), false);
});

Deno.test("D5 a segment that the writer gave up was corruption at the next start: here none of many makes a verdict", async () => {
  const disk = new MemoryDisk();
  const files = new SelectiveFiles(disk);
  files.refuses = ({ kind }) => kind === "remove";
  const machine = await started(new Machine(disk, { fileSystem: files }));
  for (const txn of range(1, 5)) {
    machine.disk.fail({ kind: txn % 2 === 0 ? "syncData" : "write" });
    await machine.append(begin(txn));
  }
  assertEquals(machine.segments.length, 6, "five that were given up, and the one in use");
  for (const next of [machine.killed(), ...machine.powerCuts()]) {
    await next.open();
    assertEquals(next.log.damages, []);
    assertEquals(next.active, range(1, 5).map(String));
    assertEquals(next.files.filter((name) => name.includes("broken")), []);
    await next.close();
  }
});

Deno.test("D41 callers of a failed batch were told success: on a full disk 2000 of 2000 calls, here only those whose records are read again", async () => {
  const machine = await started();
  machine.disk.fail({ ...DISK_FULL, skip: 20 });
  const answers = await machine.finish(Promise.allSettled(
    range(1, 2000).map((txn) => Promise.resolve().then(() => machine.log.append(committing(txn)))),
  ));
  const later = await appendEach(machine, range(3001, 3040));
  const all = range(1, 2000).filter((txn) => answers[txn - 1]?.status === "fulfilled");
  assert(later.length < 40, "the disk is full");
  await assertKept(machine, [...all, ...later]);
});

Deno.test("D44 a batch that was written in part swallowed all later ones by its length: here four transactions after it are all restored", async () => {
  for (const seed of range(1, POWER_CUTS)) {
    const machine = await started();
    machine.disk.fail({ kind: "write", effect: "short" });
    machine.disk.fail({ kind: "write", skip: 1, times: 2 + seed % 3 });
    await appendEach(machine, [1]);
    machine.disk.mend();
    await machine.pass(LONG);
    for (const txn of range(11, 14)) await machine.append(begin(txn), committing(txn));
    await assertKept(machine, range(11, 14));
  }
});

Deno.test("D45 a caller that was late for a swap of segments got success for a record that is nowhere: here it is in the next segment", async () => {
  const machine = await started();
  machine.disk.fail({ kind: "write" });
  const held = machine.disk.hold("syncData");
  const first = machine.log.append(committing(1));
  await machine.pass(0);
  assertEquals(held.waiting, 1, "the next segment is being synced");
  const late = range(2, 5).map((txn) => machine.log.append(committing(txn)));
  await machine.pass(0);
  held.release();
  const lsns = await machine.finish(Promise.all([first, ...late]));
  assert(lsns.slice(1).every((lsn) => lsn > Math.max(...machine.segments)));
  await assertKept(machine, range(1, 5));
});

Deno.test("D45 a caller that is late for the end of the log is refused", async () => {
  const machine = await started();
  await machine.append(committing(1));
  const { log } = machine;
  const closing = log.close();
  const error = await assertRejects(async () => await log.append(end(1)), LogUnavailableError);
  assertEquals(error.written, "no");
  await machine.finish(closing);
  assertEquals(await activeOn(machine.killed()), decided(1, 1));
});
