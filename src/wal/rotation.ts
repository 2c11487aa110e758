/**
 * When the segment in use is followed by the next one, and by which: by one that was made ready ahead of time, which
 * costs who waits no more than another batch, else by one that is made then.
 *
 * No record of the segment in use has a number of the one that is made ready; it is left before that.
 *
 * @module
 */

import type { RecordQueue } from "./record_queue.ts";
import type { Retirement } from "./retire.ts";
import { NextSegment } from "./next_segment.ts";
import { MIN_FRAME_LENGTH } from "./segment_scan.ts";
import type { SegmentWriter } from "./segment_writer.ts";
import type { WriterOptions } from "./writer_options.ts";

/** Bytes that a segment must hold before age alone makes the log begin another. */
const MIN_CHECKPOINT_BYTES = 65_536;

/** Bytes by which a segment outgrows its size rather than being one of ever more that are not taken away. */
const MAX_OUTGROWTH = 67_108_864;

/** How much of a segment is written before the next one is made ready. */
const READY_AT = 3 / 4;

/** The change from segment to segment of one open log. */
export class Rotation<Entry> {
  readonly #options: WriterOptions<Entry>;
  readonly #retirement: Retirement;
  readonly #next: NextSegment;
  #begun = 0;
  #rotateAt = 0;

  /**
   * Begins with the log's first segment.
   *
   * @param options What the writer starts from.
   * @param retirement What takes older segments away.
   */
  constructor(options: WriterOptions<Entry>, retirement: Retirement) {
    const { platform, directory, segment } = options;
    this.#options = options;
    this.#retirement = retirement;
    this.#next = new NextSegment(platform.fileSystem, directory);
    this.enter(segment);
  }

  /**
   * Whether the next segment is to be begun before what waits is written.
   *
   * @param segment The one in use.
   * @param nextLsn Number of the next record.
   * @param waiting What waits.
   */
  isDue(segment: SegmentWriter, nextLsn: number, waiting: RecordQueue<Entry>): boolean {
    const { length, headLength, preallocated } = segment;
    const { platform, pipeline, segmentSize, checkpointInterval, restates } = this.#options;
    // A log that is hardly used never pays for a file ahead of time.
    if (length >= segmentSize / 64) pipeline.prepare();
    this.#makeReady(segment, nextLsn + waiting.count);
    const next = this.#next;
    const isInItsNumbers = next.firstLsn !== null && nextLsn + waiting.count > next.firstLsn;
    if (isInItsNumbers) return true;
    const mustWait = this.#retirement.isBehind || next.isMaking;
    if (mustWait && length < this.#rotateAt + MAX_OUTGROWTH) return false;
    if (!preallocated && (restates ? next.isReady : pipeline.isReady)) return true;
    if (length + waiting.length > this.#rotateAt) return length > headLength;
    // Where every segment is kept another one spares no reader anything.
    return restates && length >= MIN_CHECKPOINT_BYTES &&
      platform.clock.elapsed() - this.#begun >= checkpointInterval;
  }

  /**
   * Goes on in the segment in use, since no other can be begun; it is tried again later.
   *
   * @param segment The one in use.
   */
  postpone(segment: SegmentWriter): void {
    this.#rotateAt = segment.length + this.#options.segmentSize / 4;
    this.#begun = this.#options.platform.clock.elapsed();
  }

  /**
   * Goes over to the segment that was made ready; makes one if there is none.
   *
   * @param follows Number behind the last record before.
   * @param behind Records that are written behind its opening, with the same sync; `null` if there are none.
   * @param onNumbers Is told the number behind its opening, before anything is written.
   * @param aside Whether another thread syncs one that was made ready, however short that is.
   * @returns The segment, durable.
   * @throws {RestatingError} If what opens it cannot be made; what is ready stays so.
   * @throws {SegmentCreationError} If it could not be begun.
   */
  async begin(
    follows: number,
    behind: RecordQueue<Entry> | null,
    onNumbers: (nextLsn: number) => void,
    aside: boolean,
  ): Promise<SegmentWriter> {
    const { segments, pipeline } = this.#options;
    const next = this.#next;
    const readyLsn = next.isReady ? next.firstLsn : null;
    if (readyLsn !== null && readyLsn >= follows) {
      const opening = (count: number) => onNumbers(readyLsn + 1 + count);
      const beginning = { follows, onNumbers: opening, behind, aside };
      return await segments.begin(() => next.take()!, beginning);
    }
    next.take()?.close();
    // There may be a segment of that number, though it is not ready.
    const firstLsn = Math.max(follows, (next.firstLsn ?? -1) + 1);
    const opening = (count: number) => onNumbers(firstLsn + count);
    return await segments.create(
      firstLsn,
      () => pipeline.take(),
      { follows, onNumbers: opening, behind },
    );
  }

  /**
   * Goes on from a segment.
   *
   * @param segment The segment, now in use.
   */
  enter(segment: SegmentWriter): void {
    this.#next.forget();
    this.#begun = this.#options.platform.clock.elapsed();
    // With very much to restate, a segment holds at least as much of what is new.
    this.#rotateAt = Math.max(this.#options.segmentSize, 2 * segment.headLength);
  }

  /** Waits for what is being made, and removes what was made ready. */
  async close(): Promise<void> {
    await this.#next.close();
  }

  /** Has the next segment made ready when the one in use is nearly full, or not one to go on with. */
  #makeReady({ length, preallocated, firstLsn }: SegmentWriter, nextLsn: number): void {
    const { pipeline, segments, restates } = this.#options;
    const next = this.#next;
    if (!restates || next.firstLsn !== null || next.isMaking || this.#retirement.isBehind) return;
    if (!pipeline.isReady || (preallocated && length < this.#rotateAt * READY_AT)) return;
    const file = pipeline.take();
    if (file === null) return;
    // Behind all that the segment in use has room for.
    const room = Math.ceil(Math.max(0, this.#rotateAt - length) / MIN_FRAME_LENGTH);
    const at = nextLsn + room + 1;
    next.make(at, () => segments.prepare(at, firstLsn, file));
  }
}
