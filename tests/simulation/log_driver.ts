/**
 * Drives a log on a simulated machine, opening after opening, and keeps the model up to date: each
 * record is noted when it is handed over, each answer when it comes. So at any moment, also in the
 * middle of a call, `seen` says what a crash at that moment must not lose.
 */

import { assert, assertEquals } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { LogCorruptedError, LogUnavailableError } from "../../src/wal/errors.ts";
import { IDENTITY_NAME } from "../../src/wal/identity.ts";
import { Log } from "../../src/wal/log.ts";
import { parseSegmentName, segmentName } from "../../src/wal/segment_name.ts";
import { assertHonest, bothDoubts, isDoubtful, mayRefuse } from "./betrayed_model.ts";
import {
  assertPossible,
  type Attempt,
  type Finding,
  NOTHING_SEEN,
  type Seen,
} from "./log_model.ts";
import type { MemoryDisk } from "./memory_disk.ts";
import type { SimulatedPlatform } from "./simulated_platform.ts";
import { PacedFiles, type Turns } from "./turns.ts";

/** The log directory, unless another is given; it is not there at first. */
export const DIRECTORY = "/log";

/** Small, so that a few transactions fill a segment. */
const SEGMENT_SIZE = 1024;

/** The log refuses to open, as it may on a disk that is in doubt. */
export class RefusalError extends Error {
  override readonly name = "RefusalError";
}

/** One process that uses a log, and what it has seen. */
export class LogDriver {
  readonly platform: SimulatedPlatform;
  readonly directory: string;
  readonly #turns: Turns | null;
  #seen: Seen;
  #log: Log<LogRecord> | null = null;

  /**
   * Goes on from what earlier processes have seen.
   *
   * @param turns How the log's own calls take turns; each is answered at once if there are none.
   */
  constructor(
    platform: SimulatedPlatform,
    seen: Seen = NOTHING_SEEN,
    directory: string = DIRECTORY,
    turns: Turns | null = null,
  ) {
    this.platform = platform;
    this.directory = directory;
    this.#turns = turns;
    this.#seen = seen;
  }

  /** What was seen up to now. */
  get seen(): Seen {
    return this.#seen;
  }

  /** The disk that the log is on. */
  get disk(): MemoryDisk {
    return this.platform.fileSystem;
  }

  /** Whether the log is open. */
  get isOpen(): boolean {
    return this.#log !== null;
  }

  /**
   * Opens the log and checks what it says. Rejects as the log does, and with `RefusalError` where it
   * may refuse to open.
   */
  async open(): Promise<Finding> {
    assertEquals(this.#log, null);
    const before = this.#newestSegment();
    const names = this.disk.namesIn(this.directory);
    this.#doubt();
    const { directory } = this;
    const platform = this.#turns === null
      ? this.platform
      : { ...this.platform, fileSystem: new PacedFiles(this.disk, { turns: this.#turns }) };
    const model = new LiveState();
    const opened = Log.open({ directory, platform, model, segmentSize: SEGMENT_SIZE });
    const log = await this.finish(opened).catch((error) => this.#refused(error));
    this.#log = log;
    this.#doubt();
    const firstLsn = this.#newestSegment();
    // A rename that lied leaves no new segment, and a list may have hidden one.
    const { doubt } = this.#seen;
    const mayBeMissed = doubt.names || doubt.reads;
    assert(mayBeMissed || firstLsn > before, `segment ${firstLsn} follows segment ${before}`);
    const { id, epoch, damages } = log;
    const { active } = model;
    const participants = [...model.participants.values()];
    const finding = { id, epoch, active, participants, firstLsn, damages: [...damages] };
    this.#assertKept(finding, names);
    this.#seen = isDoubtful(doubt)
      ? assertHonest(this.#seen, finding, doubt)
      : assertPossible(this.#seen, finding);
    if (firstLsn <= before) {
      // A later segment that lists have hidden is believed as soon as it is seen, and its numbers come again.
      this.#seen = { ...this.#seen, lsn: -1 };
      return finding;
    }
    // What counts is restated in the newest segment, and whose the log is has been written anew.
    const newest = [IDENTITY_NAME, ...(firstLsn < 0 ? [] : [segmentName(firstLsn)])];
    this.disk.forgive(directory, (name) => newest.includes(name));
    return finding;
  }

  /** Appends a record; resolves when it was answered, in whatever way. */
  async append(record: LogRecord): Promise<void> {
    const answer = this.#note({ record, fate: "pending" });
    try {
      const lsn = await this.#open().append(record);
      answer("durable");
      assert(lsn > this.#seen.lsn, `LSN ${lsn} was answered after LSN ${this.#seen.lsn}`);
      this.#seen = { ...this.#seen, lsn };
    } catch (error) {
      if (!(error instanceof LogUnavailableError)) throw error;
      answer(error.written);
      if (error.written === "no") return;
      error.settled.then((isDurable) => isDurable && answer("durable"));
    }
  }

  /** Appends a record that nobody waits for. */
  appendLazily(record: LogRecord): void {
    const answer = this.#note({ record, fate: "lazy" });
    try {
      this.#open().appendLazily(record);
    } catch (error) {
      if (!(error instanceof LogUnavailableError)) throw error;
      answer("no");
    }
  }

  /** Lets time pass, and everything happen that then can. */
  async pass(milliseconds: number): Promise<void> {
    await this.platform.clock.settle();
    this.platform.clock.advance(milliseconds);
    await this.platform.clock.settle();
  }

  /** Closes the log, if it is open. Rejects as the log does; it is closed all the same. */
  async close(): Promise<void> {
    const log = this.#log;
    this.#log = null;
    if (log === null) return;
    await this.finish(log.close());
  }

  /** Waits for something that nothing but the log holds up. */
  async finish<T>(promise: Promise<T>): Promise<T> {
    const waiter = this.#turns ?? this.platform.clock;
    return await waiter.finish(promise);
  }

  /** Notes what is in doubt now; it stays so until an opening has succeeded. */
  #doubt(): void {
    const { files, ...others } = this.disk.distrust(this.directory);
    const counting = files.filter((name) => name === IDENTITY_NAME || isSegment(name));
    const doubt = bothDoubts(this.#seen.doubt, { ...others, files: counting });
    this.#seen = { ...this.#seen, doubt };
  }

  #refused(error: unknown): never {
    this.#doubt();
    const { doubt } = this.#seen;
    // Without the name of its lock a log looks like a copy.
    const isCopy = error instanceof Error && error.name === "LogCopiedError" && doubt.names;
    // Before an opening has succeeded there is no identity, and a damaged segment may be that of a used log.
    const wasUsed = this.#seen.id !== null;
    const isAllowed = mayRefuse(doubt) || (!wasUsed && isDoubtful(doubt));
    const isCorrupted = error instanceof LogCorruptedError && isAllowed;
    if (!isCopy && !isCorrupted) throw error;
    throw new RefusalError(error.message, { cause: error });
  }

  /** A damaged file that was there is there, under its name or set aside. */
  #assertKept({ damages }: Finding, before: readonly string[]): void {
    const names = this.disk.namesIn(this.directory);
    for (const { file } of damages) {
      if (!before.includes(file)) continue;
      const kept = names.some((name) => name === file || name.startsWith(`${file}.broken`));
      assert(kept, `${file} is damaged and gone, ${names.join()} are there`);
    }
  }

  #open(): Log<LogRecord> {
    assert(this.#log !== null, "the log is not open");
    return this.#log;
  }

  /** Notes a record; gives the function that notes what becomes of it. */
  #note(attempt: Attempt): (fate: Attempt["fate"]) => void {
    const index = this.#seen.attempts.length;
    const { epoch } = this.#seen;
    this.#seen = { ...this.#seen, attempts: [...this.#seen.attempts, attempt] };
    return (fate) => {
      assertEquals(this.#seen.epoch, epoch, "a record was answered in a later opening");
      const attempts = this.#seen.attempts.with(index, { ...attempt, fate });
      this.#seen = { ...this.#seen, attempts };
    };
  }

  /** First LSN of the newest segment on the disk; -1 if there is none. */
  #newestSegment(): number {
    const names = this.disk.namesIn(this.directory);
    return Math.max(-1, ...names.map(parseSegmentName).filter((lsn) => lsn !== null));
  }
}

function isSegment(name: string): boolean {
  return parseSegmentName(name) !== null;
}
