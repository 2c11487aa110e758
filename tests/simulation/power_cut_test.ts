/**
 * Proves that no crash makes a log lose what it acknowledged, invent what it was not given, or
 * refuse to open: a fixed workload is cut behind each call that reaches the disk, by a power cut in
 * several variants and by the end of the process, and so are the openings that follow.
 */

import { assert, assertEquals } from "@std/assert";
import type { BranchRecord } from "../../src/wal/decisions/record.ts";
import type { DiskCall } from "./disk_calls.ts";
import { transactionsOn } from "../wal/open_log.ts";
import { DIRECTORY, LogDriver } from "./log_driver.ts";
import { NOTHING_SEEN, type Seen } from "./log_model.ts";
import { RIDE, runWorkload } from "./log_workload.ts";
import { MemoryDisk } from "./memory_disk.ts";
import type { SeededRandom } from "./seeded_random.ts";
import { seededTest } from "./seeds.ts";
import { simulatedPlatform } from "./simulated_platform.ts";
import { Turns } from "./turns.ts";

/** Power cuts tried behind each call: what survives of unsynced bytes is different in each. */
const POWER_CUTS = 6;

/** Fewer calls than this are answered between two commits that go on beside others. */
const MAX_TURNS = 24;

/** A log directory that comes into being together with its parents. */
const DEEP_DIRECTORY = "/srv/app/log";

/** A moment of a run at which it could have been cut. */
interface Moment {
  readonly text: string;
  readonly disk: MemoryDisk;
  readonly seen: Seen;
}

/** Makes the disks that a crash now could leave. */
type Crash = (disk: MemoryDisk) => [text: string, disk: MemoryDisk][];

/** The end of the process, and several power cuts. */
function everyCrash(random: SeededRandom): Crash {
  return (disk) => [
    ["process killed", disk.kill()],
    ...Array.from({ length: POWER_CUTS }, () => powerCut(disk, random)),
  ];
}

/** Either the end of the process or a power cut. */
function oneCrash(random: SeededRandom): Crash {
  return (disk) =>
    random.chance(0.5) ? [["process killed", disk.kill()]] : [powerCut(disk, random)];
}

function powerCut(disk: MemoryDisk, random: SeededRandom): [string, MemoryDisk] {
  return ["power cut", disk.crash(random)];
}

/** Collects the disks that crashes behind each call of this driver leave. */
function collectCrashes(driver: LogDriver, crash: Crash): Moment[] {
  const moments: Moment[] = [];
  driver.disk.observe(({ number, kind, path }) => {
    for (const [name, disk] of crash(driver.disk)) {
      const text = `${name} behind call ${number}, ${kind} of ${path}`;
      moments.push({ text, disk, seen: driver.seen });
    }
  });
  return moments;
}

function branches(txn: bigint, length: number = 0): BranchRecord[] {
  const gid = `indoubt_simulated_${txn}`.padEnd(length, "_");
  return ["orders", "billing"].map((participant) => ({ participant, gid, token: null }));
}

function driverOn(disk: MemoryDisk, random: SeededRandom, seen: Seen = NOTHING_SEEN): LogDriver {
  return new LogDriver(simulatedPlatform(disk, random), seen);
}

/** Opens a log in a directory whose parents are not there, and collects what a power cut leaves. */
async function cutsInDeepDirectory(random: SeededRandom): Promise<Moment[]> {
  const platform = simulatedPlatform(new MemoryDisk(random.fork()), random.fork());
  const driver = new LogDriver(platform, NOTHING_SEEN, DEEP_DIRECTORY);
  const moments = collectCrashes(driver, everyCrash(random));
  await openAndAppend(driver);
  return moments;
}

async function openAndAppend(driver: LogDriver): Promise<void> {
  await driver.open();
  const record = { type: "committing", txn: 1000n, branches: [] } as const;
  await driver.platform.clock.finish(driver.append(record));
  await driver.close();
}

/** Opens twice; the second opening must find what the first one did. */
async function assertRecovers(
  moment: Moment,
  random: SeededRandom,
  directory: string = DIRECTORY,
): Promise<void> {
  const driver = new LogDriver(simulatedPlatform(moment.disk, random), moment.seen, directory);
  try {
    const first = await driver.open();
    await driver.close();
    const second = await driver.open();
    await driver.close();
    assertEquals(second.active, first.active);
    assertEquals(second.participants, first.participants);
    assertEquals(moment.disk.openFiles, []);
  } catch (error) {
    throw new Error(`${moment.text}: ${error}`, { cause: error });
  }
}

seededTest("Log survives a crash behind each call to the disk", 3, async (random) => {
  const driver = driverOn(new MemoryDisk(random.fork()), random.fork());
  const moments = collectCrashes(driver, everyCrash(random));
  await runWorkload(driver);
  const calls = driver.disk.calls;
  assert(calls.filter(({ kind }) => kind === "rename").length > 9, "segments change too seldom");
  await driver.close();
  assertEquals(moments.length, calls.length * (1 + POWER_CUTS));
  for (const moment of moments) await assertRecovers(moment, random);
});

/**
 * Uses segments again and again; what every crash leaves must be sound.
 *
 * @param opening How many commits are made before the log is opened again.
 * @param pass Lets happen what happens between two commits.
 * @returns How many segments were used again.
 */
async function assertReuseSurvives(
  driver: LogDriver,
  random: SeededRandom,
  crash: Crash,
  opening: bigint,
  pass: () => Promise<void>,
): Promise<number> {
  const moments = collectCrashes(driver, crash);
  for (let txn = 1n; txn <= 50n; txn++) {
    if (txn % opening === 1n) {
      await driver.close();
      await driver.open();
    }
    await driver.finish(driver.append({ type: "committing", txn, branches: branches(txn) }));
    // Few stay live: a segment that begins with many is longer than those that are used again.
    if (txn > 2n) driver.appendLazily({ type: "end", txn: txn - 2n });
    await pass();
  }
  await driver.close();
  for (const moment of moments) {
    await assertRecovers(moment, random);
    // What was half overwritten is never found under a segment's name.
    const names = moment.disk.namesIn(DIRECTORY);
    assertEquals(names.filter((name) => name.includes("broken")), [], moment.text);
  }
  return driver.disk.calls.filter(isTaken).length;
}

/** Whether a call gives a segment another name, to use it again. */
function isTaken({ kind, path }: DiskCall): boolean {
  return kind === "rename" && path.includes("/next-");
}

seededTest(
  "Log survives a crash behind each call while segments are used again",
  2,
  async (random) => {
    const driver = driverOn(new MemoryDisk(random.fork()), random.fork());
    // Some Ends are written alone, others ride along.
    const pass = () => driver.pass(random.pick([0, RIDE]));
    const taken = await assertReuseSurvives(driver, random, everyCrash(random), 50n, pass);
    assert(taken > 4, `${taken} segments were used again`);
  },
);

seededTest(
  "Log survives a crash behind each call while segments are used again and all goes on at once",
  12,
  async (random) => {
    const platform = simulatedPlatform(new MemoryDisk(random.fork()), random.fork());
    const turns = new Turns(random.fork(), platform.clock);
    const driver = new LogDriver(platform, NOTHING_SEEN, DIRECTORY, turns);
    const pass = async () => {
      for (let left = random.below(MAX_TURNS); left > 0; left--) {
        await turns.give();
        // The next commit often comes before the new name is durable.
        if (isTaken(driver.disk.calls.at(-1)!) && random.chance(0.8)) return;
      }
    };
    const taken = await assertReuseSurvives(driver, random, oneCrash(random), 10n, pass);
    assert(taken > 0, "no segment was used again");
  },
);

seededTest(
  "Log survives a crash behind each call where a batch follows one that nobody waited for",
  1,
  async (random) => {
    // What nobody waits for is not synced; wherever it crosses into another sector, the next batch may be there
    // without it.
    for (let length = 20; length < 280; length += 4) {
      const driver = driverOn(new MemoryDisk(random.fork()), random.fork());
      await driver.open();
      // The second one's segment has its space already, so that no other follows before it is full.
      for (const [txn, gid] of [[9n, 20], [1n, length]] as const) {
        const record = { type: "committing", txn, branches: branches(txn, gid) } as const;
        await driver.finish(driver.append(record));
        await driver.pass(0);
      }
      driver.appendLazily({ type: "end", txn: 1n });
      await driver.pass(RIDE);
      assertEquals(await transactionsOn(driver.disk.kill()), [9n]);
      const crash = (disk: MemoryDisk) => Array.from({ length: 20 }, () => powerCut(disk, random));
      const moments = collectCrashes(driver, crash);
      await driver.finish(driver.append({ type: "committing", txn: 2n, branches: branches(2n) }));
      driver.disk.observe(() => {});
      await driver.close();
      for (const moment of moments) await assertRecovers(moment, random);
    }
  },
);

seededTest("Log survives a crash in the opening after a crash", 1, async (random) => {
  const driver = driverOn(new MemoryDisk(random.fork()), random.fork());
  const first = collectCrashes(driver, oneCrash(random));
  await runWorkload(driver);
  await driver.close();
  for (const moment of first) {
    const opening = driverOn(moment.disk, random, moment.seen);
    const second = collectCrashes(opening, oneCrash(random));
    await openAndAppend(opening);
    for (const again of second) {
      const text = `${moment.text}, then ${again.text}`;
      await assertRecovers({ ...again, text }, random);
    }
  }
});

seededTest("Log survives a crash after it made directories", 2, async (random) => {
  for (const moment of await cutsInDeepDirectory(random)) {
    await assertRecovers(moment, random, DEEP_DIRECTORY);
  }
});
