/**
 * Makes the segments of an open log: at once, with what restates the log as it is at that moment, or in two steps,
 * made ready while another segment is in use and begun when that is full.
 *
 * **Why a segment that is ready and not begun takes nothing away.** It holds one record, which names the segment in
 * use; who reads the log reads that one as well. The log writes to it only when it goes over to it, and to the other
 * never again. So a crash leaves the one in use, or one whose opening is whole and which alone says everything, or an
 * opening that was cut off, behind which nothing was acknowledged. Its number is one that the segment in use
 * cannot reach; those that are passed over are accounted for by the opening (`follows`).
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import type { ReadyFile } from "./file_pipeline.ts";
import { RestatingError } from "./failure_reason.ts";
import type { FrameBatch, FrameRun } from "./frame_batch.ts";
import type { LogState } from "./log_state.ts";
import { SegmentWriter } from "./segment_writer.ts";

/** What a segment begins with. */
export interface SegmentBeginning {
  /** Number behind the last record before. */
  readonly follows: number;
  /** Is told how many numbers its opening takes, before anything is written. */
  readonly onNumbers: (count: number) => void;
  /** Records that are written behind its opening, with the same sync; `null` if there are none. */
  readonly behind: FrameRun | null;
  /** Whether another thread syncs one that was made ready, however short that is. */
  readonly aside?: boolean;
}

/** Makes the segments of one log. */
export class SegmentMaker<Entry> {
  readonly #platform: Platform;
  readonly #directory: string;
  readonly #state: LogState<Entry>;
  readonly #lsnLimit: () => number;

  /**
   * Begins with no segment.
   *
   * @param platform The machine.
   * @param directory The log directory.
   * @param state What is restated.
   * @param lsnLimit The number that no record may have.
   */
  constructor(
    platform: Platform,
    directory: string,
    state: LogState<Entry>,
    lsnLimit: () => number,
  ) {
    this.#platform = platform;
    this.#directory = directory;
    this.#state = state;
    this.#lsnLimit = lsnLimit;
  }

  /**
   * Makes a segment and begins it.
   *
   * @param firstLsn Number of its first record.
   * @param takeFile Gives a file whose space is written, to be overwritten, if there is one; asked once it is
   * known what is written to it.
   * @param beginning What it begins with.
   * @returns The segment, durable.
   * @throws {RestatingError} If what opens it cannot be made; nothing is taken or written.
   * @throws {SegmentCreationError} If it could not be made.
   */
  async create(
    firstLsn: number,
    takeFile: () => ReadyFile | null,
    { follows, onNumbers, behind }: SegmentBeginning,
  ): Promise<SegmentWriter> {
    using opening = this.#opening(follows < firstLsn ? follows : undefined);
    onNumbers(opening.count);
    return await SegmentWriter.create(
      this.#platform,
      this.#directory,
      firstLsn,
      opening,
      takeFile(),
      this.#lsnLimit(),
      behind,
    );
  }

  /**
   * Makes a segment ready while another is in use.
   *
   * @param firstLsn Number of its first record, which no record of the one in use may reach.
   * @param after First LSN of the one in use.
   * @param ready A file whose space is written, to be overwritten.
   * @returns The segment, for {@linkcode begin}.
   * @throws {SegmentCreationError} If it could not be made.
   */
  async prepare(firstLsn: number, after: number, ready: ReadyFile): Promise<SegmentWriter> {
    using first = this.#state.preparation(after);
    return await SegmentWriter.prepare(
      this.#platform,
      this.#directory,
      firstLsn,
      first,
      ready,
      this.#lsnLimit(),
    );
  }

  /**
   * Begins a segment that was made ready.
   *
   * @param take Gives the segment, which is closed if it cannot be begun; asked once it is known what it begins with.
   * @param beginning What it begins with.
   * @returns The segment, durable.
   * @throws {RestatingError} If what opens it cannot be made; nothing is taken or written.
   * @throws {SegmentCreationError} If it could not be begun.
   */
  async begin(
    take: () => SegmentWriter,
    { follows, onNumbers, behind, aside }: SegmentBeginning,
  ): Promise<SegmentWriter> {
    using opening = this.#opening(follows);
    onNumbers(opening.count);
    const segment = take();
    await segment.begin(opening, this.#lsnLimit(), behind, aside);
    return segment;
  }

  #opening(follows: number | undefined): FrameBatch {
    try {
      return this.#state.opening(follows);
    } catch (cause) {
      throw new RestatingError(cause);
    }
  }
}
