/**
 * Proves that no crash and no failing call makes a repair lose anything: it is cut behind each call that
 * reaches the disk, by the end of the process and by power cuts, and each call of it fails in turn. What is
 * left is either refused as before or repaired with its verdict in the log; repaired again, it is the same
 * log with the same transactions, and every damaged file is there, byte for byte.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { LogCorruptedError } from "../../src/wal/errors.ts";
import type { RepairRecord } from "../../src/wal/head.ts";
import { inspectLog } from "../../src/wal/inspect.ts";
import { Log } from "../../src/wal/log.ts";
import { repairLog, type RepairReport } from "../../src/wal/repair.ts";
import { parseSegmentName } from "../../src/wal/segment_name.ts";
import { committing } from "../wal/sample_segment.ts";
import { DiskError } from "./disk_calls.ts";
import { DIRECTORY } from "./log_driver.ts";
import { MemoryDisk } from "./memory_disk.ts";
import type { SeededRandom } from "./seeded_random.ts";
import { seededTest } from "./seeds.ts";
import { simulatedPlatform } from "./simulated_platform.ts";

/** Power cuts tried behind each call: what survives of unsynced bytes is different in each. */
const POWER_CUTS = 6;

const IDENTITY = `${DIRECTORY}/identity.json`;
const REASON = "the controller was replaced";

/** A damaged log, and what must not be lost of it. */
interface DamagedLog {
  readonly disk: MemoryDisk;
  readonly id: string;
  readonly epoch: number;
  /** Whether its identity is damaged, so that it cannot be opened. */
  readonly refused: boolean;
  /** Whether records are lost. */
  readonly lacksSome: boolean;
  /** The damaged files. */
  readonly originals: readonly Uint8Array[];
}

/** What is damaged. */
type Kind = "identity" | "segment" | "identity and segment";

const KINDS: readonly Kind[] = ["identity", "segment", "identity and segment"];

/** Numbers of the transactions that every opening must find decided. */
const DECIDED = [2n, 3n];

async function damagedLog(random: SeededRandom, kind: Kind): Promise<DamagedLog> {
  const disk = new MemoryDisk(random.fork());
  const platform = simulatedPlatform(disk, random.fork());
  const { clock } = platform;
  let id = "";
  let epoch = 0;
  for (const transactions of [[2n], [1n, 3n]]) {
    const model = new LiveState();
    const log = await clock.finish(Log.open({ directory: DIRECTORY, platform, model }));
    for (const txn of transactions) await clock.finish(log.append(committing(txn)));
    ({ id, epoch } = log);
    await clock.finish(log.close());
  }
  const originals: Uint8Array[] = [];
  if (kind !== "identity") {
    const path = await placeOfFirst(disk);
    const bytes = disk.bytesOf(path.file);
    bytes[path.offset + 20]! ^= 1;
    disk.put(path.file, bytes);
    originals.push(bytes);
  }
  if (kind !== "segment") {
    const text = new TextEncoder().encode('{"id":');
    disk.put(IDENTITY, text);
    originals.push(text);
  }
  return {
    disk,
    id,
    epoch,
    refused: kind !== "segment",
    lacksSome: kind !== "identity",
    originals,
  };
}

/** Where the decision of transaction 1 is, which nothing but its own record says. */
async function placeOfFirst(disk: MemoryDisk): Promise<{ file: string; offset: number }> {
  for await (const item of inspectLog(simulatedPlatform(disk.kill()), DIRECTORY)) {
    const record = item.kind === "record" ? item.record : null;
    if (item.kind !== "record" || record?.type !== "committing" || record.txn !== 1n) continue;
    return { file: `${DIRECTORY}/${item.file}`, offset: item.offset };
  }
  throw new Error("Cannot damage the log: it holds no decision of transaction 1");
}

async function repair(disk: MemoryDisk, random: SeededRandom): Promise<RepairReport> {
  const platform = simulatedPlatform(disk, random.fork());
  return await platform.clock.finish(repairLog({
    platform,
    directory: DIRECTORY,
    reason: REASON,
    by: "ada",
    presumeAbort: false,
    acceptCopy: true,
  }));
}

/** The verdicts on repairs that the newest segment of a disk holds. */
async function repairsOn(disk: MemoryDisk): Promise<RepairRecord[]> {
  const newest = disk.namesIn(DIRECTORY).filter((name) => parseSegmentName(name) !== null).at(-1);
  const repairs: RepairRecord[] = [];
  for await (const item of inspectLog(simulatedPlatform(disk.kill()), DIRECTORY)) {
    const record = item.kind === "record" && item.file === newest ? item.record : null;
    if (record?.type === "verdict" && record.kind === "repaired") repairs.push(record);
  }
  return repairs;
}

function assertKept(disk: MemoryDisk, { originals }: DamagedLog): void {
  const kept = disk.namesIn(DIRECTORY).map((name) => disk.bytesOf(`${DIRECTORY}/${name}`));
  for (const original of originals) {
    assert(kept.some((bytes) => isSame(bytes, original)), "a damaged file is gone");
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/**
 * Opens the log; it must be the one that it was, with what was decided. Whatever was damaged, nobody knows
 * whether something else was decided.
 */
async function assertOpens(disk: MemoryDisk, log: DamagedLog, random: SeededRandom): Promise<void> {
  const platform = simulatedPlatform(disk, random.fork());
  const model = new LiveState();
  const opened = await platform.clock.finish(Log.open({ directory: DIRECTORY, platform, model }));
  await platform.clock.finish(opened.close());
  assertEquals(opened.id, log.id);
  assert(opened.epoch > log.epoch, `epoch ${opened.epoch} came back`);
  const decided = model.active.filter((one) => one.decided).map(({ txn }) => txn);
  assertEquals(decided.sort(), log.lacksSome ? DECIDED : [1n, ...DECIDED]);
  assert(opened.damages.length > 0, "no verdict stands");
}

/** What a crash left: refused as before, or repaired with its verdict; then it can be repaired. */
async function assertRepairable(
  disk: MemoryDisk,
  log: DamagedLog,
  random: SeededRandom,
): Promise<void> {
  assertKept(disk, log);
  const left = disk.kill();
  if (log.refused && !isRepaired(left, log)) {
    const platform = simulatedPlatform(left, random.fork());
    const opening = Log.open({ directory: DIRECTORY, platform, model: new LiveState() });
    await assertRejects(() => platform.clock.finish(opening), LogCorruptedError);
  } else {
    if (log.refused) assert((await repairsOn(left)).length > 0, "an identity without a verdict");
    await assertOpens(left, log, random);
  }
  const report = await repair(disk, random);
  assert(report.epoch !== null && report.verdicts.length > 0);
  const repairs = await repairsOn(disk);
  assert(repairs.some(({ reason, by }) => reason === REASON && by === "ada"), "no verdict");
  assertKept(disk, log);
  await assertOpens(disk, log, random);
  assertEquals(await repairsOn(disk), repairs, "a later opening restates the verdicts");
  assertEquals(disk.openFiles, []);
}

/** Whether the identity is not the damaged one any more. */
function isRepaired(disk: MemoryDisk, { originals }: DamagedLog): boolean {
  const identity = disk.bytesOf(IDENTITY);
  return !originals.some((original) => isSame(original, identity));
}

for (const kind of KINDS) {
  seededTest(`Repair survives a crash behind each call, damaged: ${kind}`, 2, async (random) => {
    const log = await damagedLog(random, kind);
    const moments: [string, MemoryDisk][] = [];
    log.disk.observe(({ number, kind, path }) => {
      const place = `behind call ${number}, ${kind} of ${path}`;
      moments.push([`process killed ${place}`, log.disk.kill()]);
      for (let times = 0; times < POWER_CUTS; times++) {
        moments.push([`power cut ${place}`, log.disk.crash(random)]);
      }
    });
    const before = log.disk.calls.length;
    await repair(log.disk, random);
    assertEquals(moments.length, (log.disk.calls.length - before) * (1 + POWER_CUTS));
    for (const [text, disk] of moments) {
      try {
        await assertRepairable(disk, log, random);
      } catch (error) {
        throw new Error(`${text}: ${error}`, { cause: error });
      }
    }
  });

  seededTest(`Repair survives each call that fails, damaged: ${kind}`, 1, async (random) => {
    const log = await damagedLog(random, kind);
    const trial = log.disk.kill();
    await repair(trial, random);
    for (const call of trial.calls) {
      for (const times of [1, Infinity]) {
        const disk = log.disk.kill();
        disk.fail({ skip: call.number - 1, times });
        try {
          await repair(disk, random);
        } catch (error) {
          if (!isDiskError(error)) throw error;
        }
        assertEquals(disk.openFiles, []);
        disk.mend();
        try {
          await assertRepairable(disk, log, random);
        } catch (error) {
          const place = `call ${call.number}, ${call.kind} of ${call.path}`;
          throw new Error(`${place} failed ${times} times: ${error}`, { cause: error });
        }
      }
    }
  });
}

/** Whether an error is the disk's; verifying, which comes first, gives only its words. */
function isDiskError(error: unknown): boolean {
  return error instanceof DiskError ||
    (error instanceof Error && error.message.includes("The simulated disk failed call"));
}
