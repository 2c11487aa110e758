/**
 * What a log knows: whose it is, which opening this is, which damage nobody has cleared yet, and, through
 * its model, what its entries add up to. Reading and writing fold every record into it, so that the
 * records that open the next segment can be made from it at any moment.
 *
 * @module
 */

import {
  encodeHead,
  type EpochRecord,
  type HeadRecord,
  type RepairRecord,
  type VerdictRecord,
} from "./head.ts";
import { FrameBatch } from "./frame_batch.ts";
import type { LogModel } from "./model.ts";

/** How many verdicts of operators are restated: enough to tell the story, and a segment's head stays short. */
const REMEMBERED_VERDICTS = 16;

/** The state of one log. */
export class LogState<Entry> {
  readonly #model: LogModel<Entry>;
  #id: string | null = null;
  #epoch = 0;
  #started = "";
  #damages: VerdictRecord[] = [];
  #operators: (VerdictRecord | RepairRecord)[] = [];
  /** Every place that a verdict was ever passed on, cleared ones too. */
  readonly #judged = new Set<string>();

  /** Whether a segment's opening restates everything, so that older segments are not needed. */
  readonly restates: boolean;

  /**
   * Begins knowing nothing; resets the model.
   *
   * @param model The meaning of the entries.
   */
  constructor(model: LogModel<Entry>) {
    this.#model = model;
    model.reset();
    this.restates = model.checkpoint() !== null;
  }

  /** Id of the log; `null` before the first Epoch. */
  get id(): string | null {
    return this.#id;
  }

  /** Largest epoch so far. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Damage that no operator has cleared. */
  get damages(): readonly VerdictRecord[] {
    return this.#damages;
  }

  /** Takes a record of the log's own into account. */
  applyHead(record: HeadRecord): void {
    if (record.type === "epoch") {
      this.#id = record.id;
      this.#epoch = Math.max(this.#epoch, record.epoch);
      this.#started = record.started;
      // Made while another segment was in use, which had the verdicts.
      if (record.after !== undefined) return;
      // The head of a segment restates the verdicts that stand.
      this.#damages = [];
      this.#operators = [];
    } else if (record.kind === "damaged") {
      this.#damages.push(record);
      this.#judged.add(`${record.file}: ${record.reason}`);
    } else {
      if (record.kind === "cleared") this.#damages = [];
      this.#operators = [...this.#operators, record].slice(-REMEMBERED_VERDICTS);
    }
  }

  /** Whether a verdict was passed on some damage before, be it cleared since or not. */
  isJudged({ file, reason }: { readonly file: string; readonly reason: string }): boolean {
    return this.#judged.has(`${file}: ${reason}`);
  }

  /** Takes an entry into account. */
  apply(entry: Entry, lsn: number): void {
    this.#model.apply(entry, lsn);
  }

  /**
   * Begins another opening.
   *
   * @param id Id of the log.
   * @param epoch Number of the opening, larger than any before.
   * @param started When, RFC 3339.
   */
  begin(id: string, epoch: number, started: string): void {
    if (epoch <= this.#epoch) {
      throw new RangeError(`Cannot begin epoch ${epoch}: epoch ${this.#epoch} was begun before`);
    }
    this.#id = id;
    this.#epoch = epoch;
    this.#started = started;
  }

  /**
   * The frame at the head of a segment that is made ready while another is in use: it says nothing but that.
   *
   * @param after First LSN of the segment in use.
   * @returns The frame, not sealed; to be disposed of.
   */
  preparation(after: number): FrameBatch {
    return framesOf([encodeHead({ ...this.#epochRecord(1, false), after })]);
  }

  /**
   * The frames that open a segment: Epoch, the latest verdicts of operators, those on damage that stand
   * (behind the former, which would clear them), and what restates the entries.
   *
   * @param follows Where the records before end, if the segment does not begin there.
   * @returns The frames, not sealed; to be disposed of.
   */
  opening(follows?: number): FrameBatch {
    const entries = this.#model.checkpoint();
    const verdicts = [...this.#operators, ...this.#damages];
    const count = 1 + verdicts.length + (entries?.length ?? 0);
    const epoch: EpochRecord = {
      ...this.#epochRecord(count, entries !== null),
      ...(follows === undefined ? {} : { follows }),
    };
    return framesOf(this.#bodies([epoch, ...verdicts], entries ?? []));
  }

  *#bodies(heads: readonly HeadRecord[], entries: readonly Entry[]): Generator<Uint8Array> {
    for (const record of heads) yield encodeHead(record);
    for (const entry of entries) yield this.#model.encode(entry);
  }

  #epochRecord(opening: number, restated: boolean): EpochRecord {
    if (this.#id === null) throw new TypeError("Cannot open a segment: the log has no id");
    return {
      type: "epoch",
      id: this.#id,
      epoch: this.#epoch,
      started: this.#started,
      opening,
      restated,
    };
  }
}

function framesOf(bodies: Iterable<Uint8Array>): FrameBatch {
  const frames = new FrameBatch();
  try {
    for (const body of bodies) frames.add(body);
    return frames;
  } catch (error) {
    frames[Symbol.dispose]();
    throw error;
  }
}
