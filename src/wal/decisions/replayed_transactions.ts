/**
 * The transactions that are live while a log is replayed: of each, only where the record lies that began or
 * decided it. Most have ended before anybody asks, so nothing else of them is ever looked at.
 *
 * @module
 */

import { NOT_PLAIN, TABLE_COLUMNS } from "../core.ts";
import { BODY_LENGTH_AT, FRAME_HEADER_LENGTH } from "../format.ts";
import { numberOf } from "../halves.ts";
import type { Outcomes } from "./outcomes.ts";
import type { PackedTransactions } from "./packed_transactions.ts";
import { type ActiveTransaction, RECORD_TAGS } from "./record.ts";
import type { TransactionTable } from "./transaction_table.ts";

/**
 * Where a frame lies: its offset in the bytes that are replayed, or, if negative, -1 less its offset in what was kept
 * of earlier ones. A small integer costs no object.
 */
type Place = number;

/** Frames that lie one behind the other. */
interface Run {
  readonly first: Place;
  length: number;
}

/** Transactions by number, in the order in which they were first recorded. */
export class ReplayedTransactions {
  /** The high half of all numbers: one opening of a log gives out numbers that share it. */
  #high = 0;
  /** By the low half as a signed integer, which costs no object. */
  #places = new Map<number, Place>();
  #bytes: Uint8Array = new Uint8Array(0);
  /** The frames of what was live when earlier bytes went away. */
  #kept: Uint8Array = new Uint8Array(0);
  #spare: Uint8Array = new Uint8Array(0);

  /** How many there are. */
  get size(): number {
    return this.#places.size;
  }

  /**
   * Replays records as far as it can; see {@linkcode LogModel.replay}.
   *
   * @param bytes Where they are.
   * @param table What is known of them.
   * @param from First row.
   * @param to Row behind the last.
   * @param outcomes Is told of each decision.
   * @param active Transactions that are live besides; those that end are taken out.
   * @returns The first row that is not taken.
   */
  replay(
    bytes: Uint8Array,
    table: Uint32Array,
    from: number,
    to: number,
    outcomes: Outcomes,
    active: TransactionTable<ActiveTransaction>,
  ): number {
    this.#bytes = bytes;
    const places = this.#places;
    for (let row = from; row < to; row++) {
      const at = row * TABLE_COLUMNS;
      const high = table[at + 4]!;
      if (high === NOT_PLAIN) return row;
      const unsigned = table[at + 5]!;
      const low = unsigned | 0;
      if (high !== this.#high) {
        if (places.size > 0) return row;
        this.#high = high;
      }
      if (table[at + 3] === RECORD_TAGS.end) {
        if (!places.delete(low) && active.size > 0) active.delete(numberOf(high, unsigned));
        continue;
      }
      const known = places.get(low);
      const decides = table[at + 3] === RECORD_TAGS.committing;
      if (known === undefined) {
        if (active.size > 0 && active.has(numberOf(high, unsigned))) return row;
      } else if (!decides || this.#byteAt(known, FRAME_HEADER_LENGTH) === RECORD_TAGS.committing) {
        continue;
      }
      if (decides) outcomes.addHalves(high, unsigned, true);
      places.set(low, table[at]!);
    }
    return to;
  }

  /**
   * Takes up the transactions of a checkpoint.
   *
   * @param transactions The transactions.
   * @returns Whether they were taken; else nothing is changed.
   */
  hold({ high, lows, offsets, frames }: PackedTransactions): boolean {
    if (lows.length === 0) return true;
    if (this.#places.size === 0) this.#kept = new Uint8Array(0);
    else if (high !== this.#high) return false;
    this.#high = high;
    const { length } = this.#kept;
    const kept = new Uint8Array(length + frames.length);
    kept.set(this.#kept);
    kept.set(frames, length);
    this.#kept = kept;
    for (let index = 0; index < lows.length; index++) {
      this.#places.set(lows[index]!, -1 - length - offsets[index]!);
    }
    return true;
  }

  /**
   * Keeps what is live, since the bytes go away.
   *
   * @param bytes What was replayed last.
   */
  keep(bytes: Uint8Array): void {
    this.#bytes = bytes;
    // What was begun together mostly lies together, and is copied in one go.
    const runs: Run[] = [];
    let end = 0;
    // A new map: what an old one leaves when it makes room is garbage that lives long.
    const places = new Map<number, Place>();
    this.#places.forEach((place, low) => {
      const length = this.#lengthAt(place);
      const run = runs.at(-1);
      if (run !== undefined && isBehind(place, run)) run.length += length;
      else runs.push({ first: place, length });
      places.set(low, -1 - end);
      end += length;
    });
    // Two that take turns: garbage of this size would be collected late.
    const kept = this.#spare.length < end ? new Uint8Array(end) : this.#spare;
    end = 0;
    for (const { first, length } of runs) {
      kept.set(this.#slice(first, length), end);
      end += length;
    }
    [this.#kept, this.#spare] = [kept, this.#kept];
    this.#places = places;
  }

  /**
   * Takes all out.
   *
   * @returns The bodies of the records that began or decided them, valid as long as the bytes that were replayed.
   */
  take(): Uint8Array[] {
    const bodies = [...this.#places.values()].map((place) =>
      this.#frameAt(place).subarray(FRAME_HEADER_LENGTH)
    );
    this.#places.clear();
    return bodies;
  }

  /** Forgets all. */
  clear(): void {
    this.#places.clear();
  }

  #frameAt(place: Place): Uint8Array {
    return this.#slice(place, this.#lengthAt(place));
  }

  #slice(place: Place, length: number): Uint8Array {
    return place < 0
      ? this.#kept.subarray(-1 - place, -1 - place + length)
      : this.#bytes.subarray(place, place + length);
  }

  #lengthAt(place: Place): number {
    let bodyLength = 0;
    for (let index = 3; index >= 0; index--) {
      bodyLength = bodyLength * 256 + this.#byteAt(place, BODY_LENGTH_AT + index);
    }
    return FRAME_HEADER_LENGTH + bodyLength;
  }

  #byteAt(place: Place, index: number): number {
    return (place < 0 ? this.#kept[-1 - place + index] : this.#bytes[place + index]) ?? 0;
  }
}

function isBehind(place: Place, { first, length }: Run): boolean {
  // Bytes that are not the same are never one behind the other, whatever the numbers of their places.
  if (place < 0) return first < 0 && place === first - length;
  return first >= 0 && place === first + length;
}
