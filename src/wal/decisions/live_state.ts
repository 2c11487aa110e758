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
  decodeOutcomes,
  decodeRecord,
  encodeInPlace,
  type LogRecord,
  type ParticipantRecord,
  RECORD_TAGS,
} from "./record.ts";
import { CertainTransaction } from "./commit_records.ts";
import { checkpointParts, MAX_RESTATED_LENGTH } from "./checkpoint_parts.ts";
import { Outcomes } from "./outcomes.ts";
import { decodeTransaction, PackedTransactions, unpackCheckpoint } from "./packed_transactions.ts";
import { ReplayedTransactions } from "./replayed_transactions.ts";
import { TransactionTable } from "./transaction_table.ts";

/** What restates others and is not restated itself. */
const RESTATING: ReadonlySet<LogRecord["type"]> = new Set(["checkpoint", "outcomes"]);
/** How many verdicts of operators are kept. */
const MAX_VERDICTS = 100;

/** The state to which a coordinator's records add up. */
export class LiveState implements LogModel<LogRecord> {
  readonly ownsReservedTags = true;
  readonly #keepOutcomes: number;
  readonly #active = new TransactionTable<ActiveTransaction>();
  /** What is live of what was replayed, behind all that is in `#active`. */
  readonly #replayed = new ReplayedTransactions();
  readonly #participants = new Map<string, ParticipantRecord>();
  readonly #adopted = new Set<string>();
  #verdicts: BranchVerdict[] = [];
  #outcomes: Outcomes;
  /** Whether there was any doubt: without one, thousands of outcomes need not be looked up. */
  #hadDoubt = false;

  /**
   * Begins with nothing.
   *
   * @param keepOutcomes How many outcomes of transactions are kept.
   */
  constructor(keepOutcomes = 0) {
    this.#keepOutcomes = keepOutcomes;
    this.#outcomes = new Outcomes(keepOutcomes);
  }

  /** Transactions that are not finished, in the order in which they were first recorded; as plain objects. */
  get active(): readonly ActiveTransaction[] {
    this.#takeReplayed();
    return this.#active.values().map((transaction) => ({ ...transaction }));
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
    const body = encodeInPlace(record);
    if (body.length > MAX_RESTATED_LENGTH && !RESTATING.has(record.type)) {
      throw new RangeError(
        `Cannot encode a record of ${body.length} bytes: a Checkpoint could not restate it, ` +
          `it must have at most ${MAX_RESTATED_LENGTH}`,
      );
    }
    return body;
  }

  decode(body: Uint8Array): LogRecord | null {
    // The two that open a segment may be long, and hardly anybody asks for what is in them.
    if (body[0] === RECORD_TAGS.outcomes) return decodeOutcomes(body);
    if (body[0] === RECORD_TAGS.checkpoint) return unpackCheckpoint(body) ?? decodeRecord(body);
    return decodeRecord(body);
  }

  replay(bytes: Uint8Array, table: Uint32Array, from: number, to: number): number {
    return this.#replayed.replay(bytes, table, from, to, this.#outcomes, this.#active);
  }

  endReplay(bytes: Uint8Array): void {
    this.#replayed.keep(bytes);
  }

  reset(): void {
    this.#active.clear();
    this.#replayed.clear();
    this.#participants.clear();
    this.#adopted.clear();
    this.#verdicts = [];
    this.#outcomes = new Outcomes(this.#keepOutcomes);
    this.#hadDoubt = false;
  }

  apply(record: LogRecord): void {
    switch (record.type) {
      case "begin":
      case "committing":
      case "doubt":
        this.#takeReplayed();
        return this.#applyTransaction(record);
      case "end":
        this.#takeReplayed();
        this.#active.delete(record.txn);
        return;
      case "outcomes":
        return this.#applyOutcomes(record);
      case "branch-verdict":
        return this.#applyVerdict(record);
      case "checkpoint":
        this.#applyActive(record.active);
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
    const certain = all.filter(({ doubtful }) => doubtful === undefined);
    const participants = [...this.#participants.values()];
    const checkpoints: LogRecord[] = checkpointParts(certain, participants);
    for (const { txn, branches, doubtful } of all) {
      if (doubtful) checkpoints.push({ type: "doubt", txn, branches });
    }
    for (const verdict of this.#verdicts) checkpoints.push({ type: "branch-verdict", ...verdict });
    const outcomes = this.#outcomes;
    const { forgotten } = outcomes;
    if (outcomes.length > 0) checkpoints.push({ type: "outcomes", forgotten, outcomes });
    return checkpoints;
  }

  #applyActive(active: Extract<LogRecord, { type: "checkpoint" }>["active"]): void {
    const isPacked = active instanceof PackedTransactions;
    if (isPacked && this.#active.size === 0 && this.#replayed.hold(active)) return;
    this.#takeReplayed();
    for (const transaction of active) this.#active.set(transaction.txn, transaction);
  }

  #takeReplayed(): void {
    if (this.#replayed.size === 0) return;
    for (const body of this.#replayed.take()) {
      const transaction = decodeTransaction(body);
      this.#active.set(transaction.txn, transaction);
    }
  }

  #applyTransaction(
    record: Extract<LogRecord, { type: "begin" | "committing" | "doubt" }>,
  ): void {
    const { txn, branches } = record;
    const decided = record.type === "committing";
    const known = this.#active.get(txn);
    if (known?.decided || (known !== undefined && !decided)) return;
    if (decided) this.#outcomes.add(txn, true);
    const doubtful = record.type === "doubt";
    this.#hadDoubt ||= doubtful;
    this.#active.set(
      txn,
      doubtful
        ? { txn, decided, branches, doubtful }
        : new CertainTransaction(txn, decided, branches),
    );
  }

  #applyOutcomes(record: Extract<LogRecord, { type: "outcomes" }>): void {
    const { outcomes, forgotten } = record;
    const own = this.#outcomes;
    if (outcomes instanceof Outcomes) own.addRow(outcomes.row());
    else for (const { txn, committed } of outcomes) own.add(txn, committed);
    own.forget(forgotten);
    // What was replayed is in no doubt.
    if (!this.#hadDoubt) return;
    for (const { txn } of outcomes) if (this.#active.get(txn)?.doubtful) this.#active.delete(txn);
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
