/**
 * Runs the fixed workload on a disk with a fault, and checks everything that can be left of it: by
 * the process that goes on, by the next one after it died, and after power cuts, at the end and at
 * random moments. Every opening is checked against the model; each is followed by a second one,
 * which must find the same.
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import { type DiskCall, DiskError, type Fault } from "./disk_calls.ts";
import { DIRECTORY, LogDriver, RefusalError } from "./log_driver.ts";
import type { Finding, Seen } from "./log_model.ts";
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
export interface Crash {
  readonly disk: MemoryDisk;
  readonly seen: Seen;
}

/** What an opening came to: what it found, or why it refused. */
export type Opening = Finding | RefusalError;

/** What becomes of the disk if the process dies now, and if the power fails now. */
function crashesNow(driver: LogDriver, random: SeededRandom): Crash[] {
  const { disk, seen } = driver;
  const crashes = [{ disk: disk.kill(), seen }];
  for (let cut = 0; cut < POWER_CUTS; cut++) crashes.push({ disk: disk.crash(random), seen });
  return crashes;
}

/**
 * Runs the workload on a disk with that fault and checks what every kind of end leaves.
 *
 * @param onCall Is called behind each call to the disk.
 * @returns What the first opening after each end came to.
 */
export async function assertSurvives(
  fault: Fault,
  seed: SeededRandom,
  onCall: (disk: MemoryDisk, call: DiskCall) => void = () => {},
): Promise<Opening[]> {
  const random = seed.fork();
  const disk = new MemoryDisk(random.fork());
  const driver = new LogDriver(simulatedPlatform(disk, random.fork()));
  const crashes: Crash[] = [];
  disk.fail(fault);
  disk.observe((call) => {
    onCall(disk, call);
    if (random.chance(CRASH_CHANCE)) crashes.push(...crashesNow(driver, random));
  });
  await runWorkload(driver);
  crashes.push(...crashesNow(driver, random));
  if (driver.isOpen && fault.times !== Infinity) await assertHeals(driver);
  const { seen } = driver;
  await closeOnFailingDisk(driver);
  disk.mend();
  disk.observe(() => {});
  crashes.push({ disk, seen });
  const openings: Opening[] = [];
  for (const crash of crashes) openings.push(await assertRecovers(crash, random));
  return openings;
}

/** A log that is open takes records again, some time after the disk has come back. */
async function assertHeals(driver: LogDriver): Promise<void> {
  const record = { type: "committing", txn: 2000n, branches: [] } as const;
  driver.disk.mend();
  await driver.pass(LONGEST_RETRY);
  await driver.platform.clock.finish(driver.append(record));
  assertEquals(driver.seen.attempts.at(-1), { record, fate: "durable" });
}

/** Opens twice; the second opening must find what the first one did, or refuse as it did. */
export async function assertRecovers(
  { disk, seen }: Crash,
  random: SeededRandom,
): Promise<Opening> {
  const driver = new LogDriver(simulatedPlatform(disk, random), seen);
  try {
    const first = await driver.open();
    await driver.close();
    const second = await driver.open();
    await driver.close();
    assertEquals(second.active, first.active);
    assertEquals(second.participants, first.participants);
    assertEquals(second.damages, first.damages);
    return first;
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    return await assertRefusesAgain(driver, error);
  }
}

/** Whoever refuses to open does it every time, and touches nothing but the lock. */
export async function assertRefusesAgain(
  driver: LogDriver,
  refusal: RefusalError,
): Promise<RefusalError> {
  const before = contentOf(driver.disk);
  // A read that was wrong need not be so again.
  if (driver.disk.distrust(DIRECTORY).reads) return refusal;
  await assertRejects(() => driver.open(), RefusalError, refusal.message);
  assertEquals(contentOf(driver.disk), before);
  return refusal;
}

function contentOf(disk: MemoryDisk): [string, Uint8Array][] {
  return disk.namesIn(DIRECTORY).filter((name) => name !== ".lock")
    .map((name) => [name, disk.bytesOf(`${DIRECTORY}/${name}`)]);
}

/** The last sync may fail; the log is closed all the same. */
export async function closeOnFailingDisk(driver: LogDriver): Promise<void> {
  await driver.close().catch((error) => {
    assertInstanceOf(error, LogUnavailableError);
    assertInstanceOf(error.cause, DiskError);
  });
}

/** The calls that the workload makes when none fails. */
export async function countCalls(): Promise<MemoryDisk["calls"]> {
  const driver = new LogDriver(simulatedPlatform());
  await runWorkload(driver);
  await driver.close();
  return driver.disk.calls;
}

/** Lets a fault of this kind begin at each call in turn, of all or of one kind. */
export function eachCall(name: string, seeds: number, faultAt: (call: number) => Fault): void {
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
