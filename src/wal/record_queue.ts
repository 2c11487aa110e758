/**
 * Records on their way to the disk together, in the order of the calls: their frames, what the log's state
 * is to learn of them, and who waits for them. Who waits gets a promise that follows one which many share:
 * what is kept for a record is the record itself.
 *
 * @module
 */

import { FrameBatch } from "./frame_batch.ts";
import type { HeadRecord } from "./head.ts";
import type { LogState } from "./log_state.ts";

/** A record of the log's own among the entries. */
class OwnRecord {
  readonly head: HeadRecord;

  constructor(head: HeadRecord) {
    this.head = head;
  }
}

/** A growing run of records. Must be disposed of, as its frames must. */
export class RecordQueue<Entry> implements Disposable {
  readonly #frames = new FrameBatch();
  readonly #records: (Entry | OwnRecord)[] = [];
  readonly #riders: Entry[] = [];
  /** Number of the first record, for all who wait. */
  #answer: PromiseWithResolvers<number> | null = null;

  /** How many records there are. */
  get count(): number {
    return this.#records.length;
  }

  /** How many bytes their frames have. */
  get length(): number {
    return this.#frames.length;
  }

  /** For how many records somebody waits. */
  get awaited(): number {
    return this.#records.length - this.#riders.length;
  }

  /** The entries that ride along: nobody waits for them. Valid until the queue is changed. */
  get riders(): readonly Entry[] {
    return this.#riders;
  }

  /** Whether somebody waits for one of them. */
  get isAwaited(): boolean {
    return this.#answer !== null;
  }

  /**
   * Adds an entry.
   *
   * @param entry The entry.
   * @param body Its bytes, which are copied.
   */
  add(entry: Entry, body: Uint8Array): void {
    this.#frames.add(body);
    this.#records.push(entry);
  }

  /**
   * Adds a record of the log's own.
   *
   * @param head The record.
   * @param body Its bytes, which are copied.
   */
  addHead(head: HeadRecord, body: Uint8Array): void {
    this.#frames.add(body);
    this.#records.push(new OwnRecord(head));
  }

  /**
   * Adds an entry for which nobody waits.
   *
   * @param entry The entry.
   * @param body Its bytes, which are copied.
   */
  addRider(entry: Entry, body: Uint8Array): void {
    this.add(entry, body);
    this.#riders.push(entry);
  }

  /**
   * Waits for all records.
   *
   * @returns The LSN of the first, as soon as it is answered: the same promise for all who wait.
   */
  wait(): Promise<number> {
    this.#answer ??= Promise.withResolvers<number>();
    return this.#answer.promise;
  }

  /**
   * Folds all records into the state, in their order.
   *
   * @param state What the log's records add up to.
   * @param firstLsn Number of the first of them.
   */
  fold(state: LogState<Entry>, firstLsn: number): void {
    let lsn = firstLsn;
    for (const record of this.#records) {
      if (record instanceof OwnRecord) state.applyHead(record.head);
      else state.apply(record, lsn);
      lsn++;
    }
  }

  /**
   * Seals the frames; see {@linkcode FrameBatch.seal}.
   *
   * @param salt The segment's salt.
   * @param firstLsn Number of the first record.
   * @param synced How many records of the log are known to be synced.
   * @returns The bytes to write; valid until the queue is changed.
   */
  seal(salt: number, firstLsn: number, synced: number): Uint8Array {
    return this.#frames.seal(salt, firstLsn, synced);
  }

  /**
   * Takes all records out, and says to those who wait that they are durable.
   *
   * @param firstLsn Number of the first record.
   */
  answer(firstLsn: number): void {
    this.#answer?.resolve(firstLsn);
    this.clear();
  }

  /**
   * Takes all records out, and says to those who wait that they are not known to be durable.
   *
   * @param error What they are told.
   */
  refuse(error: unknown): void {
    this.#answer?.reject(error);
    this.clear();
  }

  /** Takes all records out; nobody waits for them. At once, as the collector copies what is still in. */
  clear(): void {
    this.#frames.clear();
    this.#records.length = 0;
    this.#riders.length = 0;
    this.#answer = null;
  }

  [Symbol.dispose](): void {
    this.#frames[Symbol.dispose]();
  }
}
