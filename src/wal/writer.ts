/**
 * The one writer of a log: group commit. Records queue while the sync of the ones before runs; then one
 * write and one fdatasync serve them all. A lone caller never waits for company.
 *
 * Guarantees: {@linkcode LogWriter.append} resolves only after a sync that began after the record was
 * written; records reach the log in the order of the calls; every queue has a limit. After the first
 * write, sync or change of segment that fails nothing more is written: what was under way is answered
 * *unknown*, everything after it *not written*, and only a restart, which reads the disk, settles it.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { LogUnavailableError } from "./errors.ts";
import { MAX_BODY_LENGTH } from "./format.ts";
import { FrameBatch } from "./frame_batch.ts";
import type { LiveState } from "./live_state.ts";
import { encodeRecord, type LogRecord } from "./record.ts";
import type { SegmentWriter } from "./segment_writer.ts";

/** The most records that may wait to be written. */
export const MAX_QUEUED_RECORDS = 16_384;

/** The most bytes of record bodies that may wait to be written. */
export const MAX_QUEUED_BYTES = 67_108_864;

/** Records written without a sync after which the next write is synced whatever it holds. */
const MAX_UNSYNCED_RECORDS = 32_768;

interface QueuedRecord {
  readonly record: LogRecord;
  readonly body: Uint8Array;
  /** Absent for a record that rides along. */
  readonly waiter?: { resolve(lsn: number): void; reject(error: unknown): void };
}

/** Makes the next segment of a log, with a checkpoint of `state` at its head. */
export type Rotate = (nextLsn: number, state: LiveState) => Promise<SegmentWriter>;

/** What a writer starts from. */
export interface WriterOptions {
  /** The machine. */
  readonly platform: Platform;
  /** The log directory, for messages. */
  readonly directory: string;
  /** The segment to write to; everything in it is synced. */
  readonly segment: SegmentWriter;
  /** Number of the next record. */
  readonly nextLsn: number;
  /** What the records before add up to; the writer folds its own into it. */
  readonly state: LiveState;
  /** Bytes after which a segment is followed by a new one. */
  readonly segmentSize: number;
  /** Makes the next segment. */
  readonly rotate: Rotate;
  /** How many records open a segment. */
  readonly openingRecords: number;
}

/** The writer of one open log. */
export class LogWriter {
  readonly #options: WriterOptions;
  readonly #batch = new FrameBatch();
  #segment: SegmentWriter;
  #queue: QueuedRecord[] = [];
  #queuedBytes = 0;
  #nextLsn: number;
  #synced: number;
  #running: Promise<void> | null = null;
  #failure: unknown = null;
  #closing: Promise<void> | null = null;

  /**
   * Starts with a fresh segment.
   *
   * @param options What it starts from.
   */
  constructor(options: WriterOptions) {
    this.#options = options;
    this.#segment = options.segment;
    this.#nextLsn = options.nextLsn;
    this.#synced = options.nextLsn;
  }

  /** Why the log takes no more records; `null` while it does. */
  get failure(): unknown {
    return this.#failure;
  }

  /**
   * Appends a record and makes it durable.
   *
   * @param record The record.
   * @returns Its LSN, once it is on disk.
   * @throws {LogUnavailableError} If it is not known to be on disk; see its `written`.
   */
  append(record: LogRecord): Promise<number> {
    return new Promise((resolve, reject) => this.#enqueue(record, { resolve, reject }));
  }

  /**
   * Appends a record that need not be durable: it is written soon and synced with a later one.
   *
   * @param record The record.
   * @throws {LogUnavailableError} If the log takes no more records.
   */
  appendLazily(record: LogRecord): void {
    this.#enqueue(record);
  }

  /** Writes and syncs what is queued, then closes. Calling it again gives the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #enqueue(record: LogRecord, waiter?: QueuedRecord["waiter"]): void {
    if (this.#failure !== null) throw this.#unavailable("no", this.#failure);
    if (this.#closing !== null) {
      throw new LogUnavailableError(
        this.#options.directory,
        "it is closed, open it again first",
        "no",
      );
    }
    const body = encodeRecord(record);
    if (body.length > MAX_BODY_LENGTH) {
      throw new RangeError(
        `Cannot append a record of ${body.length} bytes: it must have at most ${MAX_BODY_LENGTH}, ` +
          "let the transaction have fewer branches",
      );
    }
    if (
      this.#queue.length >= MAX_QUEUED_RECORDS || this.#queuedBytes + body.length > MAX_QUEUED_BYTES
    ) {
      throw new LogUnavailableError(
        this.#options.directory,
        `${this.#queue.length} records wait to be written, let fewer transactions run at once`,
        "no",
      );
    }
    this.#queue.push(waiter === undefined ? { record, body } : { record, body, waiter });
    this.#queuedBytes += body.length;
    this.#start();
  }

  #start(): void {
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    try {
      while (this.#queue.length > 0 && this.#failure === null) {
        // One turn, so that callers woken together by the last sync share the next one.
        await new Promise<void>((resolve) => this.#options.platform.clock.soon(resolve));
        await this.#writeQueue();
      }
    } finally {
      // In the same turn as the last look at the queue, so that no record is left without a runner.
      this.#running = null;
    }
  }

  async #writeQueue(): Promise<void> {
    const taken = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    const firstLsn = this.#nextLsn;
    try {
      this.#batch.clear();
      for (const { body } of taken) this.#batch.add(body);
      this.#segment.write(this.#batch.seal(this.#segment.salt, firstLsn, this.#synced));
      this.#nextLsn += taken.length;
      for (const { record } of taken) this.#options.state.apply(record);
      const forced = taken.some(({ waiter }) => waiter !== undefined);
      if (forced || this.#nextLsn - this.#synced >= MAX_UNSYNCED_RECORDS) await this.#sync();
    } catch (error) {
      this.#poison(error, taken);
      return;
    }
    taken.forEach(({ waiter }, index) => waiter?.resolve(firstLsn + index));
    await this.#rotateIfFull();
  }

  async #sync(): Promise<void> {
    await this.#segment.sync();
    this.#synced = this.#nextLsn;
  }

  async #rotateIfFull(): Promise<void> {
    if (this.#segment.length < this.#options.segmentSize) return;
    try {
      await this.#sync();
      const next = await this.#options.rotate(this.#nextLsn, this.#options.state);
      this.#segment.close();
      this.#segment = next;
      this.#nextLsn += this.#options.openingRecords;
      this.#synced = this.#nextLsn;
    } catch (error) {
      this.#poison(error, []);
    }
  }

  #poison(error: unknown, underWay: readonly QueuedRecord[]): void {
    this.#failure = error;
    for (const { waiter } of underWay) waiter?.reject(this.#unavailable("unknown", error));
    for (const { waiter } of this.#queue) waiter?.reject(this.#unavailable("no", error));
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  #unavailable(written: "no" | "unknown", cause: unknown): LogUnavailableError {
    return new LogUnavailableError(
      this.#options.directory,
      "a write or sync failed, so what reached the disk is not known: " +
        "mend the disk, then open the coordinator again",
      written,
      { cause },
    );
  }

  async #close(): Promise<void> {
    try {
      await this.#running;
      if (this.#failure === null && this.#synced < this.#nextLsn) await this.#sync();
    } finally {
      this.#segment.close();
      this.#batch[Symbol.dispose]();
    }
  }
}
