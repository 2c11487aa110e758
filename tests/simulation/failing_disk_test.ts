/**
 * Proves that no failing call makes a log lose what it acknowledged, keep what it called not
 * written, or leave a file open: each call of a fixed workload fails in turn, once, or with all
 * that follow, or with all that follow of its kind. Then the disk is mended, and the log is opened
 * by the same process, by the next one, and after power cuts.
 */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { DiskError, type Fault } from "./disk_calls.ts";
import { LogDriver } from "./log_driver.ts";
import type { Seen } from "./log_model.ts";
import { runWorkload } from "./log_workload.ts";
import { MemoryDisk } from "./memory_disk.ts";
import type { SeededRandom } from "./seeded_random.ts";
import { seededTest } from "./seeds.ts";
import { simulatedPlatform } from "./simulated_platform.ts";

/** Power cuts tried at each moment. */
const POWER_CUTS = 2;

/** Milliseconds after which a log has certainly tried a failed disk again. */
const LONGEST_RETRY = 60_000;

/** How likely each call of a run is also one behind which the power fails or the process dies. */
const CRASH_CHANCE = 0.01;

/** A disk that a crash has left, and what had been seen then. */
interface Crash {
  readonly disk: MemoryDisk;
  readonly seen: Seen;
}

/** What becomes of the disk if the process dies now, and if the power fails now. */
function crashesNow(driver: LogDriver, random: SeededRandom): Crash[] {
  const { disk, seen } = driver;
  const crashes = [{ disk: disk.kill(), seen }];
  for (let cut = 0; cut < POWER_CUTS; cut++) crashes.push({ disk: disk.crash(random), seen });
  return crashes;
}

/** Runs the workload on a disk with that fault and checks what every kind of end leaves. */
async function assertSurvives(fault: Fault, seed: SeededRandom): Promise<void> {
  const random = seed.fork();
  const disk = new MemoryDisk(random.fork());
  const driver = new LogDriver(simulatedPlatform(disk, random.fork()));
  const crashes: Crash[] = [];
  disk.fail(fault);
  disk.observe(() => {
    if (random.chance(CRASH_CHANCE)) crashes.push(...crashesNow(driver, random));
  });
  await runWorkload(driver);
  crashes.push(...crashesNow(driver, random));
  if (driver.isOpen && fault.times !== Infinity) await assertHeals(driver);
  const { seen } = driver;
  await closeOnFailingDisk(driver);
  disk.mend();
  await assertRecovers({ disk, seen }, random);
  for (const crash of crashes) await assertRecovers(crash, random);
}

/** A log that is open takes records again, some time after the disk has come back. */
async function assertHeals(driver: LogDriver): Promise<void> {
  const record = { type: "committing", txn: 2000n, branches: [] } as const;
  driver.disk.mend();
  await driver.pass(LONGEST_RETRY);
  await driver.platform.clock.finish(driver.append(record));
  assertEquals(driver.seen.attempts.at(-1), { record, fate: "durable" });
}

async function assertRecovers({ disk, seen }: Crash, random: SeededRandom): Promise<void> {
  const driver = new LogDriver(simulatedPlatform(disk, random), seen);
  const first = await driver.open();
  await driver.close();
  const second = await driver.open();
  await driver.close();
  assertEquals(second.active, first.active);
  assertEquals(second.participants, first.participants);
}

/** The last sync may fail; the log is closed all the same. */
async function closeOnFailingDisk(driver: LogDriver): Promise<void> {
  await driver.close().catch((error) => assertInstanceOf(error, DiskError));
}

/** The calls that the workload makes when none fails. */
async function countCalls(): Promise<MemoryDisk["calls"]> {
  const driver = new LogDriver(simulatedPlatform());
  await runWorkload(driver);
  await driver.close();
  return driver.disk.calls;
}

/** Lets a fault of this kind begin at each call in turn, of all or of one kind. */
function eachCall(name: string, seeds: number, faultAt: (call: number) => Fault): void {
  seededTest(`Log survives ${name}`, seeds, async (random) => {
    const calls = await countCalls();
    assert(calls.length > 100);
    for (const { number, kind, path } of calls) {
      try {
        await assertSurvives(faultAt(number), random);
      } catch (error) {
        throw new Error(`fault at call ${number}, ${kind} of ${path}: ${error}`, { cause: error });
      }
    }
  });
}

eachCall("each call that fails once", 1, (call) => ({ skip: call - 1 }));

eachCall(
  "each call that fails together with all later ones",
  1,
  (call) => ({ skip: call - 1, times: Infinity }),
);

for (const times of [2, 3, 8]) {
  eachCall(`each ${times} calls that fail in turn`, 1, (call) => ({ skip: call - 1, times }));
}

eachCall("each read or write that is short", 1, (call) => ({ skip: call - 1, effect: "short" }));

eachCall(
  "each read or write that is short, like all later ones",
  1,
  (call) => ({ skip: call - 1, effect: "short", times: Infinity }),
);

seededTest("Log leaves no file open, whichever call fails", 1, async (random) => {
  for (const { number, kind, path } of await countCalls()) {
    const disk = new MemoryDisk(random.fork());
    const driver = new LogDriver(simulatedPlatform(disk, random.fork()));
    disk.fail({ skip: number - 1, times: Infinity });
    await runWorkload(driver);
    await closeOnFailingDisk(driver);
    assertEquals(disk.openFiles, [], `after call ${number}, ${kind} of ${path}, failed`);
  }
});

const KINDS = ["write", "syncData", "rename", "remove", "syncDirectory", "open", "list"] as const;

for (const kind of KINDS) {
  seededTest(`Log survives a disk on which ${kind} fails for ever`, 1, async (random) => {
    const calls = await countCalls();
    const count = calls.filter((call) => call.kind === kind).length;
    assert(count > 3);
    for (let skip = 0; skip < count; skip++) {
      await assertSurvives({ kind, skip, times: Infinity }, random);
    }
  });
}
