/**
 * Says what is in one segment, record by record. Besides the segment's bytes only the places of its frames
 * are held; what a record says is read when it is asked for.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { decodeRecord, type LogRecord } from "./decisions/record.ts";
import { FRAME_HEADER_LENGTH } from "./format.ts";
import { decodeHead, type HeadRecord } from "./head.ts";
import { OneFile } from "./inspect_files.ts";
import type { InspectedDamage, InspectedItem, OwnSegmentEnd, RecordType } from "./inspect_item.ts";
import { type Damage, scanSegment, type SegmentScan } from "./segment_scan.ts";

const FIRST_PLACES = 1024;

const TYPES: Readonly<Record<(HeadRecord | LogRecord)["type"], RecordType>> = {
  begin: "Begin",
  committing: "Committing",
  end: "End",
  checkpoint: "Checkpoint",
  epoch: "Epoch",
  participant: "Participant",
  verdict: "Verdict",
};

/** Offsets and lengths of frames: as many as there are, without an object for each. */
class FramePlaces {
  #numbers = new Uint32Array(2 * FIRST_PLACES);
  count = 0;

  add(offset: number, length: number): void {
    if (2 * this.count === this.#numbers.length) {
      const larger = new Uint32Array(2 * this.#numbers.length);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[2 * this.count] = offset;
    this.#numbers[2 * this.count + 1] = length;
    this.count++;
  }

  at(index: number): { offset: number; length: number } {
    const [offset = 0, length = 0] = this.#numbers.subarray(2 * index, 2 * index + 2);
    return { offset, length };
  }
}

/**
 * Says what is in one of our own segments.
 *
 * @param platform The machine; no file of it is touched.
 * @param file Name of the segment.
 * @param firstLsn Number of its first record.
 * @param bytes The whole of it; must stay as it is until the last item.
 * @returns What is in it, in order; its end comes last.
 */
export async function* inspectSegment(
  platform: Platform,
  file: string,
  firstLsn: number,
  bytes: Uint8Array,
): AsyncGenerator<InspectedItem> {
  const places = new FramePlaces();
  const gaps: { readonly before: number; readonly damage: Damage }[] = [];
  const scan = await scanSegment(
    { ...platform, fileSystem: new OneFile(bytes) },
    "",
    firstLsn,
    (body, _lsn, offset) => places.add(offset, FRAME_HEADER_LENGTH + body.length),
    (damage) => gaps.push({ before: places.count, damage }),
  );
  let lsn = firstLsn;
  let corrupt = false;
  let opening = 0;
  const damaged = (damage: Damage): InspectedDamage => {
    corrupt = true;
    return { kind: "damage", file, ...damage };
  };
  // What is unreadable as a whole is said by the end.
  let gap = scan.end.kind === "unreadable" ? gaps.length : 0;
  for (let index = 0; index <= places.count; index++) {
    for (let next = gaps[gap]; next?.before === index; next = gaps[++gap]) {
      lsn = next.damage.nextLsn;
      yield damaged(next.damage);
    }
    if (index === places.count) break;
    const item = itemAt(file, bytes, places.at(index), lsn);
    if (index === 0) opening = openingOf(item);
    yield item.kind === "damage" ? damaged(item) : item;
    lsn++;
  }
  const isWhole = opening > 0 && opening <= places.count;
  if (!corrupt && !isWhole && (scan.end.kind === "clean" || scan.end.kind === "torn")) {
    const { offset, nextLsn } = scan.end;
    const reason = "the records that open it are not all there";
    yield damaged({ offset, lsn: nextLsn, nextLsn, reason, flippedBit: null });
  }
  yield { kind: "end", file, format: "indoubt", end: endOf(scan, corrupt) };
}

function itemAt(
  file: string,
  bytes: Uint8Array,
  { offset, length }: { offset: number; length: number },
  lsn: number,
): Extract<InspectedItem, { kind: "record" | "damage" }> {
  const body = bytes.subarray(offset + FRAME_HEADER_LENGTH, offset + length);
  try {
    const record = decodeHead(body) ?? decodeRecord(body);
    const type = record === null ? "unknown" : TYPES[record.type];
    return { kind: "record", file, lsn, offset, length, tag: body[0] ?? 0, type, record };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const reason = `the checksum is right but the payload is not that of its kind: ${why}`;
    return { kind: "damage", file, offset, lsn, nextLsn: lsn + 1, reason, flippedBit: null };
  }
}

/** How many records open the segment, if its first record says so. */
function openingOf(item: InspectedItem): number {
  const record = item.kind === "record" ? item.record : null;
  return record?.type === "epoch" ? record.opening : 0;
}

function endOf({ end, length }: SegmentScan, corrupt: boolean): OwnSegmentEnd {
  const { offset, nextLsn, detail } = end;
  return { kind: endKind(end.kind, corrupt), offset, unconsumed: length - offset, nextLsn, detail };
}

function endKind(kind: SegmentScan["end"]["kind"], corrupt: boolean): OwnSegmentEnd["kind"] {
  if (kind === "newer-version") return "newer_version";
  if (kind === "unreadable" || kind === "pgdog") return "bad_segment_header";
  if (corrupt) return "corrupt";
  return kind === "torn" ? "torn_tail" : "clean";
}
