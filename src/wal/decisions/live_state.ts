/**
 * What a coordinator's records add up to: the transactions that are not finished, and the databases that
 * ever took part. It is the model of a coordinator's log: reading folds every record into it and so does
 * writing, so that a checkpoint made from it is exactly what a reader would know at that place.
 *
 * A decision is final: nothing but End takes it away. A second Begin or decision for the same
 * transaction, or an End for one that is not known, changes nothing.
 *
 * @module
 */

import type { LogModel } from "../model.ts";
import {
  type ActiveTransaction,
  decodeRecord,
  encodeRecord,
  type LogRecord,
  type ParticipantRecord,
} from "./record.ts";

/** How many transactions one Checkpoint holds; more need several, so that none is too long. */
const TRANSACTIONS_PER_CHECKPOINT = 10_000;

/** The state to which a coordinator's records add up. */
export class LiveState implements LogModel<LogRecord> {
  readonly ownsReservedTags = true;
  readonly #active = new Map<bigint, ActiveTransaction>();
  readonly #participants = new Map<string, ParticipantRecord>();

  /** Transactions that are not finished, in the order in which they were first recorded. */
  get active(): readonly ActiveTransaction[] {
    return [...this.#active.values()];
  }

  /** Every database that took part once, by name. */
  get participants(): ReadonlyMap<string, ParticipantRecord> {
    return this.#participants;
  }

  encode(record: LogRecord): Uint8Array {
    return encodeRecord(record);
  }

  decode(body: Uint8Array): LogRecord | null {
    return decodeRecord(body);
  }

  reset(): void {
    this.#active.clear();
    this.#participants.clear();
  }

  apply(record: LogRecord): void {
    switch (record.type) {
      case "begin":
      case "committing":
        return this.#applyTransaction(record);
      case "end":
        this.#active.delete(record.txn);
        return;
      case "checkpoint":
        for (const transaction of record.active) this.#active.set(transaction.txn, transaction);
        for (const participant of record.participants) {
          this.#participants.set(participant.name, participant);
        }
        return;
      case "participant": {
        const { name, kind, identity } = record;
        this.#participants.set(name, { name, kind, identity });
        return;
      }
    }
  }

  checkpoint(): LogRecord[] {
    const all = this.active;
    const participants = [...this.#participants.values()];
    const first: LogRecord = {
      type: "checkpoint",
      active: all.slice(0, TRANSACTIONS_PER_CHECKPOINT),
      participants,
    };
    const checkpoints = [first];
    for (let at = TRANSACTIONS_PER_CHECKPOINT; at < all.length; at += TRANSACTIONS_PER_CHECKPOINT) {
      const active = all.slice(at, at + TRANSACTIONS_PER_CHECKPOINT);
      checkpoints.push({ type: "checkpoint", active, participants: [] });
    }
    return checkpoints;
  }

  #applyTransaction(record: Extract<LogRecord, { type: "begin" | "committing" }>): void {
    const { txn, branches } = record;
    const decided = record.type === "committing";
    const known = this.#active.get(txn);
    if (known?.decided || (known !== undefined && !decided)) return;
    this.#active.set(txn, { txn, decided, branches });
  }
}
