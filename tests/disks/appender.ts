/**
 * The program under load: opens a log and appends from several tasks at once, as a coordinator
 * does, until it is told to stop or its log stays unavailable. Started in a stage by the tests
 * here, with its options as one JSON text; reports every call and every answer (`report.ts`).
 *
 *     deno run -A appender.ts '{"directory": ...}'
 *
 * @module
 */

import { existsSync } from "@std/fs/exists";
import { denoFileSystem } from "../../src/platform/deno_file_system.ts";
import type { FileSystem } from "../../src/platform/file_system.ts";
import { denoPlatform, type Platform } from "../../src/platform/platform.ts";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import { Log } from "../../src/wal/log.ts";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { type CutOptions, PowerSwitch } from "./power_switch.ts";
import { codes, ReportWriter } from "./report.ts";
import { type CallKind, recordOf } from "./workload.ts";

/** How the program goes about it. */
export interface AppenderOptions {
  /** The log directory. */
  readonly directory: string;
  /** File for the report; must not exist. */
  readonly report: string;
  /** The program ends in good order when this file exists. */
  readonly stop: string;
  /** The program begins no transaction while this file exists. */
  readonly pause: string;
  readonly seed: number;
  /** Number of the first transaction. */
  readonly firstTxn: number;
  /** Tasks that append at once. */
  readonly tasks: number;
  readonly segmentSize: number;
  /** Transactions after which the log is closed and opened again, at most; absent for never. */
  readonly session?: number;
  /** Chance that a transaction stays without an End. */
  readonly unfinished: number;
  /**
   * The salt of all segments, so that the names of unfinished ones are known; absent for random
   * ones.
   */
  readonly salt?: number;
  /** The program ends in good order behind this number, or a few more; absent for never. */
  readonly lastLsn?: number;
  /** When it cuts the power; absent for never. */
  readonly cut?: CutOptions;
  /** A call that is left out, so that a test shows that it would notice. */
  readonly without?: "syncData";
}

const FILE_POLL_MS = 5;
const HEAL_POLL_MS = 2;

/** One run of the program. */
class Appender {
  readonly #options: AppenderOptions;
  readonly #report: ReportWriter;
  readonly #random: SeededRandom;
  #nextTxn: bigint;
  #stopping = false;
  #pausing = false;

  constructor(options: AppenderOptions) {
    this.#options = options;
    const { cut } = options;
    const power = cut && new PowerSwitch(cut, () => this.#report.cut());
    this.#report = new ReportWriter(options.report, (...line) => power?.see(...line));
    this.#random = new SeededRandom(options.seed);
    this.#nextTxn = BigInt(options.firstTxn);
    this.#report.begin();
  }

  /** Opens, appends and closes, again and again. */
  async run(): Promise<void> {
    const poll = setInterval(() => {
      this.#stopping ||= existsSync(this.#options.stop);
      this.#pausing = existsSync(this.#options.pause);
    }, FILE_POLL_MS);
    try {
      while (!this.#stopping) await this.#session();
    } catch (error) {
      this.#report.failed(error);
    } finally {
      clearInterval(poll);
      this.#report.close();
    }
  }

  async #session(): Promise<void> {
    const { directory, segmentSize, session, tasks } = this.#options;
    const model = new LiveState();
    const platform = platformFor(this.#options);
    this.#report.opening();
    const log = await Log.open({ directory, platform, model, segmentSize });
    this.#report.opened(log.epoch);
    for (const { txn } of model.active) if (this.#random.chance(0.5)) this.#end(log, txn);
    const { participants } = model;
    const strangers = [0n, 1n, 2n, 3n, 4n].filter((one) => !participants.has(`database_${one}`));
    await Promise.all(strangers.map((one) => this.#append(log, "participant", one)));
    let left = session === undefined ? Infinity : this.#random.below(session + 1);
    const work = async () => {
      while (left-- > 0 && !this.#stopping) {
        await this.#transaction(log);
        while (this.#pausing && !this.#stopping) await pause(FILE_POLL_MS);
      }
    };
    await Promise.all(Array.from({ length: tasks }, work));
    await log.close();
    if (log.failure === null) this.#report.closed();
  }

  async #transaction(log: Log<LogRecord>): Promise<void> {
    const txn = this.#nextTxn++;
    if (this.#random.chance(0.3) && !await this.#append(log, "begin", txn)) return;
    if (!await this.#append(log, "committing", txn)) return;
    if (!this.#random.chance(this.#options.unfinished)) this.#end(log, txn);
  }

  /** Answers whether it is on disk. If not, waits until the log takes records again. */
  async #append(log: Log<LogRecord>, kind: CallKind, txn: bigint): Promise<boolean> {
    const call = this.#report.call(kind, txn);
    try {
      const lsn = await log.append(recordOf(kind, txn));
      this.#report.answer(call, "durable", String(lsn));
      this.#stopping ||= lsn >= (this.#options.lastLsn ?? Infinity);
      return true;
    } catch (error) {
      if (!(error instanceof LogUnavailableError)) throw error;
      this.#report.answer(call, error.written, codes(error));
      error.settled.then((settled) => {
        if (settled && error.written === "unknown") this.#report.answer(call, "durable", "");
      });
      while (log.failure !== null && !this.#stopping) await pause(HEAL_POLL_MS);
      return false;
    }
  }

  #end(log: Log<LogRecord>, txn: bigint): void {
    const call = this.#report.call("end", txn);
    try {
      log.appendLazily(recordOf("end", txn));
    } catch (error) {
      if (!(error instanceof LogUnavailableError)) throw error;
      this.#report.answer(call, "no", codes(error));
    }
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The real machine, but for what the options say. */
function platformFor({ salt, without }: AppenderOptions): Platform {
  const fileSystem = without === "syncData" ? unsyncedFileSystem : denoFileSystem;
  if (salt === undefined) return { ...denoPlatform, fileSystem };
  const fill = (bytes: Uint8Array<ArrayBuffer>) => {
    bytes.fill(0);
    bytes[0] = salt;
  };
  return { ...denoPlatform, fileSystem, randomness: { ...denoPlatform.randomness, fill } };
}

const unsyncedFileSystem: FileSystem = {
  ...denoFileSystem,
  open: async (path, mode) => {
    const file = await denoFileSystem.open(path, mode);
    file.syncData = () => Promise.resolve();
    return file;
  },
};

await new Appender(JSON.parse(Deno.args[0] ?? "{}") as AppenderOptions).run();
