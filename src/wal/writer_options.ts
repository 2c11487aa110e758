/**
 * What the writer of a log starts from.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import type { FilePipeline } from "./file_pipeline.ts";
import type { LogState } from "./log_state.ts";
import type { LogModel } from "./model.ts";
import type { SegmentMaker } from "./segment_maker.ts";
import type { SegmentWriter } from "./segment_writer.ts";

/** What a writer starts from. */
export interface WriterOptions<Entry> {
  /** The machine. */
  readonly platform: Platform;
  /** The log directory, for messages. */
  readonly directory: string;
  /** The meaning of the entries. */
  readonly model: LogModel<Entry>;
  /** What the records before add up to; the writer folds its own into it. */
  readonly state: LogState<Entry>;
  /** Whether a new segment restates everything before it. */
  readonly restates: boolean;
  /** The segment to write to; everything in it is synced. */
  readonly segment: SegmentWriter;
  /** Number of the next record. */
  readonly nextLsn: number;
  /** The number that no record may have: what is given out stays below it. */
  readonly lsnLimit: () => number;
  /** Bytes after which a segment is followed by a new one. */
  readonly segmentSize: number;
  /** Milliseconds after which a segment of some size is followed by a new one, if that restates everything. */
  readonly checkpointInterval: number;
  /** Makes files for segments ahead of time. */
  readonly pipeline: FilePipeline;
  /** Makes segments. */
  readonly segments: SegmentMaker<Entry>;
  /** Takes away the segments before one that is durable. */
  readonly retire: (firstLsn: number) => Promise<void>;
}
