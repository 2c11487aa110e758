/**
 * Runs the program under load (`appender.ts`) in a stage and follows what it reports.
 *
 * @module
 */

import type { SeededRandom } from "../simulation/seeded_random.ts";
import type { AppenderOptions } from "./appender.ts";
import { parseReport, type Report } from "./report.ts";
import { ROOM, type Stage, type StagedProcess, until } from "./stage.ts";

const APPENDER = new URL("./appender.ts", import.meta.url).pathname;
const REACHING_MS = 30_000;
const TRANSACTIONS_PER_RUN = 1_000_000;

/** What of the program's options is the test's to choose. */
export type LoadOptions =
  & Pick<AppenderOptions, "directory" | "segmentSize">
  & Partial<Omit<AppenderOptions, "report" | "stop" | "pause" | "seed" | "firstTxn">>;

/** Where the program and the test talk to each other. */
type Files = Pick<AppenderOptions, "report" | "stop" | "pause">;

/** How often programs were started: their transactions are numbered on. */
let runs = 0;

/** A program under load. */
export class Load {
  readonly #stage: Stage;
  readonly #process: StagedProcess;
  readonly #files: Files;
  #ended = false;

  private constructor(
    stage: Stage,
    process: StagedProcess,
    files: Files,
  ) {
    this.#stage = stage;
    this.#process = process;
    this.#files = files;
    process.output.then(() => this.#ended = true);
  }

  /**
   * Starts one.
   *
   * @param wrap Makes the program that runs it, and its arguments, for a report's path.
   */
  static start(
    stage: Stage,
    random: SeededRandom,
    options: LoadOptions,
    wrap: (report: string) => readonly string[] = () => [],
  ): Load {
    const run = ++runs;
    const files = {
      report: `${ROOM}/report-${run}`,
      stop: `${ROOM}/stop-${run}`,
      pause: `${ROOM}/pause-${run}`,
    };
    const all: AppenderOptions = {
      tasks: 6,
      unfinished: 0.02,
      seed: random.below(2 ** 31),
      firstTxn: run * TRANSACTIONS_PER_RUN,
      ...files,
      ...options,
    };
    const [program = "", ...args] = [
      ...wrap(files.report),
      ...[Deno.execPath(), "run", "-A", APPENDER, JSON.stringify(all)],
    ];
    return new Load(stage, stage.spawn(program, ...args), files);
  }

  /** Waits until the report has so many bytes or the program has ended; answers whether it runs. */
  async reachOrEnd(bytes: number): Promise<boolean> {
    const what = `the load has reported ${bytes} bytes`;
    const enough = Math.max(bytes, 1);
    await until(what, () => this.#ended || this.length >= enough, REACHING_MS);
    return !this.#ended;
  }

  /** Waits until the report has so many bytes; throws if the program ends before that. */
  async reach(bytes: number): Promise<void> {
    if (await this.reachOrEnd(bytes)) return;
    const { text } = await this.#process.output;
    throw new Error(`Cannot go on: the load has ended (${text}, ${this.read().failures})`);
  }

  /** Waits until it has ended, with whatever code, and reads what it has reported. */
  async end(): Promise<Report> {
    await until("the load has ended", () => this.#ended, 60_000);
    return this.#takeReport();
  }

  /** The report, as the program sees it. */
  get path(): string {
    return this.#files.report;
  }

  /** Bytes reported so far. */
  get length(): number {
    try {
      return Deno.statSync(this.#stage.outside(this.#files.report)).size;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return 0;
      throw error;
    }
  }

  /** What it has reported so far. */
  read(): Report {
    return parseReport(Deno.readTextFileSync(this.#stage.outside(this.#files.report)));
  }

  /** Lets it begin no more transactions; it notices soon. */
  pause(): void {
    Deno.writeTextFileSync(this.#stage.outside(this.#files.pause), "");
  }

  /** Lets it go on. */
  resume(): void {
    Deno.removeSync(this.#stage.outside(this.#files.pause));
  }

  /** Kills it, but not what it runs under, and reads what it has reported. */
  async kill(): Promise<Report> {
    const { process } = this.read();
    // Zero would be everybody.
    if (process < 1) throw new Error("Cannot kill the load: it has not begun");
    await this.#stage.run("sh", "-c", `kill -KILL ${process}`);
    return await this.end();
  }

  /** Lets it end in good order and reads what it has reported. */
  async stop(): Promise<Report> {
    await Deno.writeTextFile(this.#stage.outside(this.#files.stop), "");
    const { code, text } = await this.#process.output;
    if (code !== 0) {
      throw new Error(`Cannot stop the load in good order: it ended with code ${code}: ${text}`);
    }
    return this.#takeReport();
  }

  #takeReport(): Report {
    const report = this.read();
    Deno.removeSync(this.#stage.outside(this.#files.report));
    return report;
  }
}
