/**
 * Proves that reading a large segment, sound, damaged or noise, never takes memory above twice its size,
 * and no more time than that allows; and that opening a log whose segments are sound takes no more memory for
 * large ones than for small ones. On real files and each in a process of its own, whose peak the
 * kernel knows.
 */

import { assert, assertEquals } from "@std/assert";
import { encodeSegmentHeader } from "../../src/wal/format.ts";
import { segmentName } from "../../src/wal/segment_name.ts";
import { FrameBatch } from "../../src/wal/frame_batch.ts";
import { encodeRecord } from "../../src/wal/decisions/record.ts";
import { encodeHead } from "../../src/wal/head.ts";
import { identityText } from "../../src/wal/identity.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { begin, end, segment } from "../wal/pgdog/frames.ts";
import { committing, EMPTY_CHECKPOINT, EPOCH, LOG_ID } from "../wal/sample_segment.ts";

/** Four times what a log makes unless told otherwise, so that what a process takes anyway weighs little. */
const SIZE = 64 * 1024 * 1024;

const MOST_TIMES = 2;

/** What the garbage collector lets a process take for itself meanwhile, whatever the file's size. */
const SLACK = 24 * 1024 * 1024;

/** The pieces of a segment that are in memory when a log is opened, whatever the segment's size. */
const PIECES = 4 * 1024 * 1024;

/** Far above what any of it takes, far below what work that grows with the square would take. */
const LONGEST = 60_000;

/** Opening comes last, since it leaves another log. */
const READERS = ["scan", "inspect", "verify", "open"];

/** A segment of as many batches as fit. */
function largeSegment(rest: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  bytes.set(encodeSegmentHeader(1, 0));
  let length = 16;
  let lsn = 0;
  using batch = new FrameBatch();
  const opening = [encodeHead(EPOCH), encodeRecord(EMPTY_CHECKPOINT)];
  for (let bodies: readonly Uint8Array[] = opening;; bodies = rest) {
    batch.clear();
    for (const body of bodies) batch.add(body);
    const sealed = batch.seal(1, lsn, lsn);
    if (length + sealed.length > size) return bytes.slice(0, length);
    bytes.set(sealed, length);
    length += sealed.length;
    lsn += bodies.length;
  }
}

/** Records of some hundred bytes, in batches of a hundred. */
const DECISIONS = Array.from(
  { length: 100 },
  (_, index) => encodeRecord(committing(BigInt(index))),
);

/** The smallest records that a log takes: nothing but a tag, and many of them. */
const TAGS = Array.from({ length: 1000 }, () => Uint8Array.of(16));

/** A segment of pgdog's: transactions with long names, each begun and ended. */
function largePgdogSegment(): Uint8Array<ArrayBuffer> {
  const transaction = segment(begin(1000, "u".repeat(2000)), end(1000)).subarray(16);
  const bytes = new Uint8Array(SIZE);
  bytes.set(segment());
  let length = 16;
  for (; length + transaction.length <= SIZE; length += transaction.length) {
    bytes.set(transaction, length);
  }
  return bytes.slice(0, length);
}

/** Sound segments of usual and of the smallest records, damaged ones, and noise. */
function* largeCases(): Generator<[string, Uint8Array, readonly string[]]> {
  const random = new SeededRandom(7);
  yield ["sound, the smallest records", largeSegment(TAGS, SIZE / 2), ["scan", "inspect"]];
  yield ["sound, of pgdog", largePgdogSegment(), ["inspect", "verify"]];
  const bytes = largeSegment(DECISIONS, SIZE);
  yield ["sound", bytes, READERS];
  for (let at = 40_000; at < bytes.length; at += 8_388_608) bytes[at] = (bytes[at] ?? 0) ^ 16;
  yield ["damaged in many places", bytes, READERS];
  const hole = bytes.slice();
  random.fill(hole.subarray(1_000_000, hole.length - 1_000_000));
  yield ["damaged nearly from end to end", hole, READERS];
  random.fill(bytes.subarray(SIZE / 2));
  yield ["damaged, and noise from the middle", bytes, READERS];
  crypto.getRandomValues(bytes.subarray(0, 65_536));
  for (let at = 65_536; at < bytes.length; at *= 2) bytes.copyWithin(at, 0, at);
  bytes.set(encodeSegmentHeader(1, 0));
  yield ["noise behind a header", bytes, READERS];
}

/** Reads a directory in another process. */
async function readElsewhere(
  reader: string,
  directory: string,
): Promise<{ grown: number; taken: number }> {
  const script = new URL("segment_reader.ts", import.meta.url).href;
  const args = ["run", "-A", script, reader, directory];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test({
  name: "Reading a large segment takes at most twice its size, and no more time than that allows",
  ignore: Deno.build.os !== "linux",
  async fn(t) {
    for (const [name, bytes, readers] of largeCases()) {
      const directory = await Deno.makeTempDir();
      const identity = { id: LOG_ID, epoch: 1, segment: 0, place: null, formatVersion: 1 };
      await Deno.writeTextFile(`${directory}/identity.json`, identityText(identity));
      await Deno.writeFile(`${directory}/${segmentName(0)}`, bytes);
      for (const reader of readers) {
        await t.step(`${name}: ${reader}`, async () => {
          const { grown, taken } = await readElsewhere(reader, directory);
          // A sound segment is read piece by piece when a log is opened.
          const most = reader === "open" && name === "sound" ? PIECES : MOST_TIMES * bytes.length;
          assert(
            grown <= most + SLACK,
            `${grown} bytes more for a file of ${bytes.length}, at most ${most} and ${SLACK} would be right`,
          );
          assert(taken < LONGEST, `${taken} ms`);
        });
      }
      await Deno.remove(directory, { recursive: true });
    }
  },
});
