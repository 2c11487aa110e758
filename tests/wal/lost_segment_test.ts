/**
 * Proves that no LSN is given out twice, whatever becomes of the segments: the newest one emptied, the
 * newest one gone, all of them gone. Each loss has a verdict that covers everything that was written.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { FilePipeline } from "../../src/wal/file_pipeline.ts";
import type { LogModel } from "../../src/wal/model.ts";
import { lsnLimit, readIdentity } from "../../src/wal/identity.ts";
import { Log } from "../../src/wal/log.ts";
import { LogState } from "../../src/wal/log_state.ts";
import { recoverLog } from "../../src/wal/recovery.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import { SegmentMaker } from "../../src/wal/segment_maker.ts";
import { LogWriter } from "../../src/wal/writer.ts";
import { SelectiveFiles } from "../defects/selective_files.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { seededTest } from "../simulation/seeds.ts";
import { type SimulatedPlatform, simulatedPlatform } from "../simulation/simulated_platform.ts";
import { BytesModel, openWith, pathOfSegment, segmentsOn } from "./open_log.ts";
import { committing, DIRECTORY, LOG_ID, putIdentity, sampleSegment } from "./sample_segment.ts";

const SMALL = { segmentSize: 1024 };
const ENTRIES = 40;

/** A kind of log, with entries by number. */
interface Kind<Entry> {
  readonly name: string;
  readonly entry: (number: number) => Entry;
  readonly model: () => LogModel<Entry>;
}

const COORDINATORS: Kind<LogRecord> = {
  name: "a coordinator's log",
  entry: (number) => committing(BigInt(number)),
  model: () => new LiveState(),
};

const KEPT: Kind<Uint8Array> = {
  name: "a log that keeps every entry",
  entry: (number) => new Uint8Array(90).fill(16).fill(number, 1),
  model: () => new BytesModel(),
};

interface Used {
  readonly lsn: number;
  readonly epoch: number;
  readonly damages: readonly string[];
}

/** Opens the log, appends, and closes it; gives its verdicts and the first number that it gave out. */
async function use<Entry>(kind: Kind<Entry>, disk: MemoryDisk, count: number): Promise<Used> {
  const { log, clock } = await openWith(kind.model(), simulatedPlatform(disk), SMALL);
  const { epoch } = log;
  const damages = log.damages.map(({ file }) => file);
  const lsns: number[] = [];
  for (let number = 1; number <= count; number++) {
    lsns.push(await clock.finish(log.append(kind.entry(number))));
  }
  await clock.finish(log.close());
  return { lsn: count === 1 ? lsns[0] ?? -1 : lsns.at(-1) ?? -1, epoch, damages };
}

const LOSSES: Record<string, (disk: MemoryDisk) => Promise<void>> = {
  "the newest segment was emptied": (disk) => {
    disk.put(pathOfSegment(segmentsOn(disk).at(-1) ?? -1), new Uint8Array());
    return Promise.resolve();
  },
  "the newest segment is gone": (disk) => disk.remove(pathOfSegment(segmentsOn(disk).at(-1) ?? -1)),
  "all segments are gone": async (disk) => {
    for (const lsn of segmentsOn(disk)) await disk.remove(pathOfSegment(lsn));
  },
};

function lossTests<Entry>(kind: Kind<Entry>): void {
  for (const [loss, lose] of Object.entries(LOSSES)) {
    Deno.test(`Log.open gives no number of ${kind.name} again where ${loss}`, async () => {
      const disk = new MemoryDisk();
      for (let opening = 1; opening < 4; opening++) {
        const last = await use(kind, disk, ENTRIES);
        await lose(disk);
        const next = await use(kind, disk, 1);
        assert(next.lsn > last.lsn, `LSN ${next.lsn} follows LSN ${last.lsn}`);
        assert(next.damages.length > 0, "there is no verdict on the loss");
        const again = await use(kind, disk, 1);
        assert(again.lsn > next.lsn && again.lsn < next.lsn + 100);
        assertEquals(again.damages, next.damages, "the same loss was found again");
      }
    });

    seededTest(`Log.open of ${kind.name} survives a crash where ${loss}`, 2, async (random) => {
      const disk = new MemoryDisk(random.fork());
      const last = await use(kind, disk, ENTRIES);
      await lose(disk);
      await disk.syncDirectory(DIRECTORY);
      const crashes: MemoryDisk[] = [];
      disk.observe(() => crashes.push(disk.kill(), disk.crash(random)));
      await use(kind, disk, 1);
      for (const crashed of crashes) {
        const { lsn, damages } = await use(kind, crashed, 1);
        assert(lsn > last.lsn, `LSN ${lsn} follows LSN ${last.lsn}`);
        assert(damages.length > 0, "the verdict is gone");
      }
    });
  }
}

lossTests(COORDINATORS);
lossTests(KEPT);

Deno.test("Log.clearDamage ends the verdict on a lost segment for good, though the numbers have a gap", async () => {
  const disk = new MemoryDisk();
  await use(KEPT, disk, ENTRIES);
  await disk.remove(pathOfSegment(segmentsOn(disk).at(-1) ?? -1));
  const { log, clock } = await openWith(KEPT.model(), simulatedPlatform(disk), SMALL);
  assertEquals(log.damages.length, 1);
  await clock.finish(log.clearDamage("somebody", "a test"));
  await clock.finish(log.close());
  for (let opening = 0; opening < 3; opening++) {
    assertEquals((await use(KEPT, disk, 1)).damages, []);
  }
});

Deno.test("Log.open still notices that a segment is missing where a gap was recorded", async () => {
  const disk = new MemoryDisk();
  await use(KEPT, disk, ENTRIES);
  await disk.remove(pathOfSegment(segmentsOn(disk).at(-1) ?? -1));
  await use(KEPT, disk, 1);
  const lsns = segmentsOn(disk);
  await disk.remove(pathOfSegment(lsns.at(-2) ?? -1));
  const { damages } = await use(KEPT, disk, 1);
  assertEquals(damages.at(-1), segmentName(lsns.at(-1) ?? -1));
});

Deno.test("recoverLog finds that a later segment than those that are there is lost", async () => {
  const disk = new MemoryDisk();
  await use(COORDINATORS, disk, ENTRIES);
  const [newest = -1] = segmentsOn(disk);
  const older = sampleSegment([[committing(1n)]], { firstLsn: newest - 5 });
  const { id } = await readIdentity(simulatedPlatform(disk), DIRECTORY);
  assert(id !== LOG_ID);
  putIdentity(disk, LOG_ID, 3, newest);
  disk.put(pathOfSegment(newest - 5), older.bytes);
  await disk.remove(pathOfSegment(newest));
  const model = new LiveState();
  const recovered = await recoverLog(simulatedPlatform(disk), DIRECTORY, model);
  assertEquals(model.active.map(({ txn }) => txn), [1n]);
  assertEquals(recovered.found.map(({ file }) => file), [segmentName(newest)]);
  assertEquals([recovered.epoch, recovered.nextLsn], [3, lsnLimit(newest)]);
});

Deno.test("Log goes on where its identity cannot be written as segments follow, and names them later", async () => {
  const platform = simulatedPlatform();
  const { clock, fileSystem: disk } = platform;
  const files = new SelectiveFiles(disk);
  const model = new LiveState();
  const selective = { ...platform, fileSystem: files };
  const options = { directory: DIRECTORY, platform: selective, model, ...SMALL };
  const log = await clock.finish(Log.open<LogRecord>(options));
  const named = async (first: bigint) => {
    for (let txn = first; txn < first + 20n; txn++) await clock.finish(log.append(committing(txn)));
    await clock.settle();
    return (await readIdentity(platform, DIRECTORY)).segment;
  };
  files.refuses = ({ kind, path }) => kind === "open" && path.includes("identity.json");
  assertEquals(await named(1n), 0);
  const [newest = 0, ...others] = segmentsOn(disk);
  assert(newest > 0 && others.length === 0);
  files.refuses = () => false;
  assertEquals(await named(100n), segmentsOn(disk)[0]);
  await clock.finish(log.close());
});

/** A writer whose numbers end soon. */
async function writerUpTo(
  lsnLimit: number,
  platform: SimulatedPlatform,
): Promise<LogWriter<LogRecord>> {
  await platform.fileSystem.ensureDirectory(DIRECTORY);
  const model = new LiveState();
  const state = new LogState<LogRecord>(model);
  state.begin(LOG_ID, 1, "");
  const segments = new SegmentMaker(platform, DIRECTORY, state, () => lsnLimit);
  const beginning = { follows: 0, onNumbers: () => {}, behind: null };
  return new LogWriter<LogRecord>({
    platform,
    directory: DIRECTORY,
    model,
    state,
    restates: true,
    segment: await segments.create(0, () => null, beginning),
    nextLsn: 2,
    lsnLimit: () => lsnLimit,
    segmentSize: 1 << 20,
    checkpointInterval: 60_000,
    pipeline: new FilePipeline(platform, DIRECTORY, 1 << 20),
    segments,
    retire: () => Promise.resolve(),
  });
}

Deno.test("LogWriter gives out no number from its limit on", async () => {
  const platform = simulatedPlatform();
  const { clock } = platform;
  const writer = await clock.finish(writerUpTo(5, platform));
  const answers = [1n, 2n, 3n].map((txn) => writer.append(committing(txn)));
  const error = await assertRejects(() => writer.append(committing(4n)), LogUnavailableError);
  assertEquals(error.written, "no");
  assertEquals(await clock.finish(Promise.all(answers)), [2, 3, 4]);
  await clock.finish(writer.close());
});
