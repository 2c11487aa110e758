/**
 * A decision log in memory. What it holds outlives it: {@linkcode FakeLog.reopen} gives the log as
 * a new opening reads it. A write can be planned to fail before or after it reached the disk.
 *
 * @module
 */

import type {
  DecisionLog,
  LogDamage,
  LoggedBranch,
  OperatorVerdict,
  RegisteredParticipant,
  UnfinishedTransaction,
} from "../../../src/coordinator/decision_log.ts";
import { LogUnavailableError } from "../../../src/wal/errors.ts";
import { Trace } from "./trace.ts";

/** The forced writes. */
export type ForcedWrite = "register" | "begin" | "decide" | "doubt" | "record";

/** What becomes of a forced write: `keep` puts it on the disk. */
export type LogFault = (keep: () => void) => Promise<void>;

/** The write fails and is certainly not on the disk. */
export function refused(): Promise<void> {
  return Promise.reject(new LogUnavailableError("memory", "the disk is full", "no"));
}

/** The write fails and is on the disk all the same. */
export function failedButKept(keep: () => void): Promise<void> {
  keep();
  return Promise.reject(new LogUnavailableError("memory", "the disk failed", "unknown"));
}

/** The write fails and is not on the disk, but nobody knows that. */
export function failedAndLost(): Promise<void> {
  return Promise.reject(new LogUnavailableError("memory", "the disk failed", "unknown"));
}

/** The write fails; later the log comes back and says whether it is on the disk after all. */
export function failedUntil(settled: Promise<boolean>): LogFault {
  return (keep) => {
    void settled.then((kept) => kept && keep());
    const options = { settled };
    return Promise.reject(
      new LogUnavailableError("memory", "the disk failed", "unknown", options),
    );
  };
}

/** The write waits until something has happened. */
export function syncedAfter(gate: Promise<unknown>): LogFault {
  return async (keep) => {
    await gate;
    keep();
  };
}

/** A log without a disk. */
export class FakeLog implements DecisionLog {
  readonly #unfinished: Map<bigint, UnfinishedTransaction>;
  readonly #planned = new Map<ForcedWrite, LogFault[]>();
  readonly #participants: Map<string, RegisteredParticipant>;

  readonly coordinator = "fake";
  readonly epoch: number;
  readonly recovered: readonly UnfinishedTransaction[];
  /** Damage that was found when it was opened. */
  readonly damages: LogDamage[] = [];
  /** Where its writes are noted. */
  readonly trace: Trace;
  /** What operators decided. */
  readonly verdicts: OperatorVerdict[] = [];
  /** How transactions ended. */
  readonly outcomes: Map<bigint, boolean>;
  readonly adopted = new Set<string>();
  /** Whether it was closed. */
  closed = false;

  constructor(
    trace: Trace = new Trace(),
    epoch = 1,
    unfinished: readonly UnfinishedTransaction[] = [],
    participants: Iterable<RegisteredParticipant> = [],
    outcomes: Iterable<[bigint, boolean]> = [],
  ) {
    this.outcomes = new Map(outcomes);
    this.trace = trace;
    this.epoch = epoch;
    this.recovered = unfinished;
    this.#unfinished = new Map(unfinished.map((one) => [one.txn, one]));
    this.#participants = new Map([...participants].map((one) => [one.name, one]));
  }

  get participants(): ReadonlyMap<string, RegisteredParticipant> {
    return this.#participants;
  }

  /** What is not finished, as the disk holds it. */
  get unfinished(): readonly UnfinishedTransaction[] {
    return [...this.#unfinished.values()];
  }

  /** Plans what becomes of the next forced write of a kind. */
  next(write: ForcedWrite, fault: LogFault): void {
    const planned = this.#planned.get(write) ?? [];
    planned.push(fault);
    this.#planned.set(write, planned);
  }

  /** The log as the next opening finds it. */
  reopen(): FakeLog {
    const { trace, epoch, unfinished, outcomes } = this;
    const log = new FakeLog(trace, epoch + 1, unfinished, this.#participants.values(), outcomes);
    for (const coordinator of this.adopted) log.adopted.add(coordinator);
    return log;
  }

  register(participant: RegisteredParticipant): Promise<void> {
    return this.#force("register", () => {
      this.#participants.set(participant.name, participant);
    });
  }

  begin(txn: bigint, branches: readonly LoggedBranch[]): Promise<void> {
    return this.#force("begin", () => this.#keep(txn, false, branches));
  }

  decide(txn: bigint, branches: readonly LoggedBranch[]): Promise<void> {
    return this.#force("decide", () => {
      this.outcomes.set(txn, true);
      this.#keep(txn, true, branches);
    });
  }

  async doubt(txn: bigint, branch: LoggedBranch): Promise<void> {
    const { participant, gid, token } = branch;
    const branches = [{ participant, gid, token }];
    await this.#force("doubt", () => {
      this.#unfinished.set(txn, { txn, decided: false, doubtful: true, branches });
    }).catch(() => {});
  }

  record(verdict: OperatorVerdict): Promise<void> {
    return this.#force("record", () => {
      this.verdicts.push(verdict);
      if (verdict.kind === "adopt") this.adopted.add(verdict.subject);
    });
  }

  conclude(txn: bigint, committed: boolean): void {
    this.outcomes.set(txn, committed);
    if (this.#unfinished.get(txn)?.doubtful) this.#unfinished.delete(txn);
  }

  outcomeOf(txn: bigint): boolean | null {
    return this.outcomes.get(txn) ?? null;
  }

  end(txn: bigint): void {
    this.trace.note("log end");
    this.#unfinished.delete(txn);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  async #force(write: ForcedWrite, keep: () => void): Promise<void> {
    this.trace.note(`log ${write}`);
    const fault = this.#planned.get(write)?.shift();
    await Promise.resolve(); // No disk answers in the turn in which it is asked.
    if (fault === undefined) keep();
    else await fault(keep);
    this.trace.note(`log ${write} synced`);
  }

  #keep(txn: bigint, decided: boolean, branches: readonly LoggedBranch[]): void {
    const copies = branches.map(({ participant, gid, token }) => ({ participant, gid, token }));
    this.#unfinished.set(txn, { txn, decided, branches: copies });
  }
}
