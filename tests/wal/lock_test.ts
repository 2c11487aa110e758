/**
 * Proves that a directory has one owner at a time, that the owner is named, and that a lock which
 * could not be taken is not held. What real processes do is in `log_process_test.ts`.
 */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { LogLockedError } from "../../src/wal/errors.ts";
import { DirectoryLock } from "../../src/wal/lock.ts";
import { DiskError } from "../simulation/disk_calls.ts";
import { ManualClock } from "../simulation/manual_clock.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import {
  SIMULATED_PROCESS,
  type SimulatedPlatform,
  simulatedPlatform,
} from "../simulation/simulated_platform.ts";
import { DIRECTORY, putText } from "./sample_segment.ts";

const STAMP = `pid=${SIMULATED_PROCESS}\nstarted=2026-03-04T05:06:07.008Z\n`;

async function machine(): Promise<SimulatedPlatform> {
  const clock = new ManualClock(Date.UTC(2026, 2, 4, 5, 6, 7, 8));
  const platform = simulatedPlatform(new MemoryDisk(), new SeededRandom(1), clock);
  await platform.fileSystem.ensureDirectory(DIRECTORY);
  return platform;
}

function stampOn(disk: MemoryDisk): string {
  return new TextDecoder().decode(disk.bytesOf(`${DIRECTORY}/.lock`));
}

Deno.test("DirectoryLock.take stamps the lock file with process and time", async () => {
  const platform = await machine();
  const lock = await DirectoryLock.take(platform, DIRECTORY);
  assertEquals(stampOn(platform.fileSystem), STAMP);
  lock.release();
  assertEquals(platform.fileSystem.openFiles, []);
});

Deno.test("DirectoryLock.take refuses a second owner and names the first", async () => {
  const platform = await machine();
  const lock = await DirectoryLock.take(platform, DIRECTORY);
  const later = { ...platform, processId: 9, clock: new ManualClock(0) };
  const error = await assertRejects(() => DirectoryLock.take(later, DIRECTORY), LogLockedError);
  assertEquals(error.directory, DIRECTORY);
  assertEquals(error.holder, { pid: SIMULATED_PROCESS, started: "2026-03-04T05:06:07.008Z" });
  assertStringIncludes(error.message, `process ${SIMULATED_PROCESS}`);
  assertStringIncludes(error.message, "2026-03-04T05:06:07.008Z");
  assertEquals(stampOn(platform.fileSystem), STAMP);
  lock.release();
  (await DirectoryLock.take(later, DIRECTORY)).release();
});

Deno.test("DirectoryLock.take names nobody if the stamp cannot be read", async () => {
  const platform = await machine();
  const lock = await DirectoryLock.take(platform, DIRECTORY);
  const stamp = await platform.fileSystem.open(`${DIRECTORY}/.lock`, "lock");
  for (const text of ["", "pid=\nstarted=now\n", "pid=12\n", "\xff".repeat(300)]) {
    stamp.clear();
    stamp.write(new TextEncoder().encode(text));
    const error = await assertRejects(
      () => DirectoryLock.take(platform, DIRECTORY),
      LogLockedError,
    );
    assertEquals(error.holder, null);
  }
  stamp.close();
  lock.release();
});

Deno.test("DirectoryLock.take leaves nothing of an older and longer stamp", async () => {
  const platform = await machine();
  putText(platform.fileSystem, ".lock", `pid=1\nstarted=long ago\n${"x".repeat(200)}`);
  const lock = await DirectoryLock.take(platform, DIRECTORY);
  assertEquals(stampOn(platform.fileSystem), STAMP);
  lock.release();
});

Deno.test("DirectoryLock.release leaves the lock file where it is", async () => {
  const platform = await machine();
  (await DirectoryLock.take(platform, DIRECTORY)).release();
  assertEquals(platform.fileSystem.namesIn(DIRECTORY), [".lock"]);
});

Deno.test("DirectoryLock.take holds nothing after any call of it has failed", async () => {
  for (let skip = 0; skip < 4; skip++) {
    const platform = await machine();
    platform.fileSystem.fail({ skip });
    await assertRejects(() => DirectoryLock.take(platform, DIRECTORY), DiskError);
    assertEquals(platform.fileSystem.openFiles, []);
    (await DirectoryLock.take(platform, DIRECTORY)).release();
  }
});

Deno.test("DirectoryLock.take completes a stamp that is written in pieces", async () => {
  const platform = await machine();
  platform.fileSystem.fail({ effect: "short", times: Infinity });
  const lock = await DirectoryLock.take(platform, DIRECTORY);
  assertEquals(stampOn(platform.fileSystem), STAMP);
  const error = await assertRejects(() => DirectoryLock.take(platform, DIRECTORY), LogLockedError);
  assertEquals(error.holder?.pid, SIMULATED_PROCESS);
  lock.release();
});

Deno.test("DirectoryLock.take needs the directory", async () => {
  await assertRejects(
    () => DirectoryLock.take(simulatedPlatform(), "/nowhere"),
    Deno.errors.NotFound,
  );
});
