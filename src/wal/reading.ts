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
  MAX_SEGMENT_LENGTH,
  MIN_FRAME_LENGTH,
  scanSegment,
  type SegmentScan,
} from "./segment_scan.ts";

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

/** One reading of some segments, oldest first. */
export class Reading<Entry> {
  readonly #directory: string;
  readonly #model: LogModel<Entry>;
  readonly #found: Finding[] = [];
  readonly #harmless: Finding[] = [];
  #opening: Opening | null = null;
  #restated = false;
  #segments = 0;
  #follows = 0;

  /** What the records add up to. */
  readonly state: LogState<Entry>;
  /** Number behind the last record that is there or may have been in what cannot be read. */
  nextLsn = 0;

  /**
   * Begins with nothing.
   *
   * @param directory The log directory.
   * @param model The meaning of the entries; is reset.
   */
  constructor(directory: string, model: LogModel<Entry>) {
    this.#directory = directory;
    this.#model = model;
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
    const expected = this.#segments > 0 ? this.nextLsn : Infinity;
    this.#segments++;
    this.#restated = false;
    this.#opening = null;
    this.#follows = firstLsn;
    let opened = false;
    const file = segmentName(firstLsn);
    const scan = await scanSegment(
      platform,
      this.#directory,
      firstLsn,
      (body, lsn, offset) => {
        if (opened && this.#opening === null && this.#model.replay?.(body, lsn)) return;
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
    );
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
      this.#found.push({ file, reason });
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
  }
}
