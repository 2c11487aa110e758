/**
 * What a coordinator's records add up to: the transactions that are not finished, the databases that ever
 * took part, how the last transactions ended, and what operators decided. It is the model of a coordinator's log: reading folds every record into it and so does
 * writing, so that a checkpoint made from it is exactly what a reader would know at that place.
 *
 * A decision is final: nothing but End takes it away. A second Begin or decision for the same
 * transaction, or an End for one that is not known, changes nothing. Every decision counts as an outcome,
 * also while its branches are being committed.
 *
 * @module
 */

import type { LogModel } from "../model.ts";
import {
  type ActiveTransaction,
  type BranchVerdict,
  decodeRecord,
  encodeInPlace,
  type LogRecord,
  type ParticipantRecord,
  RECORD_TAGS,
} from "./record.ts";
import { hotNumberAt } from "./hot_record.ts";
import { Outcomes } from "./outcomes.ts";

/** How many transactions one Checkpoint holds; more need several, so that none is too long. */
const TRANSACTIONS_PER_CHECKPOINT = 10_000;
/** How many verdicts of operators are kept. */
const MAX_VERDICTS = 100;

/** The state to which a coordinator's records add up. */
export class LiveState implements LogModel<LogRecord> {
  readonly ownsReservedTags = true;
  readonly #keepOutcomes: number;
  /** As it was recorded; or, while a segment is replayed, where its decision lies: most have ended by its end. */
  readonly #active = new Map<bigint, ActiveTransaction | Place>();
  readonly #participants = new Map<string, ParticipantRecord>();
  readonly #adopted = new Set<string>();
  #verdicts: BranchVerdict[] = [];
  #outcomes: Outcomes;

  /**
   * Begins with nothing.
   *
   * @param keepOutcomes How many outcomes of transactions are kept.
   */
  constructor(keepOutcomes = 0) {
    this.#keepOutcomes = keepOutcomes;
    this.#outcomes = new Outcomes(keepOutcomes);
  }

  /** Transactions that are not finished, in the order in which they were first recorded. */
  get active(): readonly ActiveTransaction[] {
    return [...this.#active.values()].filter(isRead);
  }

  /** Every database that took part once, by name. */
  get participants(): ReadonlyMap<string, ParticipantRecord> {
    return this.#participants;
  }

  /** How the last transactions ended. */
  get outcomes(): Outcomes {
    return this.#outcomes;
  }

  /** Ids of coordinators whose branches an operator has made known to this one. */
  get adopted(): ReadonlySet<string> {
    return this.#adopted;
  }

  encode(record: LogRecord): Uint8Array {
    return encodeInPlace(record);
  }

  decode(body: Uint8Array): LogRecord | null {
    return decodeRecord(body);
  }

  replay(bytes: Uint8Array, start: number, end: number): boolean {
    const txn = numberOf(bytes, start, end);
    if (txn === null) return false;
    if (bytes[start] === RECORD_TAGS.end) this.#active.delete(txn);
    else if (!isDecided(this.#active.get(txn))) {
      this.#outcomes.add(txn, true);
      this.#active.set(txn, start * PLACE_FACTOR + (end - start));
    }
    return true;
  }

  endReplay(bytes: Uint8Array): void {
    for (const [txn, place] of this.#active) {
      if (!isPlace(place)) continue;
      const start = Math.floor(place / PLACE_FACTOR);
      this.#active.set(txn, decision(bytes.subarray(start, start + place % PLACE_FACTOR)));
    }
  }

  reset(): void {
    this.#active.clear();
    this.#participants.clear();
    this.#adopted.clear();
    this.#verdicts = [];
    this.#outcomes = new Outcomes(this.#keepOutcomes);
  }

  apply(record: LogRecord): void {
    switch (record.type) {
      case "begin":
      case "committing":
      case "doubt":
        return this.#applyTransaction(record);
      case "end":
        this.#active.delete(record.txn);
        return;
      case "outcomes":
        return this.#applyOutcomes(record);
      case "branch-verdict":
        return this.#applyVerdict(record);
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
    const all = this.active.filter(({ doubtful }) => doubtful === undefined);
    const participants = [...this.#participants.values()];
    const first: LogRecord = {
      type: "checkpoint",
      active: all.slice(0, TRANSACTIONS_PER_CHECKPOINT),
      participants,
    };
    const checkpoints: LogRecord[] = [first];
    for (let at = TRANSACTIONS_PER_CHECKPOINT; at < all.length; at += TRANSACTIONS_PER_CHECKPOINT) {
      const active = all.slice(at, at + TRANSACTIONS_PER_CHECKPOINT);
      checkpoints.push({ type: "checkpoint", active, participants: [] });
    }
    for (const { txn, branches, doubtful } of this.active) {
      if (doubtful) checkpoints.push({ type: "doubt", txn, branches });
    }
    for (const verdict of this.#verdicts) checkpoints.push({ type: "branch-verdict", ...verdict });
    const { forgotten, size } = this.#outcomes;
    if (size > 0) {
      checkpoints.push({ type: "outcomes", forgotten, outcomes: [...this.#outcomes] });
    }
    return checkpoints;
  }

  #applyTransaction(
    record: Extract<LogRecord, { type: "begin" | "committing" | "doubt" }>,
  ): void {
    const { txn, branches } = record;
    const decided = record.type === "committing";
    const known = this.#active.get(txn);
    if (isDecided(known) || (known !== undefined && !decided)) return;
    if (decided) this.#outcomes.add(txn, true);
    const doubtful = record.type === "doubt" ? { doubtful: true as const } : {};
    this.#active.set(txn, { txn, decided, branches, ...doubtful });
  }

  #applyOutcomes(record: Extract<LogRecord, { type: "outcomes" }>): void {
    for (const { txn, committed } of record.outcomes) {
      this.#outcomes.add(txn, committed);
      const known = this.#active.get(txn);
      if (typeof known === "object" && known.doubtful) this.#active.delete(txn);
    }
    this.#outcomes.forget(record.forgotten);
  }

  #applyVerdict({ type: _, ...verdict }: Extract<LogRecord, { type: "branch-verdict" }>): void {
    if (verdict.kind === "adopt") this.#adopted.add(verdict.subject);
    if (this.#verdicts.length === MAX_VERDICTS) this.#dropVerdict();
    this.#verdicts.push(verdict);
  }

  /** The oldest that only tells a story; an adoption is in force for ever. */
  #dropVerdict(): void {
    const oldest = this.#verdicts.findIndex(({ kind }) => kind !== "adopt");
    this.#verdicts.splice(Math.max(oldest, 0), 1);
  }
}

/** An offset, below 2^31, and a length, below 2^16, in one number: it costs no object. */
type Place = number;

/** More than a replayed record is long. */
const PLACE_FACTOR = 2 ** 16;

function isPlace(one: ActiveTransaction | Place): one is Place {
  return typeof one === "number";
}

function isRead(one: ActiveTransaction | Place): one is ActiveTransaction {
  return !isPlace(one);
}

function isDecided(known: ActiveTransaction | Place | undefined): boolean {
  return typeof known === "number" || known?.decided === true;
}

/** The decision in the body of a record that `replay` has taken. */
function decision(body: Uint8Array): ActiveTransaction {
  const record = decodeRecord(body);
  if (record?.type !== "committing") throw new TypeError("Cannot decode a decision: it is none");
  return { txn: record.txn, decided: true, branches: record.branches };
}

/** The largest high half of a number that a JavaScript number holds exactly. */
const MAX_HIGH_HALF = 2 ** 21 - 1;

/** The transaction of a plain decision or End; `null` if it is something else. */
function numberOf(bytes: Uint8Array, start: number, end: number): bigint | null {
  const tag = bytes[start];
  const keys = tag === RECORD_TAGS.committing ? 2 : tag === RECORD_TAGS.end ? 1 : 0;
  if (keys === 0 || bytes[start + 1] !== 0x80 + keys || end - start >= PLACE_FACTOR) return null;
  const at = hotNumberAt(bytes, start, end);
  if (at < 0) return null;
  const high = bigEndian(bytes, at);
  return high > MAX_HIGH_HALF ? null : BigInt(high * 2 ** 32 + bigEndian(bytes, at + 4));
}

function bigEndian(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>>
    0;
}
