/**
 * Proves what a log says when bits of it rot, at rest and beneath it while it is open: never a wrong
 * record, no loss in silence but that of its very end, and no damaged file lost. What exactly holds
 * is written at the top of `betrayed_model.ts`, which checks every opening; here it is also tested
 * where exactly the end begins that can be lost in silence.
 */

import { assert, assertEquals } from "@std/assert";
import { drawRot, replacedSector, type Rot, turnedBit } from "./disk_rot.ts";
import {
  assertRecovers,
  assertSurvives,
  countCalls,
  type Crash,
  type Opening,
} from "./fault_trial.ts";
import { DIRECTORY, LogDriver, RefusalError } from "./log_driver.ts";
import { lastDurable, linesOf, possibleStates } from "./log_model.ts";
import { runWorkload } from "./log_workload.ts";
import type { MemoryDisk } from "./memory_disk.ts";
import { SECTOR } from "./memory_file.ts";
import type { SeededRandom } from "./seeded_random.ts";
import { seededTest } from "./seeds.ts";
import { simulatedPlatform } from "./simulated_platform.ts";

/** Moments at which bits everywhere in the log are turned: the first with something at stake. */
const MOMENTS = 1;

/** Records that are at stake then, at least. */
const MIN_STAKE = 1;

/** One bit is turned in so many at most, drawn anew for each. */
const NEWEST_BITS = 1;
const OTHER_BITS = 8;

/** A moment at which the process died. */
interface Moment extends Crash {
  /**
   * How many records were answered as durable before the last write to the log began. That write
   * promises that they are there.
   */
  readonly promised: number;
  /** How many of them nothing but their own frames in the newest segment say, and a promise behind them. */
  readonly atStake: number;
}

/** Every moment of the workload at which a file has just been synced or renamed. */
async function momentsBehindSyncs(): Promise<Moment[]> {
  const driver = new LogDriver(simulatedPlatform());
  const moments: Moment[] = [];
  let promised = 0;
  let restated = 0;
  let newest = { name: "", content: "" };
  driver.disk.observe(({ kind }) => {
    const { disk, seen } = driver;
    const segment = newestSegment(disk);
    const durable = lastDurable(seen.attempts) + 1;
    const isNew = segment.name !== newest.name;
    if (isNew || segment.content !== newest.content) {
      promised = durable;
      if (isNew) restated = durable;
    }
    newest = segment;
    if (kind !== "syncData" && kind !== "rename") return;
    moments.push({ disk: disk.kill(), seen, promised, atStake: promised - restated });
  });
  await runWorkload(driver);
  await driver.close();
  return moments;
}

/** Name and bytes of the newest segment. */
function newestSegment(disk: MemoryDisk): { readonly name: string; readonly content: string } {
  const name = disk.namesIn(DIRECTORY).findLast((name) => name.endsWith(".wal")) ?? "";
  return { name, content: name === "" ? "" : String(disk.bytesOf(`${DIRECTORY}/${name}`)) };
}

/** The names of the files that are not empty, each with its length. */
function filesOf(disk: MemoryDisk): { name: string; path: string; length: number }[] {
  return disk.namesIn(DIRECTORY)
    .map((name) => ({ name, path: `${DIRECTORY}/${name}` }))
    .map((file) => ({ ...file, length: disk.bytesOf(file.path).length }))
    .filter(({ length }) => length > 0);
}

/** The disk of that moment with the rot, opened twice; nothing damaged may be gone or changed. */
async function openRotten(
  { disk, seen }: Crash,
  path: string,
  rot: Rot,
  random: SeededRandom,
): Promise<Opening> {
  const rotten = disk.kill();
  rotten.rot(path, rot);
  const bytes = new Map(
    filesOf(rotten).map((file) => [file.name, rotten.bytesOf(file.path)] as const),
  );
  const opening = await assertRecovers({ disk: rotten, seen }, random);
  if (opening instanceof RefusalError) return opening;
  if (seen.id !== null) assertEquals(opening.id, seen.id);
  assert(opening.epoch > seen.epoch, `epoch ${opening.epoch} follows epoch ${seen.epoch}`);
  const kept = rotten.namesIn(DIRECTORY);
  for (const { file } of opening.damages) {
    // A segment can also be missed that the identity names.
    if (!bytes.has(file)) continue;
    const aside = kept.find((name) => name.startsWith(`${file}.broken`)) ?? file;
    assertEquals(rotten.bytesOf(`${DIRECTORY}/${aside}`), bytes.get(file), `${file} has changed`);
  }
  return opening;
}

/** What is lost by one turned bit, if nothing is said, has no later record that promises it. */
function assertEndAtMost(opening: Opening, { seen, promised }: Moment): void {
  if (opening instanceof RefusalError || opening.damages.length > 0) return;
  const states = possibleStates(seen.attempts, () => promised - 1);
  assert(
    states.has(linesOf(opening).join("\n")),
    `more than the last write is lost without a word: ${linesOf(opening).join("; ")}`,
  );
}

seededTest("Log notices each turned bit that a later record can tell of", 1, async (random) => {
  const moments = await momentsBehindSyncs();
  assert(moments.length > 40, `${moments.length} moments`);
  const counts = { refused: 0, damaged: 0, sound: 0 };
  const chosen = moments.filter(({ atStake }) => atStake >= MIN_STAKE);
  assert(chosen.length > 0, "too few records are at stake");
  for (const moment of chosen.slice(0, MOMENTS)) {
    for (const { path, length } of filesOf(moment.disk)) {
      const isNewest = path.endsWith(newestSegment(moment.disk).name);
      for (
        let bit = 0;
        bit < 8 * length;
        bit += 1 + random.below(isNewest ? NEWEST_BITS : OTHER_BITS)
      ) {
        try {
          const opening = await openRotten(moment, path, turnedBit(bit), random);
          assertEndAtMost(opening, moment);
          if (opening instanceof RefusalError) counts.refused++;
          else if (opening.damages.length > 0) counts.damaged++;
          else counts.sound++;
        } catch (error) {
          throw new Error(`bit ${bit} of ${path}: ${error}`, { cause: error });
        }
      }
    }
  }
  for (const [what, count] of Object.entries(counts)) assert(count > 0, `never ${what}`);
});

seededTest("Log stays honest whichever sector rots at whatever moment", 2, async (random) => {
  const noise = new Uint8Array(SECTOR);
  for (const moment of await momentsBehindSyncs()) {
    for (const { path, length } of filesOf(moment.disk)) {
      for (let sector = 0; sector * SECTOR < length; sector++) {
        random.fill(noise);
        for (const content of [noise, new Uint8Array(SECTOR)]) {
          await openRotten(moment, path, replacedSector(sector, content), random);
        }
      }
    }
  }
});

seededTest("Log stays honest where two places rot", 2, async (random) => {
  for (const { disk, seen } of await momentsBehindSyncs()) {
    for (const { path, length } of filesOf(disk)) {
      const twice = disk.kill();
      twice.rot(path, drawRot(random, length));
      const other = random.pick(filesOf(disk));
      await openRotten({ disk: twice, seen }, other.path, drawRot(random, other.length), random);
    }
  }
});

seededTest("Log stays honest where it rots beneath it while it is open", 2, async (random) => {
  for (const { number } of await countCalls()) {
    // A fault that never comes: the rot alone is the matter.
    await assertSurvives({ skip: Infinity }, random, (disk, call) => {
      if (call.number !== number) return;
      const files = filesOf(disk);
      if (files.length === 0) return;
      const { path, length } = random.pick(files);
      disk.rot(path, drawRot(random, length));
    });
  }
});
