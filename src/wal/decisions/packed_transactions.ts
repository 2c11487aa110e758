/**
 * The transactions of a checkpoint, as they lie in it: of each only its number is read. A segment begins with as
 * many as ran at that moment, most of which have ended before the segment does, and an opening would wait for
 * the texts of all of them.
 *
 * What is taken so is of the same shape as what is decoded in the general way: every length and every kind is
 * looked at. Whatever is not plain (other keys, numbers whose high halves differ, more places in a list) is left to
 * that way.
 *
 * @module
 */

import { BODY_LENGTH_AT, FRAME_HEADER_LENGTH } from "../format.ts";
import { decodePlain } from "../plain_payload.ts";
import {
  ACTIVE_KEY,
  BEFORE_ITS_BRANCHES,
  FALSE,
  NUMBER,
  NUMBER_BYTES,
  PARTICIPANTS_KEY,
  TRUE,
} from "./hot_checkpoint.ts";
import { ARRAY_OF_THREE, BRANCHES_KEY, MAP_OF_TWO, NIL, TXN_KEY } from "./hot_record.ts";
import {
  type ActiveTransaction,
  decodeRecord,
  type LogRecord,
  RECORD_TAGS,
  unpackParticipants,
} from "./record.ts";

/** Where the first key begins: behind the tag and the map's own byte. */
const FIRST_KEY = 2;
/** Tag, map, key, number, key. */
const BEFORE_BRANCHES = 1 + 1 + TXN_KEY.length + NUMBER_BYTES + BRANCHES_KEY.length;
/** So much longer is a frame than what the checkpoint has. */
const GROWTH = FRAME_HEADER_LENGTH + BEFORE_BRANCHES - BEFORE_ITS_BRANCHES;

/** Transactions with one high half, as records that would begin or decide them. */
export class PackedTransactions {
  /** The high half of all numbers. */
  readonly high: number;
  /** The low halves as signed integers. */
  readonly lows: readonly number[];
  /** Where in `frames` each begins. */
  readonly offsets: readonly number[];
  /** A frame for each, of whose header only the length is set. */
  readonly frames: Uint8Array;

  /**
   * Holds what was unpacked.
   *
   * @param high The high half of all numbers.
   * @param lows Their low halves.
   * @param offsets Where in `frames` each begins.
   * @param frames The frames.
   */
  constructor(
    high: number,
    lows: readonly number[],
    offsets: readonly number[],
    frames: Uint8Array,
  ) {
    this.high = high;
    this.lows = lows;
    this.offsets = offsets;
    this.frames = frames;
  }

  /** How many there are. */
  get length(): number {
    return this.lows.length;
  }

  /** Each of them, decoded. */
  *[Symbol.iterator](): Generator<ActiveTransaction> {
    for (const [index, offset] of this.offsets.entries()) {
      const end = this.offsets[index + 1] ?? this.frames.length;
      yield decodeTransaction(this.frames.subarray(offset + FRAME_HEADER_LENGTH, end));
    }
  }
}

/**
 * The transaction that a record began or decided.
 *
 * @param body Tag and payload of the record.
 * @returns The transaction.
 * @throws {TypeError} If it is no such record.
 */
export function decodeTransaction(body: Uint8Array): ActiveTransaction {
  const record = decodeRecord(body);
  if (record?.type !== "begin" && record?.type !== "committing") {
    throw new TypeError(`Cannot take a record of kind ${body[0]}: it must begin or decide`);
  }
  const { txn, branches } = record;
  return { txn, decided: record.type === "committing", branches };
}

/**
 * Reads a checkpoint without decoding its transactions.
 *
 * @param body Tag and payload.
 * @returns The checkpoint; `null` if the general way is needed.
 */
export function unpackCheckpoint(
  body: Uint8Array,
): Extract<LogRecord, { type: "checkpoint" }> | null {
  if (body[1] !== MAP_OF_TWO || !hasText(body, FIRST_KEY, ACTIVE_KEY)) return null;
  const reader = new Reader(body, FIRST_KEY + ACTIVE_KEY.length);
  const active = reader.transactions();
  if (active === null || !hasText(body, reader.at, PARTICIPANTS_KEY)) return null;
  const participants = decodePlain(body.subarray(reader.at + PARTICIPANTS_KEY.length));
  if (participants === undefined) return null;
  return { type: "checkpoint", active, participants: unpackParticipants(participants) };
}

/** Goes over a list of transactions. Behind the end of the bytes there is nothing of any kind. */
class Reader {
  readonly #body: Uint8Array;
  at: number;

  constructor(body: Uint8Array, at: number) {
    this.#body = body;
    this.at = at;
  }

  transactions(): PackedTransactions | null {
    const body = this.#body;
    const count = this.#list();
    // No count is trusted beyond what is there.
    if (count < 0 || count * BEFORE_ITS_BRANCHES > body.length) return null;
    const frames = new Uint8Array(body.length + count * GROWTH);
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    const header = new DataView(frames.buffer);
    const lows: number[] = [];
    const offsets: number[] = [];
    let high = 0;
    let end = 0;
    for (let index = 0; index < count; index++) {
      const start = this.at;
      if (body[start] !== ARRAY_OF_THREE || body[start + 1] !== NUMBER) return null;
      this.at += BEFORE_ITS_BRANCHES;
      if (this.at >= body.length) return null;
      const number = start + 2;
      const isDecided = body[number + NUMBER_BYTES];
      if (isDecided !== TRUE && isDecided !== FALSE) return null;
      if (index === 0) high = view.getUint32(number);
      else if (view.getUint32(number) !== high) return null;
      const branches = this.at;
      if (!this.#passBranches()) return null;
      lows.push(view.getInt32(number + 4));
      offsets.push(end);
      header.setUint32(end + BODY_LENGTH_AT, BEFORE_BRANCHES + this.at - branches, true);
      end += FRAME_HEADER_LENGTH;
      frames[end++] = isDecided === TRUE ? RECORD_TAGS.committing : RECORD_TAGS.begin;
      frames[end++] = MAP_OF_TWO;
      frames.set(TXN_KEY, end);
      end += TXN_KEY.length;
      frames.set(body.subarray(number, number + NUMBER_BYTES), end);
      end += NUMBER_BYTES;
      frames.set(BRANCHES_KEY, end);
      end += BRANCHES_KEY.length;
      frames.set(body.subarray(branches, this.at), end);
      end += this.at - branches;
    }
    return new PackedTransactions(high, lows, offsets, frames.subarray(0, end));
  }

  #passBranches(): boolean {
    const count = this.#list();
    for (let index = 0; index < count; index++) {
      if (this.#body[this.at++] !== ARRAY_OF_THREE) return false;
      if (!this.#passText() || !this.#passText()) return false;
      if (this.#body[this.at] === NIL) this.at++;
      else if (!this.#passText()) return false;
    }
    return count >= 0 && this.at <= this.#body.length;
  }

  #passText(): boolean {
    const first = this.#body[this.at++] ?? 0;
    if (first >= 0xa0 && first < 0xc0) this.at += first - 0xa0;
    else if (first === 0xd9) this.at += 1 + (this.#body[this.at] ?? 0);
    else return false;
    return this.at <= this.#body.length;
  }

  /** The length of the list that begins here; -1 if none does. */
  #list(): number {
    const body = this.#body;
    const first = body[this.at++] ?? 0;
    if (first >= 0x90 && first < 0xa0) return first - 0x90;
    const bytes = first === 0xdc ? 2 : first === 0xdd ? 4 : 0;
    if (bytes === 0 || this.at + bytes > body.length) return -1;
    let length = 0;
    for (let index = 0; index < bytes; index++) length = length * 256 + body[this.at++]!;
    return length;
  }
}

function hasText(body: Uint8Array, at: number, text: Uint8Array): boolean {
  return text.every((byte, index) => body[at + index] === byte);
}
