/**
 * Drives a log on a simulated machine, opening after opening, and keeps the model up to date: each
 * record is noted when it is handed over, each answer when it comes. So at any moment, also in the
 * middle of a call, `seen` says what a crash at that moment must not lose.
 */

import { assert, assertEquals } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import { Log } from "../../src/wal/log.ts";
import { parseSegmentName } from "../../src/wal/segment_name.ts";
import {
  assertPossible,
  type Attempt,
  type Finding,
  NOTHING_SEEN,
  type Seen,
} from "./log_model.ts";
import type { MemoryDisk } from "./memory_disk.ts";
import type { SimulatedPlatform } from "./simulated_platform.ts";

/** The log directory, unless another is given; it is not there at first. */
export const DIRECTORY = "/log";

/** Small, so that a few transactions fill a segment. */
const SEGMENT_SIZE = 1024;

/** One process that uses a log, and what it has seen. */
export class LogDriver {
  readonly platform: SimulatedPlatform;
  readonly directory: string;
  #seen: Seen;
  #log: Log<LogRecord> | null = null;

  /** Goes on from what earlier processes have seen. */
  constructor(
    platform: SimulatedPlatform,
    seen: Seen = NOTHING_SEEN,
    directory: string = DIRECTORY,
  ) {
    this.platform = platform;
    this.directory = directory;
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

  /** Opens the log and checks what it says. Rejects as the log does. */
  async open(): Promise<Finding> {
    assertEquals(this.#log, null);
    const before = this.#newestSegment();
    const { directory, platform } = this;
    const model = new LiveState();
    const opened = Log.open({ directory, platform, model, segmentSize: SEGMENT_SIZE });
    const log = await platform.clock.finish(opened);
    this.#log = log;
    assertEquals(log.damages, [], "a crash was taken for damage");
    const firstLsn = this.#newestSegment();
    assert(firstLsn > before, `segment ${firstLsn} follows segment ${before}`);
    const { id, epoch } = log;
    const { active } = model;
    const finding = { id, epoch, active, participants: [...model.participants.values()], firstLsn };
    this.#seen = assertPossible(this.#seen, finding);
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
    this.#noteFailure();
    this.platform.clock.advance(milliseconds);
    await this.platform.clock.settle();
    this.#noteFailure();
  }

  /** Closes the log, if it is open. Rejects as the log does; it is closed all the same. */
  async close(): Promise<void> {
    const log = this.#log;
    this.#log = null;
    if (log === null) return;
    await this.platform.clock.finish(log.close());
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

  /** A log that becomes unavailable drops what waits in its queue. */
  #noteFailure(): void {
    if (this.#log === null || this.#log.failure === null) return;
    const sure = this.#seen.attempts.findLastIndex(({ fate }) => fate === "durable");
    const attempts = this.#seen.attempts.map((attempt, index) =>
      index > sure && attempt.fate === "lazy" ? { ...attempt, fate: "loose" as const } : attempt
    );
    this.#seen = { ...this.#seen, attempts };
  }

  /** First LSN of the newest segment on the disk; -1 if there is none. */
  #newestSegment(): number {
    const names = this.disk.namesIn(this.directory);
    return Math.max(-1, ...names.map(parseSegmentName).filter((lsn) => lsn !== null));
  }
}
