/**
 * What is in a log directory, as JSON: an object for each record, each damage, the end of each segment, and
 * each file that is no segment.
 *
 * @module
 */

import type {
  InspectedDamage,
  InspectedEnd,
  InspectedItem,
  InspectedRecord,
} from "../wal/inspect.ts";
import { jsonLine } from "./json.ts";

/**
 * Writes one thing that is in a log directory.
 *
 * @param item The thing.
 * @returns A line; empty for the beginning of a segment, of which its records and its end say all.
 */
export function itemToJson(item: InspectedItem): string {
  switch (item.kind) {
    case "segment":
      return "";
    case "record":
      return jsonLine(recordObject(item));
    case "damage":
      return jsonLine(damageObject(item));
    case "end":
      return jsonLine({ segment: item.file, end: endObject(item) });
    case "ignored":
      return jsonLine({ file: item.file, ignored: true });
  }
}

function recordObject({ file, lsn, offset, length, tag, type, record }: InspectedRecord): object {
  const { type: _type, ...fields } = record ?? { type: null };
  return { segment: file, lsn: String(lsn), offset, length, tag, type, ...fields };
}

function damageObject(damage: InspectedDamage): object {
  const { file, offset, lsn, nextLsn, reason, flippedBit } = damage;
  const bit = flippedBit === null ? null : { ...flippedBit, byte: offset + flippedBit.byte };
  return {
    segment: file,
    damage: { offset, lsn: String(lsn), nextLsn: String(nextLsn), reason, flippedBit: bit },
  };
}

function endObject(item: InspectedEnd): object {
  if (item.format === "indoubt") {
    const { kind, offset, unconsumed, nextLsn, detail } = item.end;
    const more = detail === "" ? {} : { detail };
    return { kind, offset, unconsumed, nextLsn: String(nextLsn), ...more };
  }
  const { end } = item;
  switch (end.kind) {
    case "torn_tail":
      return { kind: end.kind, offset: end.offset, unconsumed: end.unconsumed };
    case "crc":
      return { kind: end.kind, stored: hex(end.stored), computed: hex(end.computed) };
    case "invalid_tag":
      return { kind: end.kind, tag: end.tag };
    default:
      return { kind: end.kind };
  }
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, "0");
}
