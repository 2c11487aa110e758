/**
 * How the program under load tells the test what it did, call by call. Each line is written at once
 * and in place, so that it is there even if the program is killed behind it; it is written before
 * the call that it announces, and behind the answer that it passes on. Positional writes are used
 * since they are another system call than the log's own writes: a trace tells the two apart.
 *
 * @module
 */

import { closeSync, openSync, writeSync } from "node:fs";
import type { CallKind } from "./workload.ts";

/** What is known of a call. */
export type Fate =
  /** Not answered. */
  | "pending"
  /** Nobody waits for it. */
  | "lazy"
  /** It is on disk, as the log said at once or later. */
  | "durable"
  /** The log said that it may be on disk. */
  | "unknown"
  /** The log said that it is not on disk. */
  | "no";

/** A call that was made. */
export interface Call {
  readonly kind: CallKind;
  readonly txn: bigint;
  fate: Fate;
  lsn?: number;
}

/** What a program did. */
export interface Report {
  /** Its process number, as programs in the stage see it; 0 if it had none yet. */
  readonly process: number;
  /** In the order in which they were made. */
  readonly calls: readonly Call[];
  /** Epochs of the openings that succeeded. */
  readonly epochs: readonly number[];
  /** What was said of openings that failed and of calls without a good answer, each once. */
  readonly failures: readonly string[];
  /** How often the log has said that a record is on disk. */
  readonly acknowledgements: number;
  /**
   * How many calls the log has refused, or could not say of at first whether it had written them.
   */
  readonly refusals: number;
  /** Whether the power was cut. */
  readonly cut: boolean;
  /**
   * Whether the last thing that was seen of the log, before a cut or in the end, was that it was
   * opening.
   */
  readonly opening: boolean;
}

/** Writes a report. */
export class ReportWriter {
  readonly #file: number;
  readonly #onLine: (line: string, length: number) => void;
  readonly #encoder = new TextEncoder();
  #length = 0;
  #calls = 0;

  /**
   * Begins a report in a new file.
   *
   * @param onLine Is told each line that was written, and how many bytes there are now.
   */
  constructor(path: string, onLine: (line: string, length: number) => void = () => {}) {
    this.#file = openSync(path, "wx");
    this.#onLine = onLine;
  }

  /** The program has begun. */
  begin(): void {
    this.#write(`process ${Deno.pid}`);
  }

  /** The log is about to be opened. */
  opening(): void {
    this.#write("opening");
  }

  /** The log is open. */
  opened(epoch: number): void {
    this.#write(`opened ${epoch}`);
  }

  /** The log could not be opened, or something else went wrong. */
  failed(error: unknown): void {
    this.#write(`failed ${codes(error)}`);
  }

  /** A call is about to be made; answers its number. */
  call(kind: CallKind, txn: bigint): number {
    this.#write(`call ${kind} ${txn}`);
    return this.#calls++;
  }

  /** A call was answered. */
  answer(call: number, fate: Fate, detail: string): void {
    this.#write(`answer ${call} ${fate} ${detail}`);
  }

  /** The log was closed in good order. */
  closed(): void {
    this.#write("closed");
  }

  /** The power was cut: what the log says from now on is worth nothing, unless it denies. */
  cut(): void {
    this.#write("cut");
  }

  /** Closes the file. */
  close(): void {
    closeSync(this.#file);
  }

  #write(line: string): void {
    const bytes = this.#encoder.encode(`${line}\n`);
    const count = writeSync(this.#file, bytes, 0, bytes.length, this.#length);
    if (count !== bytes.length) throw new Error(`Cannot report '${line}': the room is full`);
    this.#length += count;
    this.#onLine(line, this.#length);
  }
}

/** An error and what caused it, each as its name and code. */
export function codes(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? `(${error.code})` : "";
  const own = code === "" && error.cause === undefined ? ` ${error.message}` : code;
  return error.cause === undefined
    ? error.name + own
    : `${error.name}${own}: ${codes(error.cause)}`;
}

/** Reads a report as far as it goes. */
export function parseReport(text: string): Report {
  const reader = new ReportReader();
  // What is behind the last line end was cut off.
  for (const line of text.split("\n").slice(0, -1)) reader.read(line);
  return reader;
}

class ReportReader implements Report {
  readonly calls: Call[] = [];
  readonly epochs: number[] = [];
  readonly #failures = new Set<string>();
  #sessionStart = 0;
  #disturbed = false;
  process = 0;
  acknowledgements = 0;
  refusals = 0;
  cut = false;
  opening = false;

  get failures(): readonly string[] {
    return [...this.#failures];
  }

  read(line: string): void {
    const [what, first = "", second = "", ...rest] = line.split(" ");
    switch (what) {
      case "process":
        this.process = Number(first);
        return;
      case "opening":
        this.opening ||= !this.cut;
        return;
      case "opened":
        return this.#readOpened(Number(first));
      case "call":
        this.calls.push(newCall(first as CallKind, BigInt(second)));
        return;
      case "answer":
        return this.#readAnswer(Number(first), second as Fate, rest.join(" "));
      case "closed":
        return this.#readClosed();
      case "cut":
        this.cut = true;
        return;
      default:
        this.#failures.add(line);
    }
  }

  #readOpened(epoch: number): void {
    this.epochs.push(epoch);
    this.#sessionStart = this.calls.length;
    this.#disturbed = false;
    this.opening &&= this.cut;
  }

  #readAnswer(index: number, fate: Fate, detail: string): void {
    const call = this.calls[index];
    if (call === undefined) throw new Error(`Cannot read a report: it has no call ${index}`);
    if (fate !== "durable") {
      this.#disturbed = true;
      this.refusals++;
      this.#failures.add(`${fate} ${detail}`);
    } else if (this.cut) return;
    else this.acknowledgements++;
    call.fate = fate;
    if (fate === "durable" && detail !== "") call.lsn = Number(detail);
  }

  /** Closing makes durable what nobody waited for, unless the log has a failure to get over. */
  #readClosed(): void {
    if (this.cut || this.#disturbed) return;
    const riders = this.calls.slice(this.#sessionStart).filter(({ fate }) => fate === "lazy");
    for (const call of riders) call.fate = "durable";
  }
}

function newCall(kind: CallKind, txn: bigint): Call {
  return { kind, txn, fate: kind === "end" ? "lazy" : "pending" };
}
