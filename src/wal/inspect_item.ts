/**
 * What one finds in a log directory, piece by piece.
 *
 * @module
 */

import type { LogRecord } from "./decisions/record.ts";
import type { HeadRecord } from "./head.ts";
import type { PgdogRecord } from "./pgdog/record.ts";
import type { PgdogSegmentEnd } from "./pgdog/segment.ts";
import type { Damage } from "./segment_scan.ts";

/** Who wrote a log. */
export type LogFormat = "indoubt" | "pgdog";

/** Name of a record kind; `unknown` for one that this version has no name for. */
export type RecordType =
  | "Begin"
  | "Committing"
  | "End"
  | "Checkpoint"
  | "Epoch"
  | "Participant"
  | "Outcomes"
  | "Doubt"
  | "Verdict"
  | "Application"
  | "unknown";

/** A record of an application that keeps its own in a log: only its model knows what it says. */
export interface ApplicationRecord {
  /** Kind of record. */
  readonly type: "application";
  /** Length of its payload in bytes. */
  readonly payloadLength: number;
  /** The payload's first 64 bytes, in hexadecimal. */
  readonly payload: string;
}

/** A record. */
export interface InspectedRecord {
  /** What this is. */
  readonly kind: "record";
  /** Name of the segment. */
  readonly file: string;
  /** Number of the record. */
  readonly lsn: number;
  /** Offset of its frame in the segment. */
  readonly offset: number;
  /** Length of its frame, header included. */
  readonly length: number;
  /** Its tag. */
  readonly tag: number;
  /** Name of its kind. */
  readonly type: RecordType;
  /** What it says; `null` if its kind is unknown. */
  readonly record: HeadRecord | LogRecord | PgdogRecord | ApplicationRecord | null;
}

/** A place where something that was synced is not there any more. */
export interface InspectedDamage extends Damage {
  /** What this is. */
  readonly kind: "damage";
  /** Name of the segment. */
  readonly file: string;
}

/** How one of our own segments ends. */
export interface OwnSegmentEnd {
  /**
   * `clean`: with the file, or with space that the segment has not used. `torn_tail`: with something that begins as
   * a frame and is none, as a crash leaves it. `corrupt`: in either way, but something in it is damaged.
   * `newer_version`: a newer version wrote it. `bad_segment_header`: nothing in it can be read.
   */
  readonly kind: "clean" | "torn_tail" | "corrupt" | "newer_version" | "bad_segment_header";
  /** Offset behind the last record. */
  readonly offset: number;
  /** Bytes that follow. */
  readonly unconsumed: number;
  /** Number that the next record would have. */
  readonly nextLsn: number;
  /** What is known besides, for people; empty if nothing. */
  readonly detail: string;
}

/** The end of a segment: all that is in it has been said. */
export type InspectedEnd =
  & {
    /** What this is. */
    readonly kind: "end";
    /** Name of the segment. */
    readonly file: string;
  }
  & (
    | { readonly format: "indoubt"; readonly end: OwnSegmentEnd }
    | { readonly format: "pgdog"; readonly end: PgdogSegmentEnd }
  );

/** A segment begins. */
export interface InspectedSegment {
  /** What this is. */
  readonly kind: "segment";
  /** Its name. */
  readonly file: string;
  /** Who wrote it. */
  readonly format: LogFormat;
  /** Its length in bytes. */
  readonly length: number;
}

/** A file that is no segment. */
export interface IgnoredFile {
  /** What this is. */
  readonly kind: "ignored";
  /** Its name. */
  readonly file: string;
}

/** One thing that is in a log directory. */
export type InspectedItem =
  | InspectedSegment
  | InspectedRecord
  | InspectedDamage
  | InspectedEnd
  | IgnoredFile;
