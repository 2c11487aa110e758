/**
 * One simulated machine with one log directory, for tests that need to say step by step what
 * happens: open, append, cut the power, damage a file, open again. Everything that the tests look
 * at is what a program would see, or what is on the disk.
 */

import { assertRejects } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import { Log } from "../../src/wal/log.ts";
import type { FileSystem } from "../../src/platform/file_system.ts";
import { parseSegmentName } from "../../src/wal/segment_name.ts";
import type { CallKind, DiskCall } from "../simulation/disk_calls.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { type SimulatedPlatform, simulatedPlatform } from "../simulation/simulated_platform.ts";

/** The log directory. */
export const DIRECTORY = "/log";

/** How many different power cuts are tried where one matters. */
export const POWER_CUTS = 24;

/** A machine; a crash gives the next one. */
export class Machine {
  readonly platform: SimulatedPlatform;
  readonly disk: MemoryDisk;
  readonly #fileSystem: FileSystem;
  readonly #segmentSize: number;
  live = new LiveState();
  #log: Log<LogRecord> | null = null;
  #damages: string[] = [];

  /** Switches a machine on; its log goes through `fileSystem`, which is the disk unless told. */
  constructor(
    disk: MemoryDisk = new MemoryDisk(),
    { fileSystem = disk, segmentSize = 65_536 }: {
      fileSystem?: FileSystem;
      segmentSize?: number;
    } = {},
  ) {
    this.disk = disk;
    this.platform = simulatedPlatform(disk);
    this.#fileSystem = fileSystem;
    this.#segmentSize = segmentSize;
  }

  /** The log, which must be open. */
  get log(): Log<LogRecord> {
    if (this.#log === null) throw new Error("The log is not open");
    return this.#log;
  }

  /**
   * Numbers of the transactions that are not finished, the decided ones with an exclamation mark.
   */
  get active(): string[] {
    return this.live.active.map(({ txn, decided }) => `${txn}${decided ? "!" : ""}`);
  }

  /** Reasons of the verdicts on damage that stood when the log was opened. */
  get damages(): string[] {
    return this.#damages;
  }

  /** First LSN of each segment, oldest first. */
  get segments(): number[] {
    return this.files.map(parseSegmentName).filter((lsn) => lsn !== null);
  }

  /** Names in the log directory, sorted. */
  get files(): string[] {
    return this.disk.namesIn(DIRECTORY);
  }

  /** The calls of one kind, or of all kinds, since some call. */
  calls(kind?: CallKind, since: number = 0): DiskCall[] {
    return this.disk.calls.filter((call) =>
      call.number > since && (kind === undefined || call.kind === kind)
    );
  }

  /** Opens the log as a new process does. Rejects as the log does. */
  async open(): Promise<this> {
    const live = new LiveState();
    const { clock } = this.platform;
    const opened = Log.open({
      directory: DIRECTORY,
      platform: { ...this.platform, fileSystem: this.#fileSystem },
      model: live,
      segmentSize: this.#segmentSize,
    });
    this.#log = await clock.finish(opened);
    this.live = live;
    this.#damages = this.#log.damages.map(({ file, reason }) => `${file}: ${reason}`);
    return this;
  }

  /** Appends and waits until all are durable. */
  async append(...records: LogRecord[]): Promise<number[]> {
    const { log } = this;
    return await this.finish(Promise.all(records.map((record) => log.append(record))));
  }

  /** Appends a record that is refused; gives the error. */
  async appendRefused(record: LogRecord): Promise<LogUnavailableError> {
    const { log } = this;
    return await this.finish(
      assertRejects(async () => await log.append(record), LogUnavailableError),
    );
  }

  /** Waits for something that happens without time passing. */
  async finish<T>(promise: Promise<T>): Promise<T> {
    return await this.platform.clock.finish(promise);
  }

  /** Lets time pass, and everything happen that then can. */
  async pass(milliseconds: number): Promise<void> {
    const { clock } = this.platform;
    await clock.settle();
    clock.advance(milliseconds);
    await clock.settle();
  }

  /** Closes the log, if it is open. */
  async close(): Promise<void> {
    const log = this.#log;
    this.#log = null;
    if (log !== null) await this.finish(log.close());
  }

  /** Closes and opens again; gives this machine. */
  async restart(): Promise<this> {
    await this.close();
    return await this.open();
  }

  /** Somebody removes a file, durably. */
  async lose(path: string): Promise<void> {
    await this.finish(this.disk.remove(path));
    await this.finish(this.disk.syncDirectory(DIRECTORY));
  }

  /** Machines as they may be found after a power cut now. This one goes on. */
  powerCuts(count: number = POWER_CUTS): Machine[] {
    const random = new SeededRandom(count);
    return Array.from({ length: count }, () => this.#with(this.disk.crash(random)));
  }

  /** The machine with a new process, after this one died. This one goes on. */
  killed(): Machine {
    return this.#with(this.disk.kill());
  }

  #with(disk: MemoryDisk): Machine {
    return new Machine(disk, { segmentSize: this.#segmentSize });
  }
}

/** A machine with its log open. */
export async function started(machine: Machine = new Machine()): Promise<Machine> {
  return await machine.open();
}

/** What a log says that is opened on this machine and closed again. */
export async function activeOn(machine: Machine): Promise<string[]> {
  await machine.open();
  await machine.close();
  return machine.active;
}

/** A transaction that was begun. */
export function begin(txn: number): LogRecord {
  return { type: "begin", txn: BigInt(txn), branches: branches(txn) };
}

/** A transaction that is decided. */
export function committing(txn: number): LogRecord {
  return { type: "committing", txn: BigInt(txn), branches: branches(txn) };
}

/** A transaction that is finished. */
export function end(txn: number): LogRecord {
  return { type: "end", txn: BigInt(txn) };
}

/** The numbers from one to another, both included. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** The transactions from one to another, decided, as {@linkcode Machine.active} writes them. */
export function decided(first: number, last: number): string[] {
  return range(first, last).map((txn) => `${txn}!`);
}

function branches(txn: number) {
  return [{ participant: "orders", gid: `indoubt_${txn}_0`, token: String(txn) }];
}
