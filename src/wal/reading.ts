/**
 * Folds segments of a log, oldest first, into what they add up to. What is readable counts, every loss
 * is named, and no number that may have been used is taken for free. Nothing on disk is changed.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { describeDamage } from "./describe_damage.ts";
import { LogCorruptedError, LogVersionError } from "./errors.ts";
import { decodeHead, type HeadRecord } from "./head.ts";
import { LogState } from "./log_state.ts";
import type { LogModel } from "./model.ts";
import { segmentName } from "./segment_name.ts";
import {
  MAX_SEGMENT_LENGTH,
  MIN_FRAME_LENGTH,
  readSegment,
  type SegmentScan,
} from "./segment_scan.ts";
import { openInTurn, type SegmentWindow } from "./segment_window.ts";

/** The most payloads of a segment that are named one by one, if they are not what their kinds need. */
const MAX_NAMED_PAYLOADS = 100;

/** Something that was found in a file. */
export interface Finding {
  /** Name of the file; empty if the log as a whole is meant. */
  readonly file: string;
  /** What is wrong, for people. */
  readonly reason: string;
}

/** A record of the log's own, or an entry with its number. */
type Read<Entry> =
  | { readonly head: HeadRecord }
  | { readonly head: null; readonly entry: Entry; readonly lsn: number };

/** The records that open a segment, held back until all of them have been read. */
interface Opening<Entry> {
  /** Whether the log has gone over to the segment with it, rather than made it ready. */
  readonly begins: boolean;
  readonly restated: boolean;
  remaining: number;
  readonly records: Read<Entry>[];
}

/** The segment that was read last, as far as it holds anything. */
export interface Tail {
  /** Name of the file. */
  readonly file: string;
  /** How many bytes from its beginning hold something: records, or what may tell of some. */
  readonly length: number;
}

/** One reading of some segments, oldest first. */
export class Reading<Entry> {
  readonly #directory: string;
  readonly #model: LogModel<Entry>;
  readonly #oldest: number;
  readonly #found: Finding[] = [];
  readonly #harmless: Finding[] = [];
  #opening: Opening<Entry> | null = null;
  #restated = false;
  /** First LSN of the segment that was read last. */
  #last: number | null = null;
  /** First LSN of the one that was in use when it was made ready; `null` if it was made at once. */
  #after: number | null = null;
  #hasBegun = false;
  #follows = 0;
  #wrongPayloads = 0;
  #behindOpening = 0;
  #behindOpenings = 0;
  #tail: Tail | null = null;

  /** What the records add up to. */
  readonly state: LogState<Entry>;
  /** Number behind the last record that is there or may have been in what cannot be read. */
  nextLsn = 0;

  /**
   * Begins with nothing.
   *
   * @param directory The log directory.
   * @param model The meaning of the entries; is reset.
   * @param oldest Number with which the first segment read must begin unless it restates everything;
   *   `Infinity` if any may be missing before it.
   */
  constructor(directory: string, model: LogModel<Entry>, oldest: number = Infinity) {
    this.#directory = directory;
    this.#model = model;
    this.#oldest = oldest;
    this.state = new LogState(model);
  }

  /** Damage that touches what the segments read add up to. */
  get found(): readonly Finding[] {
    return this.#found;
  }

  /** Damage that does not: what was lost is said again by what was read later, or could be mended. */
  get harmless(): readonly Finding[] {
    return this.#harmless;
  }

  /** How many records are known to stand behind those that open a segment. */
  get behindOpenings(): number {
    return this.#behindOpenings;
  }

  /** The segment that was read last; `null` before the first. */
  get tail(): Tail | null {
    return this.#tail;
  }

  /** Whether the last segment was made ready and the log has not gone over to it: the one before says more. */
  get isWaiting(): boolean {
    return this.#after !== null && !this.#hasBegun;
  }

  /** Whether what was read says everything. */
  get isWhole(): boolean {
    return this.#restated && this.#found.length === 0;
  }

  /**
   * Reads segments.
   *
   * @param platform The machine.
   * @param segments Numbers of their first records, oldest first; later than what was read before.
   * @throws {LogVersionError} If a newer version wrote one.
   * @throws {LogCorruptedError} If one is no segment of ours.
   * @throws Whatever the file system throws.
   */
  async read(platform: Platform, segments: readonly number[]): Promise<void> {
    const rest = segments.values();
    const files = segments.map(segmentName);
    for await (const window of openInTurn(platform.fileSystem, this.#directory, files)) {
      await this.#read(window, rest.next().value!);
    }
  }

  async #read(window: SegmentWindow, firstLsn: number): Promise<void> {
    const before = { lsn: this.#last, restated: this.#restated };
    const expected = before.lsn === null ? this.#oldest : this.nextLsn;
    this.#last = firstLsn;
    this.#after = null;
    this.#hasBegun = false;
    this.#wrongPayloads = 0;
    this.#restated = false;
    this.#opening = null;
    this.#follows = firstLsn;
    this.#behindOpening = firstLsn;
    let opened = false;
    const file = segmentName(firstLsn);
    const model = this.#model;
    const scan = await readSegment(window, file, firstLsn, {
      onFrame: (body, lsn, offset) => {
        this.#visit(body, file, offset, lsn, lsn - firstLsn);
        opened ||= this.#opening === null;
      },
      onDamage: (damage) => {
        this.#giveUpOpening();
        // A header that could be mended has cost no record.
        const list = damage.offset > 0 ? this.#found : this.#harmless;
        list.push({ file, reason: describeDamage(damage) });
      },
      ...(model.replay === undefined ? {} : {
        replay: (bytes, table, from, to) =>
          opened && this.#opening === null ? model.replay!(bytes, table, from, to) : from,
        endReplay: (bytes) => model.endReplay?.(bytes),
      }),
    });
    if (this.#opening !== null && this.#after !== null) {
      // The log was going over to it when a crash cut that off; a place that was synced would have ended it before.
      this.#opening = null;
    } else if (this.#opening !== null) opened = false;
    this.#giveUpOpening();
    this.#finish(scan, opened, this.#missingBefore(before.lsn, expected));
    if (this.isWaiting) this.#restated = before.restated;
  }

  /** What is missing before the segment that was read, for people; `null` if nothing is. */
  #missingBefore(last: number | null, expected: number): string | null {
    if (this.#after !== null && !this.#hasBegun) {
      // A later one than was in use then is there if the log has gone on in that, and a power cut brought this back.
      const isThere = last === null ? this.#oldest === Infinity : last >= this.#after;
      return isThere
        ? null
        : `${segmentName(this.#after)} is missing, which was in use when it was made ready`;
    }
    const missing = this.#follows - expected;
    return missing > 0 ? `${missing} records before it are missing` : null;
  }

  /** Reads a frame, which has that place among those of its segment, and takes it into account. */
  #visit(body: Uint8Array, file: string, offset: number, lsn: number, place: number): void {
    let head: HeadRecord | null;
    let entry: Entry | null = null;
    try {
      head = decodeHead(body);
      if (head === null) entry = this.#model.decode(body);
    } catch (error) {
      if (error instanceof LogVersionError) throw error;
      const reason = `the payload at offset ${offset} is not that of its kind (${error})`;
      // A verdict on each would make heads of segments that are too long to be written.
      if (++this.#wrongPayloads <= MAX_NAMED_PAYLOADS) this.#found.push({ file, reason });
      this.#giveUpOpening();
      return;
    }
    if (head === null && entry === null) {
      throw new LogVersionError(this.#directory, { file, offset, lsn }, `record kind ${body[0]}`);
    }
    if (head?.type === "epoch" && place <= 1) {
      if (place === 0) this.#after = head.after ?? null;
      const { opening: remaining, restated, after } = head;
      this.#opening = { begins: after === undefined, restated, remaining, records: [] };
      this.#follows = head.follows ?? lsn;
      this.#behindOpening = lsn + head.opening;
    }
    if (this.#opening !== null) {
      return this.#hold(
        this.#opening,
        head === null ? { head, entry: entry as Entry, lsn } : { head },
      );
    }
    // One by one, without an object for each: a log may hold millions.
    if (head === null) this.state.apply(entry as Entry, lsn);
    else this.state.applyHead(head);
  }

  /** Holds a record that opens the segment, and takes all of them into account if it is the last. */
  #hold(opening: Opening<Entry>, record: Read<Entry>): void {
    opening.records.push(record);
    opening.remaining--;
    if (opening.remaining > 0) return;
    this.#hasBegun ||= opening.begins;
    if (opening.restated) {
      // What restates everything replaces what was read before, and makes damage there harmless.
      this.#restated = true;
      for (const one of this.#found.splice(0)) this.#harmless.push(one);
      this.#model.reset();
    }
    this.#giveUpOpening();
  }

  /** Nothing is held back any more; if the opening is damaged, what there is of it adds to what was read before. */
  #giveUpOpening(): void {
    const opening = this.#opening;
    this.#opening = null;
    for (const record of opening?.records ?? []) {
      if (record.head === null) this.state.apply(record.entry, record.lsn);
      else this.state.applyHead(record.head);
    }
  }

  #finish(scan: SegmentScan, opened: boolean, missing: string | null): void {
    const { file, length, end, damages } = scan;
    if (end.kind === "newer-version") {
      throw new LogVersionError(this.#directory, { file, offset: 0 }, end.detail);
    }
    if (end.kind === "pgdog") {
      throw new LogCorruptedError(
        this.#directory,
        { file },
        "it is a log of pgdog, which can be inspected but not continued, use another directory",
      );
    }
    const unnamed = this.#wrongPayloads - MAX_NAMED_PAYLOADS;
    if (unnamed > 0) {
      this.#found.push({ file, reason: `${unnamed} more payloads are not those of their kinds` });
    }
    if (!opened) {
      const detail = end.detail === "" ? "" : `: ${end.detail}`;
      this.#found.push({ file, reason: `the records that open it are not all there${detail}` });
    } else if (missing !== null && !this.#restated) {
      this.#found.push({ file, reason: missing });
    }
    // What cannot be read may have held more records than were counted; their numbers are not used again.
    const bytes = opened ? length - end.offset : MAX_SEGMENT_LENGTH;
    // Without the segment in use nobody knows whether a beginning was cut off, or read by somebody and damaged since.
    const isKnown = opened && damages.length === 0 && (missing === null || !this.isWaiting);
    const unread = isKnown ? 0 : Math.ceil(bytes / MIN_FRAME_LENGTH);
    this.nextLsn = Math.max(this.nextLsn, end.nextLsn + unread);
    // Without an Epoch nobody knows which of its records opened it.
    const behindOpening = this.#behindOpening === this.#last ? Infinity : this.#behindOpening;
    this.#behindOpenings += Math.max(0, end.nextLsn - behindOpening);
    const isWhole = end.kind === "clean" && damages.length === 0;
    this.#tail = { file, length: isWhole ? end.offset : length };
  }
}
