/**
 * The records that are the log's own, whatever is kept in it: at the head of every segment an Epoch, then
 * the latest verdicts of operators, then every verdict on damage that still stands; a new verdict also in
 * between.
 *
 * | tag | kind | payload |
 * |---|---|---|
 * | 5 | Epoch | `{id, epoch, started, opening, restated, follows?, after?}` |
 * | 7 | Verdict | `{kind, epoch, file, reason, by, at}`; of kind `repaired`, `done` instead of `file` |
 *
 * `opening` is how many records open the segment, this one included. `restated` says whether they restate
 * everything, so that no earlier segment is needed. `follows` is there only where numbers were passed over,
 * since records were lost that may have had them or a segment was made ahead of time: it is the number behind the
 * last record before them.
 *
 * `after` is there only at the head of a segment that was made ready while another was in use: it is the first LSN of
 * that one. Such an Epoch opens the file and says nothing else; the log goes over to it with a second Epoch, right
 * behind, and what opens a segment otherwise. Until that one is there, whole, the segment in use is the newest.
 *
 * A verdict of kind `damaged` says that records up to and including those of `epoch` were lost in `file`, or
 * somewhere if it is empty; one of kind `cleared` that an operator has looked at all such places and that
 * none stands any more; one of kind `repaired` that an operator had the opening `epoch` made in order to
 * repair the log, and what was done. The last changes nothing that another verdict says.
 *
 * @module
 */

import { encode } from "@std/msgpack/encode";
import type { ValueMap, ValueType } from "@std/msgpack";
import { unpackMap } from "./fields.ts";

const EPOCH_TAG = 5;
const VERDICT_TAG = 7;

/** Says which opening of which log wrote what follows. */
export interface EpochRecord {
  /** Kind of record. */
  readonly type: "epoch";
  /** Id of the log. */
  readonly id: string;
  /** Number of the opening. */
  readonly epoch: number;
  /** When it was opened, RFC 3339. */
  readonly started: string;
  /** How many records open the segment, this one included. */
  readonly opening: number;
  /** Whether they restate everything before. */
  readonly restated: boolean;
  /** LSN behind the last record before, if it is not that of this one: the numbers between are not used. */
  readonly follows?: number;
  /** First LSN of the segment that was in use when this one was made ready; absent once the log has gone over. */
  readonly after?: number;
}

/** What was decided about damage, by whom and why. */
export interface VerdictRecord {
  /** Kind of record. */
  readonly type: "verdict";
  /** `damaged`: records were lost. `cleared`: an operator has dealt with all that were. */
  readonly kind: "damaged" | "cleared";
  /** Records of this and earlier epochs are meant. */
  readonly epoch: number;
  /** The file; empty if the log as a whole is meant, or for `cleared`. */
  readonly file: string;
  /** What is wrong, or why it was cleared. */
  readonly reason: string;
  /** Who decided: `recovery`, or an operator's name. */
  readonly by: string;
  /** When, RFC 3339. */
  readonly at: string;
}

/** That an operator had a log repaired, why, and what was done. */
export interface RepairRecord {
  /** Kind of record. */
  readonly type: "verdict";
  /** Kind of verdict. */
  readonly kind: "repaired";
  /** The opening that was made for it. */
  readonly epoch: number;
  /** What was done, in words. */
  readonly done: string;
  /** Why. */
  readonly reason: string;
  /** Who decided. */
  readonly by: string;
  /** When, RFC 3339. */
  readonly at: string;
}

/** A record of the log's own. */
export type HeadRecord = EpochRecord | VerdictRecord | RepairRecord;

/** The longest reason or name that a verdict takes, in characters: verdicts are restated in each segment. */
export const MAX_VERDICT_TEXT = 1000;

/**
 * A text of an operator as a verdict keeps it.
 *
 * @param text The text.
 * @param what What it is, for the error.
 * @returns The text, without white space around it.
 * @throws {RangeError} If it is empty, too long, or no Unicode.
 */
export function verdictText(text: string, what: string): string {
  const trimmed = text.trim();
  if (trimmed === "") {
    throw new RangeError(
      `Cannot keep a verdict without a ${what}: give one, it is kept in the log`,
    );
  }
  if (trimmed.length > MAX_VERDICT_TEXT) {
    throw new RangeError(
      `Cannot keep a verdict whose ${what} has ${trimmed.length} characters: ` +
        `it must have at most ${MAX_VERDICT_TEXT}`,
    );
  }
  if (!trimmed.isWellFormed()) {
    throw new RangeError(
      `Cannot keep a verdict whose ${what} has half a surrogate pair: it must be Unicode`,
    );
  }
  return trimmed;
}

/**
 * The body of a head record's frame.
 *
 * @param record The record.
 * @returns Tag and payload.
 */
export function encodeHead(record: HeadRecord): Uint8Array {
  const { type, ...fields } = record;
  const payload = encode(fields as unknown as ValueMap);
  const body = new Uint8Array(payload.length + 1);
  body[0] = type === "epoch" ? EPOCH_TAG : VERDICT_TAG;
  body.set(payload, 1);
  return body;
}

/**
 * Reads a head record.
 *
 * @param body Tag and payload.
 * @returns The record, or `null` if this is none.
 * @throws {TypeError} If the payload is not that of its kind.
 */
export function decodeHead(body: Uint8Array): HeadRecord | null {
  const tag = body[0];
  if (tag !== EPOCH_TAG && tag !== VERDICT_TAG) return null;
  const map = unpackMap(body.subarray(1)) as Record<string, ValueType>;
  if (tag === EPOCH_TAG) {
    return {
      type: "epoch",
      id: field(map, "id", "string"),
      epoch: field(map, "epoch", "number"),
      started: field(map, "started", "string"),
      opening: field(map, "opening", "number"),
      restated: field(map, "restated", "boolean"),
      ...("follows" in map ? { follows: field(map, "follows", "number") } : {}),
      ...("after" in map ? { after: field(map, "after", "number") } : {}),
    };
  }
  // A verdict on a branch is the coordinator's own record.
  if (map.subject !== undefined) return null;
  const kind = field(map, "kind", "string");
  if (kind === "repaired") {
    return {
      type: "verdict",
      kind,
      epoch: field(map, "epoch", "number"),
      done: field(map, "done", "string"),
      reason: field(map, "reason", "string"),
      by: field(map, "by", "string"),
      at: field(map, "at", "string"),
    };
  }
  if (kind !== "damaged" && kind !== "cleared") {
    throw new TypeError(`Cannot decode a verdict: its kind is ${JSON.stringify(kind)}`);
  }
  return {
    type: "verdict",
    kind,
    epoch: field(map, "epoch", "number"),
    file: field(map, "file", "string"),
    reason: field(map, "reason", "string"),
    by: field(map, "by", "string"),
    at: field(map, "at", "string"),
  };
}

interface FieldTypes {
  string: string;
  number: number;
  boolean: boolean;
}

function field<T extends keyof FieldTypes>(
  map: Record<string, ValueType>,
  name: string,
  type: T,
): FieldTypes[T] {
  const value = map[name];
  const integral = typeof value !== "number" || (Number.isSafeInteger(value) && value >= 0);
  if (typeof value !== type || !integral) {
    throw new TypeError(
      `Cannot decode a record: ${name} is ${String(value)}, it must be a ${type}`,
    );
  }
  return value as FieldTypes[T];
}
