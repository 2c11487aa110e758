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
 */
export interface LogModel<Entry> {
  /**
   * The bytes of an entry: a tag byte that is never used for anything else, then a payload.
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
  /** Forgets everything. */
  reset(): void;
  /** Takes one more entry into account; must not throw. */
  apply(entry: Entry, lsn: number): void;
  /**
   * The entries that restate everything applied so far: what came before them is then removed from the
   * log. `null` if the log is to keep every entry for ever.
   */
  checkpoint(): Entry[] | null;
}
