/**
 * One random run of the log on the simulated disk: processes that open it, use it, and end in
 * whatever way, with faults at any moment, also while a later process recovers. In some runs the
 * disk lies or rots, too. The models say after each opening whether what the log says is possible;
 * at the end the disk is mended and the log must be whole and at work, or refuse to open for a
 * reason.
 */

import { assert, assertEquals } from "@std/assert";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { LogCorruptedError, LogLockedError, LogVersionError } from "../../src/wal/errors.ts";
import { rotSomewhere } from "../simulation/disk_rot.ts";
import { assertRefusesAgain } from "../simulation/fault_trial.ts";
import { DIRECTORY, LogDriver, RefusalError } from "../simulation/log_driver.ts";
import { NOTHING_SEEN, type Seen } from "../simulation/log_model.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import type { SeededRandom } from "../simulation/seeded_random.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { drawFault, drawOptions, keepsItsWord, type RunOptions } from "./random_options.ts";

/** The model tries every subset of the records that nobody waited for: there must be few. */
const MOST_LAZY = 6;

/** Longer than a log ever waits before it tries a failed disk again. */
const LONGEST_RETRY = 60_000;

const LAST: LogRecord = { type: "committing", txn: 1_000_000n, branches: [] };

/** What the next process starts from. */
interface Moment {
  readonly disk: MemoryDisk;
  readonly seen: Seen;
}

/** Runs it; rejects if the log did what no log may do. */
export async function randomRun(random: SeededRandom): Promise<void> {
  const options = drawOptions(random);
  let moment: Moment = { disk: new MemoryDisk(random.fork()), seen: NOTHING_SEEN };
  for (let process = 0; process < options.processes; process++) {
    moment = await new RandomProcess(moment, random, options).run();
    if (random.chance(options.rot)) rotSomewhere(moment.disk, DIRECTORY, random);
  }
  await assertWhole(moment, random, keepsItsWord(options));
}

/** One process that uses the log. */
class RandomProcess {
  readonly #driver: LogDriver;
  readonly #random: SeededRandom;
  readonly #options: RunOptions;
  /** What a cut in the middle left: all that this process does afterwards never happened. */
  #cut: Moment | null = null;
  #lazy = 0;

  constructor({ disk, seen }: Moment, random: SeededRandom, options: RunOptions) {
    this.#driver = new LogDriver(simulatedPlatform(disk, random.fork()), seen);
    this.#random = random;
    this.#options = options;
  }

  /** Runs to its end; gives what the next process starts from. */
  async run(): Promise<Moment> {
    const { cuts, cutWithin, steps } = this.#options;
    const cutAt = this.#random.chance(cuts) ? 1 + this.#random.below(cutWithin) : Infinity;
    this.#driver.disk.observe(({ number }) => {
      if (number === cutAt) this.#cut = this.#end();
    });
    for (let step = 0; step < steps && this.#cut === null; step++) await this.#step();
    const end = this.#cut ?? this.#end();
    await this.#close();
    return end;
  }

  /** What this process leaves if it ends now. */
  #end(): Moment {
    const { disk, seen } = this.#driver;
    const isPower = this.#random.chance(this.#options.power);
    return { disk: isPower ? disk.crash(this.#random) : disk.kill(), seen };
  }

  async #step(): Promise<void> {
    const { disk, platform } = this.#driver;
    const { faults, mending, rot } = this.#options;
    if (this.#random.chance(mending)) disk.mend();
    if (this.#random.chance(faults)) disk.fail(drawFault(this.#random, this.#options));
    if (this.#random.chance(rot)) rotSomewhere(disk, DIRECTORY, this.#random);
    if (this.#random.chance(0.05)) platform.clock.jump(this.#random.pick([-1e9, 1e9]));
    if (!this.#driver.isOpen || this.#random.chance(0.1)) return await this.#reopen();
    await this.#appendSome();
    await this.#driver.pass(this.#random.pick([0, 0, 150, 1000, LONGEST_RETRY]));
  }

  async #reopen(): Promise<void> {
    await this.#close();
    await this.#driver.open().catch(assertDiskFault);
  }

  async #close(): Promise<void> {
    await this.#driver.close().catch(assertDiskFault);
  }

  /** Appends records at once, some of them while a sync is held. */
  async #appendSome(): Promise<void> {
    const { holding, together } = this.#options;
    const held = this.#random.chance(holding) ? this.#driver.disk.hold("syncData") : null;
    const answers: Promise<void>[] = [];
    for (let round = 0; round < (held === null ? 1 : 3); round++) {
      const count = 1 + this.#random.below(together);
      for (let index = 0; index < count; index++) this.#append(answers);
      if (held !== null) await this.#driver.pass(0);
    }
    held?.release();
    await this.#driver.platform.clock.finish(Promise.all(answers));
  }

  #append(answers: Promise<void>[]): void {
    const record = this.#draw();
    if (record.type !== "end" || this.#lazy >= MOST_LAZY) {
      answers.push(this.#driver.append(record));
      return;
    }
    this.#lazy++;
    this.#driver.appendLazily(record);
  }

  #draw(): LogRecord {
    const number = this.#random.below(this.#options.transactions);
    const txn = BigInt(number);
    // The same for all records of a transaction: which of two Begins counts is not the matter here.
    const text = "x".repeat(number * 7919 % this.#options.size);
    const type = this.#random.pick(["participant", "begin", "committing", "committing", "end"]);
    switch (type) {
      case "participant":
        return { type, name: `p${txn % 4n}`, kind: "simulated", identity: text };
      case "end":
        return { type, txn };
      default: {
        const branches = [{ participant: "orders", gid: `g${txn}${text}`, token: null }];
        return { type: type === "begin" ? "begin" : "committing", txn, branches };
      }
    }
  }
}

/**
 * Whatever was: on a sound disk the log opens, twice the same, takes a record, and keeps its house
 * clean.
 */
async function assertWhole(
  { disk, seen }: Moment,
  random: SeededRandom,
  isHonest: boolean,
): Promise<void> {
  disk.mend();
  const driver = new LogDriver(simulatedPlatform(disk, random.fork()), seen);
  try {
    await driver.open();
  } catch (error) {
    if (isHonest || !(error instanceof RefusalError)) throw error;
    await assertRefusesAgain(driver, error);
    return;
  }
  await driver.platform.clock.finish(driver.append(LAST));
  assertEquals(driver.seen.attempts.at(-1)?.fate, "durable");
  await driver.close();
  const last = new LogDriver(simulatedPlatform(disk.crash(random), random.fork()), driver.seen);
  // Where a sync of a directory above has lied, all of it may be gone.
  if (last.disk.distrust(DIRECTORY).names) return;
  const { active } = await last.open();
  assertEquals(active.at(-1)?.txn, LAST.type === "committing" ? LAST.txn : null);
  await last.close();
  const names = last.disk.namesIn(DIRECTORY);
  assertEquals(names.filter((name) => name.endsWith(".unfinished")), []);
  if (isHonest) assertEquals(names.filter((name) => name.includes(".broken")), []);
  assertEquals(names.filter((name) => name.endsWith(".wal")).length, 1, names.join());
  assertEquals(last.disk.openFiles, []);
}

/** A failing disk makes errors, but no damage and no lock that stays. */
function assertDiskFault(error: unknown): void {
  for (const wrong of [LogCorruptedError, LogVersionError, LogLockedError, TypeError, RangeError]) {
    if (error instanceof wrong) throw error;
  }
  assert(error instanceof Error, String(error));
  if (error.name === "AssertionError" || error.message.startsWith("Cannot finish")) throw error;
}
