/**
 * Segments that nobody would write: noise, and sound ones that were changed in many ways, from
 * single bits to frames in other places, with promises and payloads that no log makes but whose
 * checksums are right.
 */

import { encodeSegmentHeader } from "../../src/wal/format.ts";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { encodeRecord } from "../../src/wal/decisions/record.ts";
import { encodeHead } from "../../src/wal/head.ts";
import type { SeededRandom } from "../simulation/seeded_random.ts";
import { committing, EMPTY_CHECKPOINT, EPOCH, joined } from "../wal/sample_segment.ts";
import { makeFrame } from "../wal/scan_oracle.ts";

/** A segment and the numbers that its frames were made with. */
export interface FuzzedSegment {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly firstLsn: number;
  readonly salt: number;
}

/** Larger changes are made in longer runs of frames. */
const MOST_FRAMES = 12;

/** Draws a segment. */
export function drawSegment(random: SeededRandom): FuzzedSegment {
  const salt = random.pick([0, 1, 0xfeedc0de, 2 ** 32 - 1]);
  const firstLsn = random.pick([0, 0, 7, 65_600, 2 ** 40]);
  if (random.chance(0.1)) return { bytes: noise(random, random.below(400)), firstLsn, salt };
  let parts = drawFrames(random, salt, firstLsn);
  for (let times = random.below(3); times > 0; times--) parts = rearrange(random, parts);
  let bytes = joined([encodeSegmentHeader(salt, firstLsn), ...parts]);
  for (let times = random.below(4); times > 0; times--) bytes = change(random, bytes);
  return { bytes, firstLsn, salt };
}

function noise(random: SeededRandom, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  random.fill(bytes);
  return bytes;
}

/** Frames with right checksums; what is in them and what they promise is right only mostly. */
function drawFrames(random: SeededRandom, salt: number, firstLsn: number): Uint8Array[] {
  const count = random.below(MOST_FRAMES);
  const bodies = [encodeHead(EPOCH), encodeRecord(EMPTY_CHECKPOINT)];
  while (bodies.length < count) bodies.push(drawBody(random));
  let synced = firstLsn;
  return bodies.slice(0, Math.max(1, count)).map((body, index) => {
    const lsn = firstLsn + index;
    if (random.chance(0.4)) synced = lsn;
    const unsynced = random.chance(0.05) ? random.below(2 ** 32) : lsn - synced;
    const place = random.chance(0.03) ? lsn + random.below(9) : lsn;
    return makeFrame(body, unsynced, salt, place);
  });
}

function drawBody(random: SeededRandom): Uint8Array {
  if (random.chance(0.1)) {
    const body = noise(random, 1 + random.below(60));
    // Mostly of a kind that is known: what is not known ends the reading.
    if (random.chance(0.8)) body[0] = 1 + random.below(7);
    return body;
  }
  const txn = BigInt(random.below(5));
  const records: LogRecord[] = [
    { type: "begin", txn, branches: [] },
    { type: "end", txn },
    committing(txn),
    EMPTY_CHECKPOINT,
    { type: "participant", name: "orders", kind: "k", identity: "i" },
  ];
  return encodeRecord(random.pick(records));
}

/** Leaves frames out, doubles them or puts them elsewhere. */
function rearrange(random: SeededRandom, parts: readonly Uint8Array[]): Uint8Array[] {
  const one = random.below(parts.length);
  const other = random.below(parts.length);
  switch (random.below(5)) {
    case 0:
      return parts.toSpliced(one, 1);
    case 1:
      return parts.toSpliced(other, 0, ...parts.slice(one, one + 1));
    case 2:
      return parts.toSpliced(one, 0, new Uint8Array(random.below(40)));
    default:
      return [...parts];
  }
}

/** Changes some bytes. */
function change(random: SeededRandom, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes);
  const at = random.below(copy.length + 1);
  const length = random.below(random.pick([2, 20, 200]));
  switch (random.below(7)) {
    case 0:
      copy[at] = (copy[at] ?? 0) ^ 1 << random.below(8);
      return copy;
    case 1:
      return copy.slice(0, at);
    case 2:
      return copy.fill(0, at, at + length);
    case 3:
      copy.set(noise(random, Math.min(length, copy.length - at)), at);
      return copy;
    case 4:
      return joined([copy.subarray(0, at), noise(random, length), copy.subarray(at)]);
    case 5:
      return joined([copy, new Uint8Array(length)]);
    default:
      return joined([copy.subarray(0, at), copy.subarray(at + length)]);
  }
}
