/**
 * What the records of a log add up to: the transactions that are not finished, the databases that ever
 * took part, and the latest epoch. Recovery folds every record into it; the writer folds each record it
 * writes, so that a checkpoint made from it is exactly what a reader would know at that place.
 *
 * A decision is final: nothing but End takes it away. A second Begin or decision for the same
 * transaction, or an End for one that is not known, changes nothing.
 *
 * @module
 */

import type { ActiveTransaction, LogRecord, ParticipantRecord } from "./record.ts";

/** The state to which a log's records add up. */
export class LiveState {
  #coordinator: string | null = null;
  #epoch = 0;
  #started = "";
  readonly #active = new Map<bigint, ActiveTransaction>();
  readonly #participants = new Map<string, ParticipantRecord>();

  /** Id of the coordinator whose log this is; `null` before the first Epoch record. */
  get coordinator(): string | null {
    return this.#coordinator;
  }

  /** Largest epoch so far; 0 before the first Epoch record. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Transactions that are not finished, in the order in which they were first recorded. */
  get active(): readonly ActiveTransaction[] {
    return [...this.#active.values()];
  }

  /** Every database that took part once, by name. */
  get participants(): ReadonlyMap<string, ParticipantRecord> {
    return this.#participants;
  }

  /**
   * Takes one more record into account.
   *
   * @param record The record, in the order of the log.
   */
  apply(record: LogRecord): void {
    switch (record.type) {
      case "begin":
      case "committing":
        return this.#applyTransaction(record);
      case "end":
        this.#active.delete(record.txn);
        return;
      case "checkpoint":
        this.#active.clear();
        for (const transaction of record.active) this.#active.set(transaction.txn, transaction);
        this.#participants.clear();
        for (const participant of record.participants) {
          this.#participants.set(participant.name, participant);
        }
        return;
      case "epoch":
        this.#coordinator = record.coordinator;
        this.#epoch = Math.max(this.#epoch, record.epoch);
        this.#started = record.started;
        return;
      case "participant": {
        const { name, kind, identity } = record;
        this.#participants.set(name, { name, kind, identity });
        return;
      }
    }
  }

  /**
   * The record that restates the epoch.
   *
   * @returns An Epoch.
   * @throws {TypeError} If there has been no Epoch record.
   */
  epochRecord(): LogRecord {
    if (this.#coordinator === null) {
      throw new TypeError("Cannot restate the epoch: no Epoch record has been applied");
    }
    return {
      type: "epoch",
      coordinator: this.#coordinator,
      epoch: this.#epoch,
      started: this.#started,
    };
  }

  /**
   * The record that restates all the rest.
   *
   * @returns A checkpoint.
   */
  checkpoint(): LogRecord {
    return {
      type: "checkpoint",
      active: this.active,
      participants: [...this.#participants.values()],
    };
  }

  #applyTransaction(record: Extract<LogRecord, { type: "begin" | "committing" }>): void {
    const { txn, branches } = record;
    const decided = record.type === "committing";
    const known = this.#active.get(txn);
    if (known?.decided || (known !== undefined && !decided)) return;
    this.#active.set(txn, { txn, decided, branches });
  }
}
