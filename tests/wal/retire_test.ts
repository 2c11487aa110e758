/**
 * Proves that only segments which are not needed any more are taken away, that damaged ones are
 * kept under names of their own, and that other files are left alone.
 */

import { assertEquals, assertRejects } from "@std/assert";
import {
  type KeptSegments,
  removeUnfinished,
  Retirement,
  retireSegments,
} from "../../src/wal/retire.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import { DiskError } from "../simulation/disk_calls.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { DIRECTORY, putText } from "./sample_segment.ts";

const STRAYS = [".lock", "+10.wal", "7.wal", "README", "identity.json"];
const EPOCH = 6;

function diskWith(...names: string[]): MemoryDisk {
  const disk = new MemoryDisk();
  for (const name of [...names, ...STRAYS]) putText(disk, name, `content of ${name}`);
  return disk;
}

function keeping(damaged: readonly string[] = [], unread: readonly string[] = []): KeptSegments {
  return { epoch: EPOCH, damaged: new Set(damaged), unread: new Set(unread) };
}

function retire(disk: MemoryDisk, firstLsn: number, kept = keeping()): Promise<string[]> {
  return retireSegments(simulatedPlatform(disk), DIRECTORY, firstLsn, kept);
}

function kinds(disk: MemoryDisk): string[] {
  return disk.calls.map(({ kind }) => kind);
}

Deno.test("retireSegments removes the segments before one, then syncs the directory once", async () => {
  const disk = diskWith(segmentName(0), segmentName(5), segmentName(9), segmentName(12));
  await retire(disk, 9);
  assertEquals(disk.namesIn(DIRECTORY), [segmentName(9), segmentName(12), ...STRAYS].sort());
  assertEquals(kinds(disk), ["list", "remove", "remove", "syncDirectory"]);
});

Deno.test("retireSegments asks the disk for nothing where nothing is old", async () => {
  const disk = diskWith(segmentName(9));
  await retire(disk, 9);
  assertEquals(kinds(disk), ["list"]);
});

Deno.test("retireSegments sets damaged segments aside and never removes them", async () => {
  const disk = diskWith(segmentName(0), segmentName(5), segmentName(9));
  const content = disk.bytesOf(`${DIRECTORY}/${segmentName(0)}`);
  const aside = `${segmentName(0)}.broken-${EPOCH}`;
  assertEquals(await retire(disk, 9, keeping([segmentName(0)])), [aside]);
  assertEquals(disk.namesIn(DIRECTORY), [aside, segmentName(9), ...STRAYS].sort());
  assertEquals(disk.bytesOf(`${DIRECTORY}/${aside}`), content);
  assertEquals(kinds(disk).at(-1), "syncDirectory");
});

Deno.test("retireSegments overwrites nothing that was set aside before", async () => {
  const aside = `${segmentName(0)}.broken-${EPOCH}`;
  const disk = diskWith(segmentName(0), aside, segmentName(9));
  await retire(disk, 9, keeping([segmentName(0)]));
  const text = new TextDecoder().decode(disk.bytesOf(`${DIRECTORY}/${aside}`));
  assertEquals(text, `content of ${aside}`);
  assertEquals(disk.namesIn(DIRECTORY).includes(`${aside}-2`), true);
});

Deno.test("retireSegments leaves what was set aside where it is", async () => {
  const aside = `${segmentName(0)}.broken-2`;
  const disk = diskWith(aside, segmentName(9));
  await retire(disk, 9, keeping([segmentName(0), aside]));
  assertEquals(disk.namesIn(DIRECTORY), [aside, segmentName(9), ...STRAYS].sort());
});

Deno.test("retireSegments leaves what could not be read where it is", async () => {
  const disk = diskWith(segmentName(0), segmentName(5), segmentName(9));
  assertEquals(await retire(disk, 9, keeping([], [segmentName(5)])), []);
  assertEquals(disk.namesIn(DIRECTORY), [segmentName(5), segmentName(9), ...STRAYS].sort());
});

Deno.test("retireSegments passes on what fails, and can be repeated", async () => {
  for (const kind of ["list", "rename", "remove", "syncDirectory"] as const) {
    const disk = diskWith(segmentName(0), segmentName(5), segmentName(9));
    const kept = keeping([segmentName(0)]);
    disk.fail({ kind });
    await assertRejects(() => retire(disk, 9, kept), DiskError);
    await retire(disk, 9, kept);
    const aside = `${segmentName(0)}.broken-${EPOCH}`;
    assertEquals(disk.namesIn(DIRECTORY), [aside, segmentName(9), ...STRAYS].sort());
  }
});

Deno.test("removeUnfinished removes what a crash has left half made, and nothing else", async () => {
  const names = [segmentName(0), `${segmentName(0)}.broken-1`];
  const unfinished = [
    `${segmentName(9)}.unfinished`,
    "next-0.unfinished",
    "identity.json.unfinished",
  ];
  const disk = diskWith(...names, ...unfinished);
  await removeUnfinished(simulatedPlatform(disk), DIRECTORY);
  assertEquals(disk.namesIn(DIRECTORY), [...names, ...STRAYS].sort());
});

/** A retirement each of whose rounds waits until the test ends it. */
function heldRetirement() {
  const rounds: { readonly firstLsn: number; readonly end: PromiseWithResolvers<void> }[] = [];
  const retirement = new Retirement((firstLsn) => {
    const end = Promise.withResolvers<void>();
    rounds.push({ firstLsn, end });
    return end.promise;
  });
  const firstLsns = () => rounds.map(({ firstLsn }) => firstLsn);
  return { retirement, rounds, firstLsns };
}

Deno.test("Retirement goes one round at a time, each for the newest segment of its moment", async () => {
  const { retirement, rounds, firstLsns } = heldRetirement();
  for (let firstLsn = 1; firstLsn <= 1000; firstLsn++) retirement.before(firstLsn);
  assertEquals(firstLsns(), [1]);
  rounds[0]?.end.resolve();
  const ended = retirement.ended();
  await Promise.resolve().then(() => {});
  assertEquals(firstLsns(), [1, 1000]);
  rounds[1]?.end.resolve();
  await ended;
  assertEquals(firstLsns(), [1, 1000]);
  await retirement.ended();
});

Deno.test("Retirement is behind while many wait for a round that has not begun", async () => {
  const { retirement, rounds } = heldRetirement();
  assertEquals(retirement.isBehind, false);
  for (let firstLsn = 1; firstLsn < 9; firstLsn++) retirement.before(firstLsn);
  assertEquals(retirement.isBehind, false);
  retirement.before(9);
  assertEquals(retirement.isBehind, true);
  rounds[0]?.end.resolve();
  await Promise.resolve().then(() => {});
  assertEquals(retirement.isBehind, false);
  rounds[1]?.end.resolve();
  await retirement.ended();
});

Deno.test("Retirement goes on after a round that failed", async () => {
  const { retirement, rounds, firstLsns } = heldRetirement();
  retirement.before(1);
  rounds[0]?.end.reject(new Error("Input/output error"));
  await retirement.ended();
  retirement.before(2);
  assertEquals(firstLsns(), [1, 2]);
  rounds[1]?.end.resolve();
  await retirement.ended();
});
