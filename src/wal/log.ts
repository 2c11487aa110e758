/**
 * A durable log in a directory: one owner, opened once at a time.
 *
 * Opening takes the lock, reads what is there, and begins a new segment under a larger epoch in which
 * everything that counts is restated and synced; verdicts on damage found are in it. Only then are damaged
 * files set aside and older segments removed, and only then may anybody act on what was read. Segments that
 * were there are never written to. (In a log that keeps every entry nothing is restated, so there the newest
 * of them is first replaced by a copy that is synced.) A crash at any step leaves what the next opening reads
 * the same way.
 *
 * @module
 */

import type { Clock } from "../platform/clock.ts";
import { denoPlatform, type Platform } from "../platform/platform.ts";
import { FilePipeline } from "./file_pipeline.ts";
import { LogCopiedError, LogCorruptedError } from "./errors.ts";
import { type RepairRecord, type VerdictRecord, verdictText } from "./head.ts";
import { HeldIdentity, makeLogId } from "./identity.ts";
import type { LeftSegments } from "./left_segments.ts";
import { type DirectoryLock, takeDirectory } from "./lock.ts";
import type { LogState } from "./log_state.ts";
import type { LogModel } from "./model.ts";
import { type AcceptedCopy, behindOriginal, copyReason, isCopy, placeOf } from "./place.ts";
import { damageVerdict, type RecoveredLog, recoverLog } from "./recovery.ts";
import { removeUnfinished, retireSegments } from "./retire.ts";
import { isBrokenName, parseSegmentName } from "./segment_name.ts";
import { MAX_SEGMENT_LENGTH } from "./segment_scan.ts";
import { SegmentMaker } from "./segment_maker.ts";
import type { SegmentWriter } from "./segment_writer.ts";
import { settleDirectory, settleSegment } from "./settle.ts";
import { LogWriter } from "./writer.ts";

export type { AcceptedCopy } from "./place.ts";

/**
 * Bytes after which a segment is followed by a new one, unless the options say otherwise. An opening reads so
 * much at most besides the checkpoint, and a busy log keeps three or four files of this size.
 */
export const DEFAULT_SEGMENT_SIZE = 4_194_304;

/** Milliseconds after which a segment of some size is followed by a new one, unless the options say. */
export const DEFAULT_CHECKPOINT_INTERVAL = 60_000;

const MIN_SEGMENT_SIZE = 1024;

/** What an opening is made to repair, by whom and why. */
export interface LogRepair extends Pick<RepairRecord, "done" | "reason" | "by"> {
  /**
   * Whether `identity.json` is gone or damaged and is made again from the segments. Nobody can tell then
   * whether the directory is a copy, so it is opened as one: {@linkcode LogOptions.acceptCopy} must be given.
   *
   * @default {false}
   */
  readonly withoutIdentity?: boolean;
}

/** How a log is opened. */
export interface LogOptions<Entry> {
  /** The log directory; created if absent. */
  readonly directory: string;
  /**
   * The machine; tests put another in its place.
   *
   * @default {this machine, through Deno}
   */
  readonly platform?: Platform;
  /** The meaning of the entries; is reset and then given everything that is in the log. */
  readonly model: LogModel<Entry>;
  /**
   * Bytes after which a segment is followed by a new one, 1 KiB to 512 MiB.
   *
   * @default {4194304}
   */
  readonly segmentSize?: number;
  /**
   * Milliseconds, from 0 to `Infinity`, after which a segment of 64 KiB and more is followed by a new one, so that
   * reading the log stays quick. Does nothing in a log that keeps every entry, where all segments are read anyway.
   *
   * @default {60000}
   */
  readonly checkpointInterval?: number;
  /**
   * What this opening is made to repair, by whom and why: kept in the log as a verdict, which is durable
   * before anything that was there is touched.
   *
   * @default {nothing}
   */
  readonly repair?: LogRepair;
  /**
   * Opens the log although its directory is a copy: somebody vouches that the original never runs again.
   * What it may have written since the copy was made counts as lost, by a verdict that stands until it is
   * cleared. Does nothing if the directory is no copy.
   *
   * @default {a copy is refused}
   */
  readonly acceptCopy?: AcceptedCopy;
}

/**
 * A durable append-only log in a directory.
 *
 * What is appended survives the process and a loss of power once {@linkcode Log.append} has resolved. Many
 * callers share one sync. The log stays small if its model can restate what its entries add up to, and
 * keeps every entry otherwise.
 *
 * @typeParam Entry What is appended.
 *
 * @example A counter that survives everything
 * ```ts
 * import { Log, type LogModel } from "@indoubt/coordinator/wal";
 *
 * class Counter implements LogModel<number> {
 *   total = 0;
 *   encode(step: number): Uint8Array {
 *     const body = new Uint8Array(9);
 *     body[0] = 16; // the tag of this kind of entry, for ever
 *     new DataView(body.buffer).setFloat64(1, step);
 *     return body;
 *   }
 *   decode(body: Uint8Array): number | null {
 *     if (body[0] !== 16) return null;
 *     return new DataView(body.buffer, body.byteOffset, body.byteLength).getFloat64(1);
 *   }
 *   reset(): void {
 *     this.total = 0;
 *   }
 *   apply(step: number): void {
 *     this.total += step;
 *   }
 *   checkpoint(): number[] {
 *     return [this.total]; // one entry that adds up to the same as all before it
 *   }
 * }
 *
 * const directory = await Deno.makeTempDir();
 * for (const expected of [0, 6]) {
 *   const counter = new Counter();
 *   await using log = await Log.open({ directory, model: counter });
 *   console.assert(counter.total === expected);
 *   await Promise.all([log.append(1), log.append(2), log.append(3)]);
 * }
 * await Deno.remove(directory, { recursive: true });
 * ```
 */
export class Log<Entry> implements AsyncDisposable {
  readonly #lock: DirectoryLock;
  readonly #writer: LogWriter<Entry>;
  readonly #state: LogState<Entry>;
  readonly #clock: Clock;
  #closing: Promise<void> | null = null;

  /** Id of the log: random, made with it. */
  readonly id: string;
  /** Number of this opening; every opening has a larger one. */
  readonly epoch: number;
  /**
   * Names of the damaged files that were set aside in the directory, now or by an earlier opening. Nothing
   * removes them, so somebody must: as soon as they are not needed to find out what happened.
   */
  readonly setAside: readonly string[];

  private constructor(
    lock: DirectoryLock,
    writer: LogWriter<Entry>,
    state: LogState<Entry>,
    clock: Clock,
    setAside: readonly string[],
  ) {
    this.#lock = lock;
    this.#clock = clock;
    this.#writer = writer;
    this.#state = state;
    this.setAside = setAside;
    this.id = state.id ?? "";
    this.epoch = state.epoch;
  }

  /**
   * Opens a log directory.
   *
   * @typeParam Entry What is appended.
   * @param options Which directory, and what its entries mean.
   * @returns The log.
   * @throws {LogLockedError} If it is open already, here or in another process.
   * @throws {LogCopiedError} If the directory is a copy, and nobody vouches for it.
   * @throws {LogCorruptedError} If the identity is gone, damaged or that of another log, or if a list of the
   *   directory has lacked what is there.
   * @throws {LogVersionError} If a newer version wrote it.
   * @throws {RangeError} If an option is out of its range.
   * @throws {Error} If what the model restates cannot be appended, if the directory is none in which files can be
   * made, or if the disk fails.
   */
  static async open<Entry>(options: LogOptions<Entry>): Promise<Log<Entry>> {
    const { directory, platform = denoPlatform, model } = options;
    const segmentSize = checkSize(options.segmentSize ?? DEFAULT_SEGMENT_SIZE);
    const interval = options.checkpointInterval ?? DEFAULT_CHECKPOINT_INTERVAL;
    const checkpointInterval = checkInterval(interval);
    const lock = await takeDirectory(platform, directory);
    let segment: SegmentWriter | null = null;
    try {
      const { copy, recovered } = await recover(platform, options);
      const { state } = recovered;
      const id = beginEpoch(platform, recovered, copy, options.repair);
      await settleDirectory(platform, directory, recovered, copy !== null);
      await removeUnfinished(platform, directory);
      if (!state.restates) await settleSegment(platform, directory, recovered.tail);
      let identity: HeldIdentity | null = null;
      const lsnLimit = () => identity?.lsnLimit ?? Number.MAX_SAFE_INTEGER;
      const segments = new SegmentMaker(platform, directory, state, lsnLimit);
      let { nextLsn } = recovered;
      segment = await segments.create(nextLsn, () => null, {
        follows: recovered.follows,
        onNumbers: (count) => nextLsn += count,
        behind: null,
      });
      await assertNewest(platform, directory, segment.firstLsn);
      const place = await placeOf(platform, directory);
      const { firstLsn } = segment;
      const held = await HeldIdentity.write(platform, directory, {
        id,
        epoch: state.epoch,
        segment: firstLsn,
        place,
      });
      identity = held;
      const pipeline = new FilePipeline(platform, directory, segmentSize);
      const retire = segmentRetirer(platform, directory, recovered, pipeline.left);
      // A segment that cannot be taken away costs space and nothing else; it is tried again later.
      await retire(firstLsn).catch(() => {});
      const names = await platform.fileSystem.list(directory).catch(() => recovered.setAside);
      const writer = new LogWriter({
        platform,
        directory,
        model,
        state,
        restates: state.restates,
        segment,
        nextLsn,
        lsnLimit,
        segmentSize,
        checkpointInterval,
        pipeline,
        segments,
        retire: async (newest) => {
          // If it cannot be written, the log goes on until its numbers are used up.
          await held.follow(newest).catch(() => {});
          await retire(newest);
        },
      });
      const setAside = names.filter(isBrokenName).sort();
      return new Log(lock, writer, state, platform.clock, setAside);
    } catch (error) {
      segment?.close();
      lock.release();
      throw error;
    }
  }

  /** Damage that no operator has cleared: what the entries add up to may lack something. */
  get damages(): readonly VerdictRecord[] {
    return this.#state.damages;
  }

  /** Why the log takes no entries at present; `null` while it does. */
  get failure(): unknown {
    return this.#writer.failure;
  }

  /**
   * Appends an entry and makes it durable.
   *
   * @param entry The entry.
   * @returns Its LSN, once it is on disk.
   * @throws {LogUnavailableError} If it is not known to be on disk; see its `written`.
   */
  append(entry: Entry): Promise<number> {
    return this.#writer.append(entry);
  }

  /**
   * Appends an entry and makes it durable, as {@linkcode append} does, for who need not know its LSN: all who
   * wait for one sync share a promise, and a promise for each is a good part of what an append costs.
   *
   * @param entry The entry.
   * @returns Resolves once it is on disk.
   * @throws {LogUnavailableError} If it is not known to be on disk; see its `written`.
   */
  force(entry: Entry): Promise<unknown> {
    return this.#writer.force(entry);
  }

  /**
   * Appends an entry that need not be durable: it is written together with the next that must be, or alone within
   * 100 milliseconds, and synced with a later one, or when the log is closed. While the disk fails it waits
   * and is restated when the disk is back, unless the log is closed before that.
   *
   * @param entry The entry.
   * @throws {LogUnavailableError} If the log is closed, if too many entries wait, or if its disk failed
   * and its model cannot restate what is in it.
   */
  appendLazily(entry: Entry): void {
    this.#writer.appendLazily(entry);
  }

  /**
   * Makes an operator's verdict durable: all damage found so far has been dealt with.
   *
   * @param by Who decided, in 1 to 1000 characters.
   * @param reason Why, in 1 to 1000 characters.
   * @throws {RangeError} If one of them is empty or too long.
   */
  async clearDamage(by: string, reason: string): Promise<void> {
    await this.#writer.appendHead({
      type: "verdict",
      kind: "cleared",
      epoch: this.epoch,
      file: "",
      reason: verdictText(reason, "reason"),
      by: verdictText(by, "name of the one who decides"),
      at: new Date(this.#clock.now()).toISOString(),
    });
  }

  /** Writes and syncs what is queued, closes the files and releases the lock. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#writer.close().finally(() => this.#lock.release());
    return this.#closing;
  }

  /** Closes; see {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function checkSize(segmentSize: number): number {
  const most = MAX_SEGMENT_LENGTH / 2;
  if (!Number.isInteger(segmentSize) || segmentSize < MIN_SEGMENT_SIZE || segmentSize > most) {
    throw new RangeError(
      `Cannot open a log with segments of ${segmentSize} bytes: ` +
        `the size must be a whole number from ${MIN_SEGMENT_SIZE} to ${most}`,
    );
  }
  return segmentSize;
}

function checkInterval(checkpointInterval: number): number {
  if (!(typeof checkpointInterval === "number" && checkpointInterval >= 0)) {
    throw new RangeError(
      `Cannot open a log with a checkpoint interval of ${checkpointInterval}: ` +
        "it must be a number of milliseconds from 0 to Infinity",
    );
  }
  return checkpointInterval;
}

/** What the log says, and who vouches for it if it is a copy. */
async function recover<Entry>(
  platform: Platform,
  { directory, model, acceptCopy, repair }: LogOptions<Entry>,
): Promise<{ recovered: RecoveredLog<Entry>; copy: AcceptedCopy | null }> {
  const withoutIdentity = repair?.withoutIdentity === true;
  const recovered = await recoverLog(platform, directory, model, withoutIdentity);
  const isCertain = await isCopy(platform, directory, recovered.place);
  if (!isCertain && !withoutIdentity) return { recovered, copy: null };
  if (acceptCopy === undefined) throw new LogCopiedError(directory);
  const reason = copyReason(verdictText(acceptCopy.reason, "reason"), isCertain);
  return { recovered: behindOriginal(recovered), copy: { ...acceptCopy, reason } };
}

function beginEpoch<Entry>(
  platform: Platform,
  recovered: RecoveredLog<Entry>,
  copy: AcceptedCopy | null,
  repair: LogOptions<Entry>["repair"],
): string {
  const { state, epoch, found, id } = recovered;
  const at = new Date(platform.clock.now()).toISOString();
  state.begin(id ?? makeLogId(platform), epoch + 1, at);
  for (const one of found) {
    // A damaged segment of a log that keeps every entry is found again at each opening.
    if (!state.isJudged(one)) state.applyHead(damageVerdict(one, epoch, at));
  }
  if (copy !== null) {
    const verdict = damageVerdict({ file: "", reason: copy.reason }, epoch, at);
    // Also if one like it was cleared before: this is another copy.
    state.applyHead({ ...verdict, by: verdictText(copy.by, "name of the one who decides") });
  }
  if (repair !== undefined) {
    const { done } = repair;
    const reason = verdictText(repair.reason, "reason");
    const by = verdictText(repair.by, "name of the one who decides");
    state.applyHead({
      type: "verdict",
      kind: "repaired",
      epoch: state.epoch,
      done,
      reason,
      by,
      at,
    });
  }
  return state.id ?? "";
}

/**
 * Nothing is written behind a segment that a list has lacked: the next opening would believe that one, and
 * pass over everything since. The identity tells only of those that belong to a finished opening.
 */
async function assertNewest(
  { fileSystem }: Platform,
  directory: string,
  firstLsn: number,
): Promise<void> {
  for (const file of await fileSystem.list(directory)) {
    if ((parseSegmentName(file) ?? firstLsn) <= firstLsn) continue;
    throw new LogCorruptedError(
      directory,
      { file },
      "it was not in the list of the directory a moment ago: see that the file system works, then open " +
        "the log again",
    );
  }
}

/** Takes the segments before one away, and keeps what is to be kept of them. */
function segmentRetirer<Entry>(
  platform: Platform,
  directory: string,
  { state, found, harmless, unread }: RecoveredLog<Entry>,
  left: LeftSegments,
): (firstLsn: number) => Promise<void> {
  // What is found again where every segment was kept has a verdict, but one that may have been cleared since.
  const damaged = new Set([...state.damages, ...found, ...harmless].map(({ file }) => file));
  const kept = { epoch: state.epoch, damaged, unread: new Set(unread) };
  return async (firstLsn) => {
    // A log that keeps every entry needs all its segments, what is readable of the damaged ones too.
    if (state.restates) await retireSegments(platform, directory, firstLsn, kept, left);
  };
}
