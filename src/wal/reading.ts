/**
 * Folds segments of a log, oldest first, into what they add up to. What is readable counts, every loss
 * is named, and no number that may have been used is taken for free. Nothing on disk is changed.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { describeDamage } from "./describe_damage.ts";
import { LogCorruptedError, type LogPlace, LogVersionError } from "./errors.ts";
import { decodeHead } from "./head.ts";
import { LogState } from "./log_state.ts";
import type { LogModel } from "./model.ts";
import { segmentName } from "./segment_name.ts";
import {
  LoadedSegment,
  MAX_SEGMENT_LENGTH,
  MIN_FRAME_LENGTH,
  type SegmentScan,
} from "./segment_scan.ts";

/** The most payloads of a segment that are named one by one, if they are not what their kinds need. */
const MAX_NAMED_PAYLOADS = 100;

/** Something that was found in a file. */
export interface Finding {
  /** Name of the file; empty if the log as a whole is meant. */
  readonly file: string;
  /** What is wrong, for people. */
  readonly reason: string;
}

/** The records that open a segment, held back until all of them have been read. */
interface Opening {
  readonly restated: boolean;
  remaining: number;
  readonly apply: (() => void)[];
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
  #opening: Opening | null = null;
  #restated = false;
  #segments = 0;
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

  /** How many records were read behind those that open a segment. */
  get behindOpenings(): number {
    return this.#behindOpenings;
  }

  /** The segment that was read last; `null` before the first. */
  get tail(): Tail | null {
    return this.#tail;
  }

  /** Whether what was read says everything. */
  get isWhole(): boolean {
    return this.#restated && this.#found.length === 0;
  }

  /**
   * Reads a segment.
   *
   * @param platform The machine.
   * @param firstLsn Number of its first record.
   * @throws {LogVersionError} If a newer version wrote it.
   * @throws {LogCorruptedError} If it is no segment of ours.
   * @throws Whatever the file system throws.
   */
  async read(platform: Platform, firstLsn: number): Promise<void> {
    const expected = this.#segments > 0 ? this.nextLsn : this.#oldest;
    this.#segments++;
    this.#wrongPayloads = 0;
    this.#restated = false;
    this.#opening = null;
    this.#follows = firstLsn;
    this.#behindOpening = firstLsn;
    let opened = false;
    const file = segmentName(firstLsn);
    using segment = await LoadedSegment.load(platform.fileSystem, this.#directory, file);
    const scan = segment.scan(
      firstLsn,
      (body, lsn, offset) => {
        const apply = this.#decode(body, { file, offset, lsn }, lsn === firstLsn);
        if (apply !== null) this.#take(apply);
        opened ||= this.#opening === null;
      },
      (damage) => {
        this.#giveUpOpening();
        // A header that could be mended has cost no record.
        const list = damage.offset > 0 ? this.#found : this.#harmless;
        list.push({ file, reason: describeDamage(damage) });
      },
      (bytes, start, end, lsn) =>
        opened && this.#opening === null &&
        this.#model.replay?.(bytes, start, end, lsn) === true,
    );
    this.#model.endReplay?.(segment.bytes);
    if (this.#opening !== null) opened = false;
    this.#giveUpOpening();
    this.#finish(scan, opened, Math.max(0, this.#follows - expected));
  }

  /** What a frame does to the state; `null` if its payload is damaged. */
  #decode(body: Uint8Array, place: Required<LogPlace>, first: boolean): (() => void) | null {
    const { file, offset, lsn } = place;
    try {
      const head = decodeHead(body);
      if (head !== null) {
        if (head.type === "epoch" && first) {
          this.#opening = { restated: head.restated, remaining: head.opening, apply: [] };
          this.#follows = head.follows ?? lsn;
          this.#behindOpening = lsn + head.opening;
        }
        return () => this.state.applyHead(head);
      }
      const entry = this.#model.decode(body);
      if (entry === null) {
        throw new LogVersionError(this.#directory, place, `record kind ${body[0]}`);
      }
      return () => this.state.apply(entry, lsn);
    } catch (error) {
      if (error instanceof LogVersionError) throw error;
      const reason = `the payload at offset ${offset} is not that of its kind (${error})`;
      // A verdict on each would make heads of segments that are too long to be written.
      if (++this.#wrongPayloads <= MAX_NAMED_PAYLOADS) this.#found.push({ file, reason });
      this.#giveUpOpening();
      return null;
    }
  }

  #take(apply: () => void): void {
    const opening = this.#opening;
    if (opening === null) return apply();
    opening.apply.push(apply);
    opening.remaining--;
    if (opening.remaining > 0) return;
    this.#opening = null;
    if (opening.restated) {
      // What restates everything replaces what was read before, and makes damage there harmless.
      this.#restated = true;
      this.#harmless.push(...this.#found.splice(0));
      this.#model.reset();
    }
    for (const one of opening.apply) one();
  }

  /** The opening is damaged: what there is of it adds to what was read before. */
  #giveUpOpening(): void {
    const opening = this.#opening;
    this.#opening = null;
    for (const one of opening?.apply ?? []) one();
  }

  #finish(scan: SegmentScan, opened: boolean, missing: number): void {
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
    } else if (missing > 0 && !this.#restated) {
      this.#found.push({ file, reason: `${missing} records before it are missing` });
    }
    // What cannot be read may have held more records than were counted; their numbers are not used again.
    const bytes = opened ? length - end.offset : MAX_SEGMENT_LENGTH;
    const unread = opened && damages.length === 0 ? 0 : Math.ceil(bytes / MIN_FRAME_LENGTH);
    this.nextLsn = Math.max(this.nextLsn, end.nextLsn + unread);
    this.#behindOpenings += Math.max(0, end.nextLsn - this.#behindOpening);
    const isWhole = end.kind === "clean" && damages.length === 0;
    this.#tail = { file, length: isWhole ? end.offset : length };
  }
}
