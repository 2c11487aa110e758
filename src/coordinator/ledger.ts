/**
 * Which transactions there are: the live ones, and those that are not settled, whoever has to say how
 * they end. The sweep asks it, closing waits for it, operators see it.
 *
 * @module
 */

import type { Clock } from "../platform/clock.ts";
import { TransactionTable } from "../wal/decisions/transaction_table.ts";
import type { DeadlineError } from "./deadline.ts";
import type { DecisionLog } from "./decision_log.ts";
import { Settlement, type UnsettledBranch, type Verdict } from "./settlement.ts";
import type { TransactionsInView } from "./sweep.ts";
import { epochOf } from "./transaction_id.ts";

/** A transaction to settle. */
export interface SettlementRequest {
  /** Number of the transaction. */
  readonly txn: bigint;
  /** The same as text, where that is known already. */
  readonly id?: string;
  /** Who says how its branches end. */
  readonly verdict: Verdict;
  /** Its branches. */
  readonly branches: readonly UnsettledBranch[];
  /** Whether the log holds a record of it, which its End must then take away. */
  readonly logged: boolean;
  /** Whether the log knows already how it ends; a decision it knows in any case. */
  readonly concluded?: boolean;
  /** What the application calls it. */
  readonly label?: string | undefined;
  /** Since when it is not settled, in milliseconds since 1970, if that was before now. */
  readonly since?: number | undefined;
}

/** A transaction that runs. */
export interface LiveTransaction {
  /** Its number. */
  readonly txn: bigint;
  /**
   * Ends its time while its function runs, or while it waits for a session. Who has begun to commit is left
   * alone.
   *
   * @param error Why.
   * @returns Resolves when it has let go of everything; `null` if it is left alone.
   */
  expire(error: DeadlineError): Promise<void> | null;
  /** Opens its settling if it is decided: as long as nobody looks and all goes well, it has none. */
  openSettling(): void;
}

/** So many branches are remembered that operators have ended. */
const MAX_ENDED = 1000;

/** Keeps account of the transactions of one coordinator. */
export class Ledger {
  readonly #log: DecisionLog;
  readonly #clock: Clock;
  readonly #live = new TransactionTable<LiveTransaction>();
  readonly #unsettled = new TransactionTable<Settlement>();
  /** Of other coordinators, whose branches were adopted. */
  readonly #adopted = new Map<string, Settlement>();
  /** Branches that operators have ended, and when, by the clock. */
  readonly #ended = new Map<string, number>();
  readonly #onDone: (settlement: Settlement) => void;
  #idle: PromiseWithResolvers<void> | null = null;

  /**
   * Begins empty.
   *
   * @param log Forgets what is settled.
   * @param clock Says since when a transaction is not settled.
   */
  constructor(log: DecisionLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#onDone = (settlement) => this.#finish(settlement);
  }

  /** Resolves when no transaction is live. */
  get idle(): Promise<void> {
    if (this.#live.size === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers<void>();
    return this.#idle.promise;
  }

  /** The live ones, in the order in which they began. */
  get live(): readonly LiveTransaction[] {
    return this.#live.values();
  }

  /** Every transaction that is not settled. */
  get unsettled(): readonly Settlement[] {
    for (const transaction of this.#live.values()) transaction.openSettling();
    return [...this.#unsettled.values(), ...this.#adopted.values()];
  }

  /**
   * What a sweep looks at, with those that are in view now.
   *
   * @param last The largest number of a transaction that was given out.
   * @returns The view.
   */
  view(last: () => bigint): TransactionsInView {
    const live = new Set(this.live.map(({ txn }) => txn));
    const driven = new Set<string>();
    const lastBefore = last();
    for (const { txn, verdict, outstanding } of this.#unsettled.values()) {
      if (verdict === "log" && txn !== null) live.add(txn);
      if (verdict === "commit") { for (const { gid } of outstanding) driven.add(gid); }
    }
    return {
      wasInView: (txn, gid) =>
        live.has(txn) || driven.has(gid) || (txn > lastBefore && txn <= last()),
      isLive: (txn) => this.isLive(txn),
      isDriven: (txn, gid) => {
        const settlement = this.settlementOf(txn);
        return settlement?.verdict === "commit" && settlement.has(gid);
      },
      isDecided: (txn) => this.isDecided(txn),
      hasCommitted: (txn) => this.#log.outcomeOf(txn) === true,
      isUncertain: (txn) => this.isUncertain(txn),
    };
  }

  /** Whether a transaction runs in this process. */
  isRunning(txn: bigint): boolean {
    return this.#live.has(txn);
  }

  /** Whether a transaction runs in this process, or only the log knows how it ends. */
  isLive(txn: bigint): boolean {
    return this.#live.has(txn) || this.#unsettled.get(txn)?.verdict === "log";
  }

  /** Whether only an operator can say how it ends, as after damage to a part of the log with its decision. */
  isUncertain(txn: bigint): boolean {
    if (this.#unsettled.get(txn)?.verdict === "operator") return true;
    const epoch = epochOf(txn);
    return this.#log.damages.some((damage) => epoch <= damage.epoch);
  }

  /** Whether a transaction is decided and not settled yet, or not as decided. */
  isDecided(txn: bigint): boolean {
    return this.settlementOf(txn)?.verdict === "commit";
  }

  /** The settling of a transaction, if it is not over. */
  settlementOf(txn: bigint): Settlement | undefined {
    this.#live.get(txn)?.openSettling();
    return this.#unsettled.get(txn);
  }

  /** The settling of a transaction by its id, also of an adopted one. */
  find(id: string): Settlement | undefined {
    return this.#adopted.get(id) ?? this.unsettled.find((settlement) => settlement.id === id);
  }

  /** Notes that a transaction has begun. */
  begin(transaction: LiveTransaction): void {
    this.#live.set(transaction.txn, transaction);
  }

  /** Notes that a transaction has ended. */
  end(txn: bigint): void {
    this.#live.delete(txn);
    if (this.#live.size > 0) return;
    this.#idle?.resolve();
    this.#idle = null;
  }

  /**
   * Opens the settling of a transaction, or adds branches to one that is open under the same verdict.
   *
   * @param request The transaction.
   * @returns The settling.
   */
  settle(request: SettlementRequest): Settlement {
    const { txn, verdict, branches, logged, label } = request;
    const concluded = request.concluded ?? verdict === "commit";
    const known = this.#unsettled.get(txn);
    if (known?.verdict === verdict) {
      for (const branch of branches) known.add(branch);
      return known;
    }
    const since = known?.since ?? request.since ?? this.#clock.now();
    const id = request.id ?? String(txn);
    const settlement = new Settlement(
      { id, txn, verdict, branches, since, logged, concluded, label },
      this.#onDone,
    );
    if (branches.length > 0) this.#unsettled.set(txn, settlement);
    return settlement;
  }

  /**
   * Shows an operator a branch of another coordinator.
   *
   * @param id Id by which the operator knows the transaction.
   * @param branch The branch.
   * @returns The settling.
   */
  adopt(id: string, branch: UnsettledBranch): Settlement {
    const known = this.#adopted.get(id);
    known?.add(branch);
    if (known !== undefined) return known;
    const since = this.#clock.now();
    const settlement = new Settlement(
      { id, txn: null, verdict: "operator", branches: [branch], since },
      () => this.#adopted.delete(id),
    );
    this.#adopted.set(id, settlement);
    return settlement;
  }

  /** Notes that an operator has ended a branch: a list that was made before may name it still. */
  noteEnded(gid: string): void {
    this.#ended.delete(gid);
    this.#ended.set(gid, this.#clock.elapsed());
    if (this.#ended.size > MAX_ENDED) this.#ended.delete([...this.#ended.keys()][0]!);
  }

  /**
   * Whether an operator has ended a branch since then.
   *
   * @param gid The branch.
   * @param elapsed When, by the clock.
   */
  endedSince(gid: string, elapsed: number): boolean {
    return (this.#ended.get(gid) ?? -Infinity) >= elapsed;
  }

  /**
   * Takes back what someone else has ended of the branches of other coordinators.
   *
   * @param participant The participant.
   * @param prepared Gids of all that it holds prepared.
   */
  keepAdopted(participant: string, prepared: ReadonlySet<string>): void {
    for (const settlement of this.#adopted.values()) {
      for (const branch of settlement.outstanding) {
        if (branch.participant !== participant || prepared.has(branch.gid)) continue;
        settlement.settle(branch.gid, "unknown");
      }
    }
  }

  /** Gives up a transaction, because an operator said so. */
  drop(settlement: Settlement): void {
    this.#adopted.delete(settlement.id);
    const { txn, logged } = settlement;
    if (txn === null || this.#unsettled.get(txn) !== settlement) return;
    this.#unsettled.delete(txn);
    if (logged) this.#log.end(txn);
  }

  #finish(settlement: Settlement): void {
    const { txn, verdict, heuristics, outcome, logged, concluded } = settlement;
    // A transaction that did not end as decided stays until a person has looked at it.
    if (heuristics.length > 0 || txn === null) return;
    // Another coordinator's branches under the same number may have come in its place.
    if (this.#unsettled.get(txn) === settlement) this.#unsettled.delete(txn);
    // Gone is not rolled back: a sweep may have come upon a transaction that was just committing.
    const ending = verdict === "rollback" && logged ? "rolled back" : outcome;
    if (!concluded && ending !== null) this.#log.conclude(txn, ending === "committed");
    if (logged) this.#log.end(txn);
  }
}
