/**
 * What is in a log directory, as a table for people. It is drawn some rows at a time, so that a segment of
 * any length can be looked at.
 *
 * @module
 */

import Table from "cli-table3";
import { describeDamage } from "../wal/inspect.ts";
import type {
  InspectedEnd,
  InspectedItem,
  InspectedRecord,
  InspectedSegment,
} from "../wal/inspect.ts";
import { recordWords } from "./record_words.ts";
import { count, plain } from "./words.ts";

const ROWS_AT_A_TIME = 200;
const GAP = 2;
const HEADINGS = ["LSN", "OFFSET", "LENGTH", "TYPE", "TXN", "WHAT"];
const TYPE_WIDTH = "Participant".length;
const TXN_WIDTH = "7000000001042".length;
const SMALLEST_FRAME = 10;

/** Without borders: a line can then be found, copied and compared. */
const NO_BORDERS = Object.fromEntries(
  ["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left"]
    .concat("bottom-right", "left", "left-mid", "mid", "mid-mid", "right", "right-mid", "middle")
    .map((place) => [place, ""]),
);

/** Draws the table of a log. */
export class InspectTable {
  readonly #ignored: string[] = [];
  #rows: string[][] = [];
  #widths: readonly number[] = [];
  #segments = 0;

  /**
   * Draws one thing more.
   *
   * @param item What is in the log.
   * @returns What can be shown now; may be empty.
   */
  add(item: InspectedItem): string {
    switch (item.kind) {
      case "segment":
        return this.#begin(item);
      case "record":
        this.#rows.push(rowOf(item));
        return this.#rows.length < ROWS_AT_A_TIME ? "" : this.#draw();
      case "damage":
        return `${this.#draw()}  DAMAGE ${plain(describeDamage(item), Infinity)}\n`;
      case "end":
        return `${this.#draw()}  ${plain(endWords(item), Infinity)}\n`;
      case "ignored":
        this.#ignored.push(item.file);
        return "";
    }
  }

  /**
   * Draws what comes last.
   *
   * @returns The files that are no segments.
   */
  finish(): string {
    const none = this.#segments === 0 ? "No segment is here\n" : "";
    if (this.#ignored.length === 0) return none;
    return `${none}\nNo segments: ${this.#ignored.map((name) => plain(name)).join(", ")}\n`;
  }

  #begin({ file, format, length }: InspectedSegment): string {
    const records = Math.ceil(length / SMALLEST_FRAME);
    const lsn = String((Number.parseInt(file.replace("+", ""), 10) || 0) + records).length;
    const offset = String(length).length;
    this.#widths = [lsn, offset, "LENGTH".length, TYPE_WIDTH, TXN_WIDTH];
    const gap = this.#segments++ === 0 ? "" : "\n";
    const whose = format === "pgdog" ? ", written by pgdog" : "";
    this.#rows.push(HEADINGS);
    return `${gap}${plain(file)} (${count(length, "byte")}${whose})\n`;
  }

  #draw(): string {
    // A heading with nothing under it is of no use.
    const rows = this.#rows.length === 1 && this.#rows[0] === HEADINGS ? [] : this.#rows;
    this.#rows = [];
    if (rows.length === 0) return "";
    const widest = this.#widths.map((width, column) =>
      GAP + Math.max(width, ...[HEADINGS, ...rows].map((row) => row[column]?.length ?? 0))
    );
    const table = new Table({
      chars: NO_BORDERS,
      style: { head: [], border: [], "padding-left": 0, "padding-right": GAP, compact: true },
      colWidths: widest,
    });
    table.push(...rows);
    const lines = table.toString().split("\n");
    return lines.map((line) => `  ${line.trimEnd()}\n`).join("");
  }
}

function rowOf({ lsn, offset, length, type, tag, record }: InspectedRecord): string[] {
  const txn = record !== null && "txn" in record ? String(record.txn) : "";
  const name = record === null || record.type === "application" ? `${type} ${tag}` : type;
  return [String(lsn), String(offset), String(length), name, txn, recordWords(record)];
}

function endWords(item: InspectedEnd): string {
  if (item.format === "indoubt") return ownEndWords(item.end);
  const { end } = item;
  const at = `at offset ${end.offset}`;
  switch (end.kind) {
    case "clean":
      return `Ends clean ${at}`;
    case "torn_tail":
      return `Ends torn ${at}: ${count(end.unconsumed, "byte")} follow that are no whole record`;
    case "empty_record":
      return `Ends with an empty record ${at}`;
    case "crc":
      return `Ends ${at}, where the checksum of a record differs`;
    case "invalid_tag":
      return `Ends ${at}, where a record of the unknown kind ${end.tag} stands`;
    case "decode":
      return `Ends ${at}: ${end.cause.message}`;
    case "bad_segment_header":
      return "Has no header of a segment";
  }
}

function ownEndWords(end: Extract<InspectedEnd, { format: "indoubt" }>["end"]): string {
  const { kind, offset, unconsumed, nextLsn, detail } = end;
  const at = `at offset ${offset}, before LSN ${nextLsn}`;
  switch (kind) {
    case "clean":
      return unconsumed === 0
        ? `Ends clean ${at}`
        : `Ends clean ${at}, with unused space behind it`;
    case "torn_tail":
      return `Ends torn ${at}: ${detail}`;
    case "corrupt":
      return `Ends ${at}, and is corrupt`;
    case "newer_version":
      return `Holds ${detail}, which a newer version wrote`;
    case "bad_segment_header":
      return `Cannot be read: ${detail}`;
  }
}
