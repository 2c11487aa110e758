/**
 * Says what is in one segment, record by record. Besides the segment's bytes, which are in memory once, only
 * the places of its frames are held; what a record says is read when it is asked for.
 *
 * @module
 */

import { decodeRecord, type LogRecord } from "./decisions/record.ts";
import { FRAME_HEADER_LENGTH } from "./format.ts";
import { decodeHead, type HeadRecord } from "./head.ts";
import type {
  ApplicationRecord,
  InspectedDamage,
  InspectedItem,
  InspectedRecord,
  OwnSegmentEnd,
  RecordType,
} from "./inspect_item.ts";
import { FIRST_APPLICATION_TAG } from "./model.ts";
import type { Damage, LoadedSegment, SegmentScan } from "./segment_scan.ts";

const PLACES_AT_A_TIME = 16_384;

/** So much of an application's payload is shown, since a payload may have 16 MiB. */
const SHOWN_PAYLOAD = 64;

type OwnRecord = HeadRecord | LogRecord | ApplicationRecord;

const TYPES: Readonly<Record<OwnRecord["type"], RecordType>> = {
  begin: "Begin",
  committing: "Committing",
  end: "End",
  checkpoint: "Checkpoint",
  epoch: "Epoch",
  participant: "Participant",
  "branch-verdict": "Verdict",
  outcomes: "Outcomes",
  doubt: "Doubt",
  verdict: "Verdict",
  application: "Application",
};

/** Offsets and lengths of frames: as many as there are, without an object for each or room to spare. */
class FramePlaces {
  readonly #parts: Uint32Array[] = [];
  count = 0;

  add(offset: number, length: number): void {
    const at = 2 * (this.count % PLACES_AT_A_TIME);
    if (at === 0) this.#parts.push(new Uint32Array(2 * PLACES_AT_A_TIME));
    this.#parts.at(-1)?.set([offset, length], at);
    this.count++;
  }

  at(index: number): { offset: number; length: number } {
    const part = this.#parts[Math.floor(index / PLACES_AT_A_TIME)];
    const at = 2 * (index % PLACES_AT_A_TIME);
    return { offset: part?.[at] ?? 0, length: part?.[at + 1] ?? 0 };
  }
}

/**
 * Says what is in one of our own segments.
 *
 * @param file Name of the segment.
 * @param firstLsn Number of its first record.
 * @param segment Its bytes; must stay in memory until the last item.
 * @returns What is in it, in order; its end comes last.
 */
export function* inspectSegment(
  file: string,
  firstLsn: number,
  segment: LoadedSegment,
): Generator<InspectedItem> {
  const places = new FramePlaces();
  const gaps: { readonly before: number; readonly damage: Damage }[] = [];
  const scan = segment.scan(
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
    const item = itemAt(file, segment, places.at(index), lsn);
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
  segment: LoadedSegment,
  { offset, length }: { offset: number; length: number },
  lsn: number,
): InspectedRecord | InspectedDamage {
  const body = segment.bytes.subarray(offset + FRAME_HEADER_LENGTH, offset + length);
  try {
    const record = recordIn(body);
    const type = record === null ? "unknown" : TYPES[record.type];
    return { kind: "record", file, lsn, offset, length, tag: body[0] ?? 0, type, record };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const reason = `the checksum is right but the payload is not that of its kind: ${why}`;
    return { kind: "damage", file, offset, lsn, nextLsn: lsn + 1, reason, flippedBit: null };
  }
}

function recordIn(body: Uint8Array): OwnRecord | null {
  if ((body[0] ?? 0) < FIRST_APPLICATION_TAG) return decodeHead(body) ?? decodeRecord(body);
  const payload = body.slice(1, 1 + SHOWN_PAYLOAD).toHex();
  return { type: "application", payloadLength: body.length - 1, payload };
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
