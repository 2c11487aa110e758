/**
 * What a log asks of the program that keeps something in it: how an entry becomes bytes, and what the
 * entries add up to. The log itself gives entries no meaning.
 *
 * @module
 */

/** The smallest tag of an entry that is the application's to give; smaller ones are this package's. */
export const FIRST_APPLICATION_TAG = 16;

/**
 * The meaning of a log's entries. The log calls `reset` before it reads, then `apply` for each entry in
 * the order of the log, the ones read and later the ones written, each exactly once.
 *
 * @typeParam Entry What the program appends.
 *
 * @example Names with numbers, kept as JSON
 * ```ts
 * import type { LogModel } from "@indoubt/coordinator/wal";
 *
 * class Totals implements LogModel<Record<string, number>> {
 *   totals: Record<string, number> = {};
 *   encode(entry: Record<string, number>): Uint8Array {
 *     return new Uint8Array([16, ...new TextEncoder().encode(JSON.stringify(entry))]);
 *   }
 *   decode(body: Uint8Array): Record<string, number> | null {
 *     return body[0] === 16 ? JSON.parse(new TextDecoder().decode(body.subarray(1))) : null;
 *   }
 *   reset(): void {
 *     this.totals = {};
 *   }
 *   apply(entry: Record<string, number>): void {
 *     for (const name in entry) this.totals[name] = (this.totals[name] ?? 0) + (entry[name] ?? 0);
 *   }
 *   checkpoint(): Record<string, number>[] {
 *     return [this.totals];
 *   }
 * }
 * console.assert(new Totals().decode(new Totals().encode({ a: 1 }))?.a === 1);
 * ```
 */
export interface LogModel<Entry> {
  /** Set by this package's own models only, whose tags are below {@linkcode FIRST_APPLICATION_TAG}. */
  readonly ownsReservedTags?: true;
  /**
   * The bytes of an entry: a tag byte from {@linkcode FIRST_APPLICATION_TAG} to 255 that is never used for
   * anything else, then a payload of at most 16 MiB. They are copied before the next call, which may use
   * the same array again.
   *
   * @throws Anything if the entry cannot be encoded; nothing is then written.
   */
  encode(entry: Entry): Uint8Array;
  /**
   * Reads an entry; `body` is valid only during the call.
   *
   * @returns The entry, or `null` if the tag is not known: a newer version of the program wrote it.
   * @throws Anything if the payload is not that of its tag.
   */
  decode(body: Uint8Array): Entry | null;
  /**
   * Does what {@linkcode decode} and {@linkcode apply} do together, for many entries and without an object for each.
   * May be absent, together with {@linkcode endReplay}. Made for this package's own models: what `table` says
   * beyond places is about their records.
   *
   * @param bytes Frames one behind the other. The array is valid only during the call, but places in it stay
   * what they are until {@linkcode endReplay}.
   * @param table Six numbers for each frame: its offset in `bytes`, where its body begins 12 bytes later; length
   * of the body; how many records before it were not known to be synced; its tag; high and low half of
   * the transaction's number, if it is a plain Begin, decision or End, else 0xffffffff and 0.
   * @param from First row to be taken.
   * @param to Row behind the last.
   * @returns The first row that is not taken, but is to be decoded and applied; `to` if all are.
   */
  replay?(bytes: Uint8Array, table: Uint32Array, from: number, to: number): number;
  /**
   * Keeps what {@linkcode replay} has only noted the places of.
   *
   * @param bytes The same bytes as before; they go away now.
   */
  endReplay?(bytes: Uint8Array): void;
  /** Forgets everything. */
  reset(): void;
  /** Takes one more entry into account; must not throw. */
  apply(entry: Entry, lsn: number): void;
  /**
   * The entries that restate everything applied so far: what came before them is then removed from the
   * log. As many as it takes, since each is encoded as one that is appended, and may be no longer; with one that is
   * too long the log takes no more entries and cannot be opened. `null` if the log is to keep every entry for ever.
   */
  checkpoint(): Entry[] | null;
}
