/**
 * Proves that no bytes in place of a segment make the log crash or hang, wherever they are read: by
 * the scanner, at an opening, by inspect and by verify; and that the WebAssembly core finds exactly
 * what the plain TypeScript oracle finds.
 */

import { assert, assertEquals } from "@std/assert";
import { ApplicationRecords } from "../../src/wal/application_records.ts";
import { SegmentScanner, TABLE_COLUMNS } from "../../src/wal/core.ts";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { LogCorruptedError, LogVersionError } from "../../src/wal/errors.ts";
import { encodeSegmentHeader, MAX_BODY_LENGTH } from "../../src/wal/format.ts";
import { inspectLog } from "../../src/wal/inspect.ts";
import { Log } from "../../src/wal/log.ts";
import { scanSegment } from "../wal/scan_segment.ts";
import { verifyLog } from "../../src/wal/verify.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { seededTest } from "../simulation/seeds.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { DIRECTORY, joined, putIdentity, putSegment } from "../wal/sample_segment.ts";
import { findPromiseOracle, makeFrame, scanOracle } from "../wal/scan_oracle.ts";
import { drawSegment, type FuzzedSegment } from "./segments.ts";

const SEGMENT_HEADER = 16;

/** No case may take longer, in milliseconds, even on a machine that is busy. */
const LONGEST_CASE = 5000;

const CASES = 4000;

function diskWith({ bytes, firstLsn }: FuzzedSegment): MemoryDisk {
  const disk = new MemoryDisk();
  putSegment(disk, bytes, firstLsn);
  putIdentity(disk);
  return disk;
}

/** Runs a case; fails if it takes too long. */
async function inTime(run: () => Promise<void>): Promise<void> {
  const begun = performance.now();
  await run();
  const taken = performance.now() - begun;
  assert(taken < LONGEST_CASE, `${taken} ms`);
}

/**
 * What opening makes of it: damage that a second opening knows, or a refusal that changes nothing.
 */
async function open(
  disk: MemoryDisk,
  model: LiveState | ApplicationRecords = new LiveState(),
): Promise<string[]> {
  const platform = simulatedPlatform(disk);
  const options = { directory: DIRECTORY, platform };
  try {
    const log = await platform.clock.finish<Log<unknown>>(
      model instanceof LiveState
        ? Log.open({ ...options, model })
        : Log.open({ ...options, model }),
    );
    const damages = log.damages.map(({ file, reason }) => `${file}: ${reason}`);
    await platform.clock.finish(log.close());
    return damages;
  } catch (error) {
    if (error instanceof LogVersionError || error instanceof LogCorruptedError) return ["refused"];
    throw error;
  } finally {
    assertEquals(disk.openFiles, []);
  }
}

seededTest(`No bytes make the scanner fail, and damage lies in order, ${CASES} segments`, CASES, (
  random,
) => {
  const segment = drawSegment(random);
  const { firstLsn, bytes } = segment;
  return inTime(async () => {
    let last = firstLsn - 1;
    const platform = simulatedPlatform(diskWith(segment));
    const { end, damages, length } = await scanSegment(platform, DIRECTORY, firstLsn, (_, lsn) => {
      assert(lsn > last, `record ${lsn} comes behind record ${last}`);
      last = lsn;
    });
    assertEquals(length, bytes.length);
    assert(end.offset <= length && end.nextLsn > last);
    for (const damage of damages) {
      assert(damage.offset <= length && damage.nextLsn >= damage.lsn);
    }
  });
});

seededTest(`The core finds what the oracle finds, ${CASES} segments`, CASES, (random) => {
  const { bytes, firstLsn, salt } = drawSegment(random);
  if (bytes.length < SEGMENT_HEADER) return;
  const range = { start: SEGMENT_HEADER, end: bytes.length };
  using scanner = new SegmentScanner(64);
  scanner.reserve(bytes.length);
  scanner.bytes().set(bytes);
  const expected = scanOracle(bytes, range, salt, firstLsn, 64);
  const count = scanner.scan(range.start, range.end, salt, firstLsn);
  const table = [...scanner.table().slice(0, count * TABLE_COLUMNS)];
  // The oracle knows the first four columns.
  assertEquals(table.filter((_, at) => at % TABLE_COLUMNS < 4), expected.rows.flat());
  assertEquals([scanner.stopKind(), scanner.stopOffset(), scanner.stopLsn()], [
    expected.kind,
    expected.offset,
    expected.lsn,
  ]);
  const promise = findPromiseOracle(bytes, expected.offset, salt, expected.lsn);
  const found = scanner.findPromise(expected.offset, bytes.length, salt, expected.lsn);
  assertEquals(found, promise?.offset ?? -1);
});

seededTest(
  `No bytes make an opening fail, and verdicts stand, ${CASES} segments`,
  CASES,
  (random) => {
    const disk = diskWith(drawSegment(random));
    return inTime(async () => {
      const first = await open(disk);
      assertEquals(await open(disk), first, "a second opening says the same");
    });
  },
);

seededTest(`No bytes make inspect or verify fail, ${CASES} segments`, CASES, (random) => {
  const segment = drawSegment(random);
  const disk = diskWith(segment);
  return inTime(async () => {
    const platform = simulatedPlatform(disk);
    let ends = 0;
    for await (const item of inspectLog(platform, DIRECTORY)) if (item.kind === "end") ends++;
    assertEquals(ends, 1);
    const report = await platform.clock.finish(verifyLog(platform, DIRECTORY));
    const { verdict, application } = report;
    const damages = application ? await open(disk, new ApplicationRecords()) : await open(disk);
    const expected = damages[0] === "refused"
      ? "cannot_tell"
      : damages.length > 0
      ? "damaged"
      : "sound";
    assertEquals(verdict === "damaged", expected === "damaged", `${verdict}: ${damages}`);
  });
});

Deno.test("A frame longer than any may be is not read, though its checksum is right", async () => {
  const salt = 5;
  for (const [longer, isRead] of [[0, true], [1, false], [4096, false]] as const) {
    const body = new Uint8Array(MAX_BODY_LENGTH + longer);
    body[0] = 16;
    const bytes = joined([encodeSegmentHeader(salt, 0), makeFrame(body, 0, salt, 0)]);
    let read = 0;
    const platform = simulatedPlatform(diskWith({ bytes, firstLsn: 0, salt }));
    const { end } = await scanSegment(platform, DIRECTORY, 0, () => read++);
    assertEquals([read, end.nextLsn], isRead ? [1, 1] : [0, 0]);
  }
});
