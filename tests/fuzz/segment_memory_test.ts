/**
 * Proves that reading a large segment, damaged or noise, takes no more memory than a small multiple
 * of its size, and no more time than that allows. On real files, since a simulated disk is memory
 * itself.
 */

import { assert } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { encodeSegmentHeader } from "../../src/wal/format.ts";
import { inspectLog } from "../../src/wal/inspect.ts";
import { Log } from "../../src/wal/log.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import { scanSegment } from "../../src/wal/segment_scan.ts";
import { verifyLog } from "../../src/wal/verify.ts";
import { denoPlatform } from "../../src/platform/platform.ts";
import { FrameBatch } from "../../src/wal/frame_batch.ts";
import { encodeRecord } from "../../src/wal/decisions/record.ts";
import { encodeHead } from "../../src/wal/head.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { committing, EMPTY_CHECKPOINT, EPOCH, LOG_ID } from "../wal/sample_segment.ts";

const SIZE = 48 * 1024 * 1024;

/** What a process takes for itself meanwhile. */
const SLACK = 32 * 1024 * 1024;

/** Far above what any of it takes, far below what work that grows with the square would take. */
const LONGEST = 60_000;

/** Records of some hundred bytes, in batches of a hundred. */
function largeSegment(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SIZE);
  bytes.set(encodeSegmentHeader(1, 0));
  let length = 16;
  let lsn = 0;
  using batch = new FrameBatch();
  const opening = [encodeHead(EPOCH), encodeRecord(EMPTY_CHECKPOINT)];
  const rest = Array.from({ length: 100 }, (_, index) => encodeRecord(committing(BigInt(index))));
  for (let bodies = opening;; bodies = rest) {
    batch.clear();
    for (const body of bodies) batch.add(body);
    const sealed = batch.seal(1, lsn, lsn);
    if (length + sealed.length > SIZE) return bytes.slice(0, length);
    bytes.set(sealed, length);
    length += sealed.length;
    lsn += bodies.length;
  }
}

/**
 * A sound segment, one with a bad byte in each 8 MiB, one that is noise from the middle on, and
 * noise alone.
 */
function* largeCases(): Generator<[string, Uint8Array]> {
  const random = new SeededRandom(7);
  const bytes = largeSegment();
  yield ["sound", bytes];
  for (let at = 40_000; at < bytes.length; at += 8_388_608) bytes[at] = (bytes[at] ?? 0) ^ 16;
  yield ["damaged in many places", bytes];
  random.fill(bytes.subarray(SIZE / 2));
  yield ["damaged, and noise from the middle", bytes];
  crypto.getRandomValues(bytes.subarray(0, 65_536));
  for (let at = 65_536; at < bytes.length; at *= 2) bytes.copyWithin(at, 0, at);
  bytes.set(encodeSegmentHeader(1, 0));
  yield ["noise behind a header", bytes];
}

/**
 * Everything that reads a log directory, and how often the file may be in memory. Who reads beside
 * a writer holds what it read twice over, and reads again. Opening comes last, since it leaves
 * another log.
 */
const READERS: readonly [string, number, (directory: string) => Promise<void>][] = [
  ["scan", 2, async (directory) => {
    await scanSegment(denoPlatform, directory, 0, () => {});
  }],
  ["inspect", 4, async (directory) => {
    for await (const item of inspectLog(denoPlatform, directory)) assert(item.kind.length > 0);
  }],
  ["verify", 4, async (directory) => {
    assert((await verifyLog(denoPlatform, directory)).verdict !== "cannot_tell");
  }],
  ["open", 2, async (directory) => {
    await (await Log.open({ directory, model: new LiveState() })).close();
  }],
];

Deno.test("Reading a large segment takes a small multiple of its size, and no more time than that allows", async (t) => {
  for (const [name, bytes] of largeCases()) {
    const directory = await Deno.makeTempDir();
    const identity = { id: LOG_ID, epoch: 1, formatVersion: 1 };
    await Deno.writeTextFile(`${directory}/identity.json`, JSON.stringify(identity));
    await Deno.writeFile(`${directory}/${segmentName(0)}`, bytes);
    for (const [reader, times, read] of READERS) {
      await t.step(`${name}: ${reader}`, async () => {
        const before = Deno.memoryUsage().rss;
        const begun = performance.now();
        await read(directory);
        const taken = performance.now() - begun;
        const grown = Deno.memoryUsage().rss - before;
        assert(
          grown < times * bytes.length + SLACK,
          `${grown} bytes more for a file of ${bytes.length}`,
        );
        assert(taken < LONGEST, `${taken} ms`);
      });
    }
    await Deno.remove(directory, { recursive: true });
  }
});
