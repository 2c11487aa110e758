/**
 * Proves that a copy of a log directory is not opened unless somebody vouches for it, that the original
 * always is, and that a copy which is accepted takes nothing for decided or undecided that the
 * original may have changed since.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { LogCopiedError } from "../../src/wal/errors.ts";
import { type AcceptedCopy, Log } from "../../src/wal/log.ts";
import { DiskError } from "../simulation/disk_calls.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { seededTest } from "../simulation/seeds.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { openLog, transactionsOn } from "./open_log.ts";
import { committing, contentOf, DIRECTORY } from "./sample_segment.ts";

const ACCEPTED: AcceptedCopy = { by: "ada", reason: "the old machine is gone" };

/** Opens a log, closes it again, and says what was found. */
async function open(disk: MemoryDisk, acceptCopy?: AcceptedCopy): Promise<Log<LogRecord>> {
  const platform = simulatedPlatform(disk);
  const options = { directory: DIRECTORY, platform, model: new LiveState() };
  const accepting = acceptCopy === undefined ? options : { ...options, acceptCopy };
  const log = await platform.clock.finish(Log.open(accepting));
  await platform.clock.finish(log.append(committing(BigInt(log.epoch))));
  await platform.clock.finish(log.close());
  return log;
}

/** The same files elsewhere. */
function copyOf(disk: MemoryDisk): MemoryDisk {
  const copy = new MemoryDisk(new SeededRandom(7));
  for (const [name, bytes] of contentOf(disk)) copy.put(`${DIRECTORY}/${name}`, bytes);
  return copy;
}

async function usedDisk(): Promise<MemoryDisk> {
  const { log, disk, clock } = await openLog();
  await clock.finish(log.append(committing(100n)));
  await clock.finish(log.close());
  return disk;
}

Deno.test("Log.open refuses a copy, touches nothing in it, and opens the original", async () => {
  const disk = await usedDisk();
  const copy = copyOf(disk);
  const before = contentOf(copy);
  for (let time = 0; time < 2; time++) {
    const error = await assertRejects(() => open(copy), LogCopiedError, "--accept-copy");
    assertEquals(error.directory, DIRECTORY);
  }
  const after = contentOf(copy);
  for (const content of [before, after]) content.delete(".lock");
  assertEquals([after, copy.openFiles], [before, []]);
  assertEquals((await open(disk)).epoch, 2);
});

Deno.test("Log.open refuses what was restored without its lock, or over another", async () => {
  const disk = await usedDisk();
  const withoutLock = copyOf(disk);
  await withoutLock.remove(`${DIRECTORY}/.lock`);
  await assertRejects(() => open(withoutLock), LogCopiedError);
  const backup = contentOf(disk);
  await open(disk);
  for (const [name, bytes] of backup) disk.put(`${DIRECTORY}/${name}`, bytes);
  await assertRejects(() => open(disk), LogCopiedError);
});

seededTest("Log.open takes no crash for a copy", 10, async (random) => {
  const disk = new MemoryDisk(random.fork());
  const crashes: MemoryDisk[] = [];
  disk.observe(() => crashes.push(disk.kill(), disk.crash(random)));
  for (let opening = 0; opening < 3; opening++) await open(disk);
  for (const crashed of crashes) await open(crashed);
});

Deno.test("Log.open of an accepted copy goes on behind everything that the original may have used", async () => {
  const disk = await usedDisk();
  const copy = copyOf(disk);
  let original = await open(disk);
  for (let opening = 0; opening < 50; opening++) original = await open(disk);
  const accepted = await open(copy, ACCEPTED);
  assert(accepted.epoch > original.epoch);
  const [verdict, ...others] = accepted.damages;
  assertEquals([verdict?.by, verdict?.file, others], ["ada", "", []]);
  assert((verdict?.epoch ?? 0) > original.epoch && (verdict?.epoch ?? 0) < accepted.epoch);
  assert(verdict?.reason.includes(ACCEPTED.reason), verdict?.reason);
  const again = await open(copy);
  assertEquals([again.epoch, again.damages], [accepted.epoch + 1, accepted.damages]);
  assertEquals(await transactionsOn(copy), [100n, BigInt(accepted.epoch), BigInt(again.epoch)]);
});

Deno.test("Log.open gives a verdict on each copy that is accepted, and none on what is no copy", async () => {
  const disk = await usedDisk();
  assertEquals((await open(disk, ACCEPTED)).damages, []);
  const first = copyOf(disk);
  await open(first, ACCEPTED);
  const { log, clock } = await openLog(simulatedPlatform(first));
  await clock.finish(log.clearDamage("somebody", "a test"));
  await clock.finish(log.close());
  const second = await open(copyOf(first), ACCEPTED);
  assertEquals((await open(first, ACCEPTED)).damages, []);
  assertEquals(second.damages.map(({ by }) => by), ["ada"]);
});

seededTest("Log.open of an accepted copy loses no verdict in a crash", 6, async (random) => {
  const copy = copyOf(await usedDisk());
  const crashes: MemoryDisk[] = [];
  copy.observe(() => crashes.push(copy.kill(), copy.crash(random)));
  await open(copy, ACCEPTED);
  let refused = 0;
  for (const crashed of crashes) {
    let log: Log<LogRecord>;
    try {
      log = await open(crashed);
    } catch (error) {
      if (!(error instanceof LogCopiedError)) throw error;
      refused++;
      log = await open(crashed, ACCEPTED);
    }
    assertEquals(log.damages.map(({ by }) => by).at(-1), "ada");
    assertEquals((await open(crashed)).damages, log.damages);
  }
  assert(refused > 0 && refused < crashes.length);
});

Deno.test("Log.open of an accepted copy can be repeated when any of its calls has failed", async () => {
  const probe = copyOf(await usedDisk());
  await open(probe, ACCEPTED);
  for (let skip = 0; skip < probe.calls.length; skip++) {
    const copy = copyOf(await usedDisk());
    copy.fail({ skip });
    await open(copy, ACCEPTED).catch(() => {});
    copy.mend();
    const { damages } = await open(copy, ACCEPTED);
    assert(damages.length > 0 && damages.every(({ by }) => by === "ada"), `call ${skip + 1}`);
    assertEquals(copy.openFiles, []);
  }
});

Deno.test("Log.open never takes a place that it cannot ask for to be the right one", async () => {
  for (const make of [usedDisk, async () => copyOf(await usedDisk())]) {
    const disk = await make();
    disk.fail({ kind: "identify" });
    await assertRejects(() => open(disk), DiskError);
  }
});

Deno.test("Log.open asks no question where the platform knows of no place, and learns it later", async () => {
  const disk = new MemoryDisk();
  const platform = simulatedPlatform(disk);
  const unknowing: MemoryDisk = Object.create(disk, {
    identify: { value: () => Promise.resolve(null) },
  });
  for (const method of ["ensureDirectory", "syncAncestors", "list", "open", "rename"] as const) {
    Object.defineProperty(unknowing, method, { value: disk[method].bind(disk) });
  }
  for (const method of ["remove", "syncDirectory"] as const) {
    Object.defineProperty(unknowing, method, { value: disk[method].bind(disk) });
  }
  const options = { directory: DIRECTORY, model: new LiveState() };
  const withoutPlace = { ...platform, fileSystem: unknowing };
  const log = await platform.clock.finish(Log.open({ ...options, platform: withoutPlace }));
  await platform.clock.finish(log.close());
  const copy = copyOf(disk);
  assertEquals((await open(copy)).epoch, 2);
  await assertRejects(() => open(copyOf(copy)), LogCopiedError);
});

/** Runs a program of the machine. */
async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  assert(success, `${command}: ${new TextDecoder().decode(stderr)}`);
}

Deno.test("Log.open on real files: a directory may be renamed and moved, and no copy of it is opened", async () => {
  const parent = await Deno.makeTempDir({ prefix: "indoubt-place-" });
  const openReal = async (directory: string): Promise<number> => {
    await using log = await Log.open<LogRecord>({ directory, model: new LiveState() });
    await log.append(committing(BigInt(log.epoch)));
    return log.epoch;
  };
  try {
    await openReal(`${parent}/log`);
    await run("cp", "-a", `${parent}/log`, `${parent}/copy`);
    await run("tar", "-C", parent, "-cf", `${parent}/log.tar`, "log");
    await Deno.rename(`${parent}/log`, `${parent}/renamed`);
    assertEquals(await openReal(`${parent}/renamed`), 2);
    await Deno.mkdir(`${parent}/elsewhere`);
    await run("mv", `${parent}/renamed`, `${parent}/elsewhere/log`);
    assertEquals(await openReal(`${parent}/elsewhere/log`), 3);
    await run("tar", "-C", parent, "-xf", `${parent}/log.tar`);
    for (const copy of ["copy", "log"]) {
      await assertRejects(() => openReal(`${parent}/${copy}`), LogCopiedError);
    }
    // A backup restored over the log itself.
    await run("tar", "-C", `${parent}/elsewhere`, "-xf", `${parent}/log.tar`);
    await assertRejects(() => openReal(`${parent}/elsewhere/log`), LogCopiedError);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});
