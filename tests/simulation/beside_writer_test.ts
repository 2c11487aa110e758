/**
 * Proves that who reads a log beside its writer sees a sound log, misses nothing that was durable when the
 * reading began, and comes to an end, however the calls of both fall between one another and however much
 * quicker the writer is.
 */

import { assert, assertEquals } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { inspectLog } from "../../src/wal/inspect.ts";
import { Log } from "../../src/wal/log.ts";
import { verifyLog } from "../../src/wal/verify.ts";
import { committing, DIRECTORY } from "../wal/sample_segment.ts";
import { ManualClock } from "./manual_clock.ts";
import { MemoryDisk } from "./memory_disk.ts";
import type { SeededRandom } from "./seeded_random.ts";
import { seededTest } from "./seeds.ts";
import { simulatedPlatform } from "./simulated_platform.ts";
import { PacedFiles, Turns } from "./turns.ts";

const SEGMENT_SIZES = [1024, 4096, 65_536];
/** Into how many pieces a segment's length is read. */
const PIECES = [1, 8, 64];
const LOOKS = 4;
/** A look needs some calls for each of the few segments that are there, and for each piece of them. */
const MAX_CALLS = 2000;

/** A log that somebody goes on writing to. */
class BusyLog {
  readonly #log: Log<LogRecord>;
  readonly #model: LiveState;
  #stopped = false;

  /** Number behind the last record that is durable. */
  synced = 0;
  /** Transactions whose decision was given to the log. */
  readonly begun = new Set<bigint>();
  /** Transactions whose decision is durable and that were not ended. */
  readonly unfinished = new Set<bigint>();

  constructor(log: Log<LogRecord>, model: LiveState) {
    this.#log = log;
    this.#model = model;
  }

  async write(random: SeededRandom): Promise<void> {
    for (let txn = 1n; !this.#stopped; txn++) {
      this.begun.add(txn);
      this.synced = await this.#log.append(committing(txn)) + 1;
      this.unfinished.add(txn);
      if (this.#model.active.length < random.below(6)) continue;
      this.unfinished.delete(txn);
      this.#log.appendLazily({ type: "end", txn });
    }
    await this.#log.close();
  }

  stop(): void {
    this.#stopped = true;
  }
}

/** What was durable and unfinished at one moment, and stays so. */
function stillUnfinished(before: ReadonlySet<bigint>, log: BusyLog): bigint[] {
  return [...before].filter((txn) => log.unfinished.has(txn));
}

seededTest(
  "Beside a writer verifying and inspecting see all there was, and end",
  40,
  async (random) => {
    const [disk, clock] = [new MemoryDisk(random.fork()), new ManualClock()];
    const turns = new Turns(random.fork(), clock, random.pick([0.5, 0.2, 0.1]));
    const paced = (isSlow: boolean, piece: number) =>
      new PacedFiles(disk, { turns, isSlow, piece });
    const machine = simulatedPlatform(disk, random.fork(), clock);
    const model = new LiveState();
    const writer = { ...machine, fileSystem: paced(false, Infinity) };
    const segmentSize = random.pick(SEGMENT_SIZES);
    const opening = Log.open({ directory: DIRECTORY, platform: writer, model, segmentSize });
    const log = new BusyLog(await turns.finish(opening), model);
    const writing = log.write(random.fork());
    for (let look = 0; look < LOOKS; look++) {
      const fileSystem = paced(true, Math.ceil(segmentSize / random.pick(PIECES)));
      const reader = { ...machine, fileSystem };
      const { synced } = log;
      const unfinished = new Set(log.unfinished);
      const report = await turns.finish(verifyLog(reader, DIRECTORY));
      assertEquals([report.verdict, report.reason], ["sound", ""]);
      assertEquals([report.found, report.harmless], [[], []]);
      assert((report.nextLsn ?? 0) >= synced, `${report.nextLsn} is before ${synced}`);
      const decided = new Set(report.decided.map(({ txn }) => txn));
      assertEquals(stillUnfinished(unfinished, log).filter((txn) => !decided.has(txn)), []);
      assertEquals([...decided].filter((txn) => !log.begun.has(txn)), []);
      await inspect(log, turns, reader);
      assert(fileSystem.calls < MAX_CALLS, `${fileSystem.calls} calls`);
    }
    log.stop();
    await turns.finish(writing);
    assertEquals(disk.openFiles, []);
  },
);

async function inspect(
  { synced }: BusyLog,
  turns: Turns,
  reader: Parameters<typeof inspectLog>[0],
): Promise<void> {
  const items = await turns.finish(Array.fromAsync(inspectLog(reader, DIRECTORY)));
  assertEquals(items.filter(({ kind }) => kind === "damage"), []);
  const ends = items.flatMap((item) => item.kind === "end" ? [item.end.kind] : []);
  assert(ends.length > 0 && ends.every((kind) => kind === "clean" || kind === "torn_tail"));
  const lsns = items.flatMap((item) => item.kind === "record" ? [item.lsn] : []);
  assertEquals(lsns, lsns.toSorted((one, other) => one - other));
  assert((lsns.at(-1) ?? 0) + 1 >= synced, `${lsns.at(-1)} is before ${synced}`);
}
