/**
 * A coordinator's write-ahead log: one directory, one owner, opened once at a time.
 *
 * Opening takes the lock, reads what is there, and begins a new segment under a larger epoch in which
 * everything live is restated and synced before anybody may act on it. Old segments are never written
 * to; they are removed once the new one is durable.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { FrameBatch } from "./frame_batch.ts";
import { makeCoordinatorId, writeIdentity } from "./identity.ts";
import type { LiveState } from "./live_state.ts";
import { DirectoryLock } from "./lock.ts";
import {
  type ActiveTransaction,
  encodeRecord,
  type LogRecord,
  type ParticipantRecord,
} from "./record.ts";
import { OPENING_RECORDS, recoverLog } from "./recovery.ts";
import { parseSegmentName, pathOf, UNFINISHED_SUFFIX } from "./segment_name.ts";
import { SegmentWriter } from "./segment_writer.ts";
import { LogWriter } from "./writer.ts";

/** Bytes after which a segment is followed by a new one, unless the options say otherwise. */
export const DEFAULT_SEGMENT_SIZE = 16_777_216;

/** How a log is opened. */
export interface WriteAheadLogOptions {
  /** The log directory; created if absent. */
  readonly directory: string;
  /** The machine. */
  readonly platform: Platform;
  /**
   * Bytes after which a segment is followed by a new one.
   *
   * @default {16777216}
   */
  readonly segmentSize?: number;
}

/** An open log. */
export class WriteAheadLog {
  readonly #lock: DirectoryLock;
  readonly #writer: LogWriter;
  #closing: Promise<void> | null = null;

  /** Id of the coordinator whose log this is. */
  readonly coordinator: string;
  /** Number of this opening; every opening has a larger one. */
  readonly epoch: number;
  /** Transactions that were not finished when the log was opened. */
  readonly recovered: readonly ActiveTransaction[];
  /** Databases that had taken part when the log was opened, by name. */
  readonly participants: ReadonlyMap<string, ParticipantRecord>;

  private constructor(
    lock: DirectoryLock,
    writer: LogWriter,
    coordinator: string,
    state: LiveState,
  ) {
    this.#lock = lock;
    this.#writer = writer;
    this.coordinator = coordinator;
    this.epoch = state.epoch;
    this.recovered = state.active;
    this.participants = new Map(state.participants);
  }

  /**
   * Opens a log directory.
   *
   * @param options Which directory and how.
   * @returns The log.
   * @throws {LogLockedError} If another coordinator has it open.
   * @throws {LogCorruptedError} If something that was synced is not there any more.
   * @throws {LogVersionError} If a newer version wrote it.
   */
  static async open(options: WriteAheadLogOptions): Promise<WriteAheadLog> {
    const { directory, platform, segmentSize = DEFAULT_SEGMENT_SIZE } = options;
    await platform.fileSystem.ensureDirectory(directory);
    const lock = await DirectoryLock.take(platform, directory);
    try {
      const recovered = await recoverLog(platform, directory);
      await removeUnfinished(platform, directory);
      const { state } = recovered;
      const coordinator = state.coordinator ?? makeCoordinatorId(platform);
      state.apply({
        type: "epoch",
        coordinator,
        epoch: state.epoch + 1,
        started: new Date(platform.clock.now()).toISOString(),
      });
      const rotate = (nextLsn: number, live: LiveState) =>
        beginSegment(platform, directory, nextLsn, live);
      const segment = await rotate(recovered.nextLsn, state);
      if (!recovered.identified) await establish(platform, directory, coordinator);
      const writer = new LogWriter({
        platform,
        directory,
        segment,
        nextLsn: recovered.nextLsn + OPENING_RECORDS,
        state,
        segmentSize,
        rotate,
        openingRecords: OPENING_RECORDS,
      });
      return new WriteAheadLog(lock, writer, coordinator, state);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /**
   * Appends a record and makes it durable.
   *
   * @param record The record.
   * @returns Its LSN, once it is on disk.
   * @throws {LogUnavailableError} If it is not known to be on disk; see its `written`.
   */
  append(record: LogRecord): Promise<number> {
    return this.#writer.append(record);
  }

  /**
   * Appends a record that need not be durable: it is written soon and synced with a later one.
   *
   * @param record The record.
   * @throws {LogUnavailableError} If the log takes no more records.
   */
  appendLazily(record: LogRecord): void {
    this.#writer.appendLazily(record);
  }

  /** Writes and syncs what is queued, closes the files and releases the lock. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#writer.close().finally(() => this.#lock.release());
    return this.#closing;
  }
}

/** Makes the segment that holds everything from `nextLsn` on, then removes the ones before. */
async function beginSegment(
  platform: Platform,
  directory: string,
  nextLsn: number,
  state: LiveState,
): Promise<SegmentWriter> {
  using opening = new FrameBatch();
  opening.add(encodeRecord(state.epochRecord()));
  opening.add(encodeRecord(state.checkpoint()));
  const segment = await SegmentWriter.create(platform, directory, nextLsn, opening);
  try {
    await removeSegmentsBefore(platform, directory, nextLsn);
  } catch {
    // They cost space and nothing else: the next segment, or the next opening, removes them.
  }
  return segment;
}

async function removeSegmentsBefore(
  platform: Platform,
  directory: string,
  firstLsn: number,
): Promise<void> {
  const { fileSystem } = platform;
  const older = (await fileSystem.list(directory))
    .filter((name) => (parseSegmentName(name) ?? firstLsn) < firstLsn)
    .sort();
  for (const name of older) await fileSystem.remove(pathOf(directory, name));
  if (older.length > 0) await fileSystem.syncDirectory(directory);
}

/** Removes what a crash left half made. Such a file never had a name that counts. */
async function removeUnfinished(platform: Platform, directory: string): Promise<void> {
  for (const name of await platform.fileSystem.list(directory)) {
    if (name.endsWith(UNFINISHED_SUFFIX)) {
      await platform.fileSystem.remove(pathOf(directory, name));
    }
  }
}

/** Ends the first opening: the directory's own name is made durable, then it gets its identity. */
async function establish(
  platform: Platform,
  directory: string,
  coordinator: string,
): Promise<void> {
  await platform.fileSystem.syncDirectory(pathOf(directory, ".."));
  await writeIdentity(platform, directory, coordinator);
}
