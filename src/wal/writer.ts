/**
 * The one writer of a log: group commit. Records queue while the sync of the ones before runs; then one
 * write and one fdatasync serve them all. A lone caller never waits for company, and of very many some go ahead:
 * while another thread syncs what they wait for, the others work.
 *
 * Guarantees: {@linkcode LogWriter.append} resolves only after a sync that began after the record was
 * written; records reach the log in the order of the calls; every queue has a limit.
 *
 * A write or sync that fails ends the segment: what was under way is neither durable nor absent. If the
 * log's entries can be restated, a new segment is begun that restates everything, what was under way
 * included; its sync settles the matter. As long as that fails too, the log is unavailable: what was
 * under way is answered *unknown*, everything after it *not written*, and the restating is tried again,
 * with back-off, until it succeeds or the log is closed. Nothing is ever written to a segment again after
 * a failure in it, and no sync is tried twice.
 *
 * Records that ride along are not lost meanwhile: those that wait when the log becomes unavailable, and
 * those that come later, are part of what the next try restates. They wait in the same queue, with the
 * same limits.
 *
 * @module
 */

import type { Timer } from "../platform/clock.ts";
import { Company } from "./company.ts";
import { LogUnavailableError } from "./errors.ts";
import { failureReason, toBlame } from "./failure_reason.ts";
import { FRAME_HEADER_LENGTH, MAX_BODY_LENGTH } from "./format.ts";
import { encodeHead, type HeadRecord } from "./head.ts";
import { FIRST_APPLICATION_TAG } from "./model.ts";
import { Overlap } from "./overlap.ts";
import { RecordQueue } from "./record_queue.ts";
import { Retirement } from "./retire.ts";
import { Rotation } from "./rotation.ts";
import { SegmentCreationError, type SegmentWriter } from "./segment_writer.ts";
import type { WriterOptions } from "./writer_options.ts";

/** The most records that may wait to be written. */
export const MAX_QUEUED_RECORDS = 16_384;

/** The most bytes of frames that may wait to be written. */
export const MAX_QUEUED_BYTES = 67_108_864;

/** When so many wait for which nobody waits they are written at once. */
const MAX_RIDERS = 1024;

/** Records written without a sync after which the next write is synced whatever it holds. */
const MAX_UNSYNCED_RECORDS = 32_768;

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 30_000;

/** Records that are written, or could not be, and for whose sync somebody waits. */
interface Flight<Entry> {
  readonly taken: RecordQueue<Entry>;
  readonly firstLsn: number;
  /** The sync; rejected if they could not be written. */
  readonly syncing: Promise<void>;
}

interface Failure {
  /** What is to blame at present. */
  cause: unknown;
  /** Resolves to true when everything that was answered *unknown* is on disk, to false on closing. */
  readonly settled: PromiseWithResolvers<boolean>;
  retries: number;
  timer: Timer | null;
}

/** The writer of one open log. */
export class LogWriter<Entry> {
  readonly #options: WriterOptions<Entry>;
  readonly #retirement: Retirement;
  readonly #rotation: Rotation<Entry>;
  readonly #company: Company;
  readonly #overlap: Overlap;
  /** What waits. */
  #gathering = new RecordQueue<Entry>();
  /** What is being written, or nothing. */
  #writing = new RecordQueue<Entry>();
  #segment: SegmentWriter;
  #nextLsn: number;
  #synced: number;
  #running: Promise<void> | null = null;
  /** What is being synced, or has failed and is to be rescued. */
  #flight: Flight<Entry> | null = null;
  #failure: Failure | null = null;
  #closing: Promise<void> | null = null;

  /**
   * Starts with a fresh segment.
   *
   * @param options What it starts from.
   */
  constructor(options: WriterOptions<Entry>) {
    this.#options = options;
    const { clock } = options.platform;
    this.#retirement = new Retirement(async (firstLsn) => {
      // Who waits for the records that the segment begins with has the answer first.
      await new Promise<void>((resolve) => clock.soon(resolve));
      await options.retire(firstLsn);
    });
    this.#rotation = new Rotation(options, this.#retirement);
    this.#company = new Company(clock);
    this.#overlap = new Overlap(clock);
    this.#segment = options.segment;
    this.#nextLsn = options.nextLsn;
    this.#synced = options.nextLsn;
  }

  /** Why the log takes no records at present; `null` while it does. */
  get failure(): unknown {
    return this.#failure?.cause ?? null;
  }

  /** Appends an entry and makes it durable; see {@linkcode Log.append}. */
  append(entry: Entry): Promise<number> {
    const index = this.#gathering.count;
    const durable = this.force(entry);
    return durable.then((firstLsn) => firstLsn + index);
  }

  /** Appends an entry and makes it durable; see {@linkcode Log.force}. */
  force(entry: Entry): Promise<number> {
    try {
      const body = this.#encode(entry);
      this.#admit(body, true);
      this.#gathering.add(entry, body);
      return this.#awaited();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Appends a record of the log's own and makes it durable. */
  appendHead(record: HeadRecord): Promise<number> {
    try {
      const body = encodeHead(record);
      this.#admit(body, true);
      this.#gathering.addHead(record, body);
      return this.#awaited();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Appends an entry that need not be durable; see {@linkcode Log.appendLazily}. */
  appendLazily(entry: Entry): void {
    const body = this.#encode(entry);
    this.#admit(body, false);
    this.#gathering.addRider(entry, body);
    if (this.#failure !== null) return;
    this.#running ??= this.#drain();
    if (this.#gathering.count >= MAX_RIDERS && this.#gathering.awaited === 0) this.#company.end();
  }

  /** Writes and syncs what is queued, then closes. Calling it again gives the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #encode(entry: Entry): Uint8Array {
    const { model } = this.#options;
    const body = model.encode(entry);
    const tag = body[0] ?? 0;
    if (tag < FIRST_APPLICATION_TAG && model.ownsReservedTags === undefined) {
      throw new RangeError(
        `Cannot append an entry with tag ${tag}: ` +
          `an application's tags are ${FIRST_APPLICATION_TAG} to 255`,
      );
    }
    return body;
  }

  /** Refuses a record for which there is no place. */
  #admit({ length }: Uint8Array, awaited: boolean): void {
    const { count } = this.#gathering;
    if (this.#failure !== null && (awaited || !this.#options.restates)) {
      throw this.#unavailable(this.#failure, "no");
    }
    if (this.#closing !== null) throw this.#refuse("it is closed, open it again first");
    if (this.#nextLsn + count >= this.#options.lsnLimit()) {
      throw this.#refuse("its numbers are used up, see that identity.json can be written");
    }
    if (length < 1 || length > MAX_BODY_LENGTH) {
      throw new RangeError(
        `Cannot append a record of ${length} bytes: it must have 1 to ${MAX_BODY_LENGTH}`,
      );
    }
    if (
      count >= MAX_QUEUED_RECORDS ||
      this.#gathering.length + FRAME_HEADER_LENGTH + length > MAX_QUEUED_BYTES
    ) {
      throw this.#refuse(`${count} records wait to be written, append fewer at once`);
    }
  }

  /** Waits for the record that was added last. */
  #awaited(): Promise<number> {
    const lsn = this.#gathering.wait();
    this.#running ??= this.#drain();
    if (this.#company.isAwaited) this.#joined();
    return lsn;
  }

  /** Somebody has joined those who wait for company: perhaps the last who was needed. */
  #joined(): void {
    if (this.#company.join(this.#gathering.awaited)) return;
    if (this.#gathering.awaited < this.#overlap.enough) return;
    // At once: who goes on after the wait does so behind all that append in this turn.
    const isDue = this.#rotation.isDue(this.#segment, this.#nextLsn, this.#gathering);
    if (!isDue) this.#write(this.#takeQueue());
    this.#company.end();
  }

  /**
   * Writes until nothing is queued. The last look at the queue and the end of running are in one turn: a
   * record that came between them would be left without a runner.
   *
   * What a lone caller waits for is all in here, in as few steps as can be: behind a sync the processor's caches
   * are cold, and each function and each promise takes ten times what it does otherwise.
   */
  async #drain(): Promise<void> {
    while (this.#gathering.count > 0 && this.#failure === null) {
      // Who has called this does not know yet that it runs, and must before it ends.
      const begins = this.#running === null;
      const { awaited } = this.#gathering;
      if (begins || awaited < this.#overlap.enough) await this.#company.wait(awaited);
      // Unless some went ahead in that wait.
      if (this.#flight === null) {
        const isRotationDue = this.#rotation.isDue(this.#segment, this.#nextLsn, this.#gathering);
        if (isRotationDue && !this.#options.restates && !await this.#syncBefore()) break;
        const taken = this.#takeQueue();
        if (isRotationDue && await this.#rotate(taken)) continue;
        this.#write(taken);
      }
      const flight = this.#flight;
      if (flight === null) continue;
      try {
        await flight.syncing;
        this.#synced = this.#nextLsn;
        // Without a wait before the next batch, which goes ahead of what those do who are answered now.
        this.#answer(flight.taken, flight.firstLsn);
      } catch (cause) {
        await this.#rescue(cause, flight.taken, flight.firstLsn);
      }
      this.#flight = null;
    }
    this.#running = null;
  }

  /** Takes what is queued. */
  #takeQueue(): RecordQueue<Entry> {
    const taken = this.#gathering;
    this.#gathering = this.#writing;
    this.#writing = taken;
    return taken;
  }

  /** Numbers records and folds them into the state, which a restating then covers; answers the first number. */
  #number(taken: RecordQueue<Entry>): number {
    const firstLsn = this.#nextLsn;
    taken.fold(this.#options.state, firstLsn);
    this.#nextLsn += taken.count;
    return firstLsn;
  }

  /** Writes records and makes them durable if somebody waits: at once, or else they are in flight then. */
  #write(taken: RecordQueue<Entry>): void {
    const firstLsn = this.#number(taken);
    this.#overlap.begin(taken.awaited);
    try {
      this.#segment.write(taken.seal(this.#segment.salt, firstLsn, this.#synced));
      if (taken.isAwaited || this.#nextLsn - this.#synced >= MAX_UNSYNCED_RECORDS) {
        const syncing = this.#segment.sync(this.#overlap.isOn);
        if (syncing !== undefined) {
          this.#flight = { taken, firstLsn, syncing };
          return;
        }
        this.#synced = this.#nextLsn;
      }
    } catch (cause) {
      this.#flight = { taken, firstLsn, syncing: Promise.reject(cause) };
      return;
    }
    this.#answer(taken, firstLsn);
  }

  /** Restates what a failed write or sync has left neither durable nor absent. */
  async #rescue(cause: unknown, taken: RecordQueue<Entry>, firstLsn: number): Promise<void> {
    const failed = await this.#restate(cause);
    if (failed === null) this.#answer(taken, firstLsn);
    else taken.refuse(this.#unavailable(this.#fail(failed.cause), "unknown"));
  }

  #answer(taken: RecordQueue<Entry>, firstLsn: number): void {
    this.#company.note(taken.awaited);
    this.#overlap.end(taken.awaited);
    taken.answer(firstLsn);
  }

  async #sync(): Promise<void> {
    await this.#segment.sync();
    this.#synced = this.#nextLsn;
  }

  /** Entries that are not restated must be on disk before a later segment promises that they are; false if not. */
  async #syncBefore(): Promise<boolean> {
    try {
      if (this.#synced < this.#nextLsn) await this.#sync();
      return true;
    } catch (cause) {
      this.#fail(cause);
      return false;
    }
  }

  /** Begins the next segment with records in it; false if they are still to be written, to the present one. */
  async #rotate(taken: RecordQueue<Entry>): Promise<boolean> {
    try {
      this.#answer(taken, await this.#begin(taken));
      return true;
    } catch (cause) {
      if (!(cause instanceof SegmentCreationError) || cause.named) {
        await this.#rescue(cause, taken, this.#number(taken));
        return true;
      }
      // The segment in use is sound: it goes on growing, and the next one is tried again later.
      this.#rotation.postpone(this.#segment);
      return false;
    }
  }

  /**
   * Begins the next segment and, when it is durable, leaves the present one.
   *
   * @param taken What is written behind the records that open it, with the same sync; `null` if nothing is.
   * @returns Number of the first of those.
   */
  async #begin(taken: RecordQueue<Entry> | null): Promise<number> {
    const { pipeline } = this.#options;
    const follows = this.#nextLsn;
    let begun: SegmentWriter;
    try {
      const onNumbers = (nextLsn: number) => this.#nextLsn = nextLsn;
      // Few wait least if it is done at once.
      begun = await this.#rotation.begin(follows, taken, onNumbers, this.#overlap.isOn);
    } catch (error) {
      // The numbers of a segment that may be there are used up. Those of one that is not are given to the
      // records that follow in the present one, which must have no gap.
      if (!(error instanceof SegmentCreationError) || !error.named) this.#nextLsn = follows;
      throw error;
    }
    const answer = taken === null ? this.#nextLsn : this.#number(taken);
    if (this.#options.restates) pipeline.keep(this.#segment.leave());
    else this.#segment.close();
    this.#segment = begun;
    this.#rotation.enter(begun);
    this.#synced = this.#nextLsn;
    // No commit waits for it.
    this.#retirement.before(begun.firstLsn);
    return answer;
  }

  /** Begins a segment that restates everything; gives what is to blame if it cannot, `null` if it can. */
  async #restate(cause: unknown): Promise<Pick<Failure, "cause"> | null> {
    if (!this.#options.restates) return { cause };
    try {
      await this.#begin(null);
      return null;
    } catch (error) {
      return { cause: toBlame(cause, error) };
    }
  }

  #fail(cause: unknown): Failure {
    const failure: Failure = {
      cause,
      settled: Promise.withResolvers<boolean>(),
      retries: 0,
      timer: null,
    };
    this.#failure = failure;
    const riders = this.#options.restates ? [...this.#gathering.riders] : [];
    this.#gathering.refuse(this.#unavailable(failure, "no"));
    for (const entry of riders) this.#gathering.addRider(entry, this.#encode(entry));
    this.#retryLater(failure);
    return failure;
  }

  #retryLater(failure: Failure): void {
    if (!this.#options.restates || this.#closing !== null) return;
    const delay = Math.min(FIRST_RETRY_MS * 2 ** failure.retries, MAX_RETRY_MS);
    failure.retries++;
    failure.timer = this.#options.platform.clock.after(delay, () => {
      failure.timer = null;
      this.#running = this.#retry(failure);
    });
  }

  async #retry(failure: Failure): Promise<void> {
    const taken = this.#takeQueue();
    this.#number(taken);
    taken.clear();
    const failed = await this.#restate(failure.cause);
    if (failed === null) {
      this.#failure = null;
      failure.settled.resolve(true);
      // What came during the try is in no segment yet.
      await this.#drain();
    } else {
      failure.cause = failed.cause;
      this.#running = null;
      this.#retryLater(failure);
    }
  }

  /** Makes durable what rode along at the end. */
  async #syncLast(): Promise<void> {
    try {
      await this.#sync();
    } catch (cause) {
      if (await this.#restate(cause) === null) return;
      const reason = "its disk failed when it was closed, what rode along last may be lost: " +
        "see that the disk works";
      throw new LogUnavailableError(this.#options.directory, reason, "unknown", { cause });
    }
  }

  #refuse(reason: string): LogUnavailableError {
    return new LogUnavailableError(this.#options.directory, reason, "no");
  }

  #unavailable({ cause, settled }: Failure, written: "no" | "unknown"): LogUnavailableError {
    const reason = failureReason(cause, this.#options.restates);
    const options = { cause, settled: settled.promise };
    return new LogUnavailableError(this.#options.directory, reason, written, options);
  }

  async #close(): Promise<void> {
    try {
      this.#failure?.timer?.cancel();
      this.#company.close();
      await this.#running;
      if (this.#failure !== null) this.#failure.settled.resolve(false);
      else if (this.#synced < this.#nextLsn) await this.#syncLast();
    } finally {
      this.#segment.close();
      this.#gathering[Symbol.dispose]();
      this.#writing[Symbol.dispose]();
      await this.#retirement.ended();
      await this.#rotation.close();
      await this.#options.pipeline.close();
    }
  }
}
