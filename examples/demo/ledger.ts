/**
 * Writes down what the workers report, as it comes.
 *
 * @module
 */

import type { RoundRecord, SettledTransaction, TransferRecord } from "./facts.ts";
import type { Settlement, WorkerMessage } from "./messages.ts";
import type { Kill } from "./plan.ts";

type Open<T> = { -readonly [Key in keyof T]: T[Key] };

/** Notes of one worker's life; its record is complete when it has ended. */
export class RoundNotes {
  readonly #record: Open<RoundRecord>;
  readonly #settled = new Map<string, SettledTransaction>();

  /** Begins the notes. */
  constructor(round: number, kill: Kill | null) {
    this.#record = {
      round,
      kill,
      committed: 0,
      settled: [],
      recovery: null,
      preparedLeft: null,
      death: null,
      end: { signal: null, code: 0 },
    };
  }

  /** The record so far. */
  get record(): RoundRecord {
    return { ...this.#record, settled: [...this.#settled.values()] };
  }

  /** Notes what the worker reported. */
  take(message: WorkerMessage): void {
    if (message.type === "committed") this.#record.committed++;
    if (message.type === "dying") this.#record.death = message;
    if (message.type === "ready") this.#record.preparedLeft = message.preparedLeft;
    if (message.type === "recovered") this.#record.recovery = message;
  }

  /** Notes what the worker's recovery settled. */
  settle(settled: SettledTransaction): void {
    // A transaction settled both ways has two entries: the referee must see it.
    this.#settled.set(`${settled.transaction} ${settled.outcome}`, settled);
  }

  /** Notes how the worker ended. */
  end(end: RoundRecord["end"]): void {
    this.#record.end = end;
  }
}

/** Everything that the workers of a run have reported. */
export class Ledger {
  readonly #transfers = new Map<string, Open<TransferRecord>>();
  readonly #rounds: RoundNotes[] = [];

  /** Begins with the next worker. */
  beginRound(kill: Kill | null): RoundNotes {
    const notes = new RoundNotes(this.#rounds.length + 1, kill);
    this.#rounds.push(notes);
    return notes;
  }

  /** Notes what the worker of a round reported. */
  take(notes: RoundNotes, message: WorkerMessage): void {
    notes.take(message);
    for (const [transaction, outcome] of settledBy(message)) {
      const transfer = this.transfers.find((one) => one.transaction === transaction);
      notes.settle({ transaction, outcome, reported: transfer?.reported === "committed" });
    }
    if (message.type === "begun") {
      const id = message.transfer;
      this.#transfers.set(id, { id, transaction: null, reported: null, reason: null });
    } else if ("transfer" in message) {
      const transfer = this.#transfers.get(message.transfer);
      if (transfer === undefined) return;
      if (message.type === "named") transfer.transaction = message.transaction;
      else transfer.reported = message.type;
      if (message.type === "aborted") transfer.reason = message.reason;
    }
  }

  /** All transfers that were begun. */
  get transfers(): readonly TransferRecord[] {
    return [...this.#transfers.values()];
  }

  /** The lives of all workers. */
  get rounds(): readonly RoundRecord[] {
    return this.#rounds.map((notes) => notes.record);
  }
}

/** A branch is reported as soon as it is settled, since the kill may come before the sum of it. */
function settledBy(message: WorkerMessage): readonly (readonly [string, Settlement])[] {
  if (message.type === "settled") return [[message.transaction, message.outcome]];
  if (message.type !== "recovered") return [];
  return [
    ...message.committed.map((transaction) => [transaction, "committed"] as const),
    ...message.rolledBack.map((transaction) => [transaction, "rolled back"] as const),
  ];
}
