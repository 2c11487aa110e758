/**
 * The decision log on the write-ahead log: one record for each fact.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { EndRecord, TransactionRecord } from "../wal/decisions/commit_records.ts";
import { LiveState } from "../wal/decisions/live_state.ts";
import type { BranchRecord, LogRecord } from "../wal/decisions/record.ts";
import { Log } from "../wal/log.ts";
import { Outcomes } from "../wal/decisions/outcomes.ts";
import type {
  DecisionLog,
  LogDamage,
  LoggedBranch,
  OperatorVerdict,
  RegisteredParticipant,
  UnfinishedTransaction,
} from "./decision_log.ts";

/** A decision log in a directory. */
export class WalDecisionLog implements DecisionLog {
  readonly #log: Log<LogRecord>;
  /** Those that are known to be on disk; the log's own state runs ahead of that. */
  readonly #participants: Map<string, RegisteredParticipant>;

  readonly #state: LiveState;
  readonly #keepOutcomes: number;
  /** Those that were concluded in this opening: the log's own state, which has all, lags behind by what is queued. */
  readonly #outcomes: Outcomes;

  readonly recovered: readonly UnfinishedTransaction[];

  private constructor(log: Log<LogRecord>, state: LiveState, keepOutcomes: number) {
    this.#log = log;
    this.#state = state;
    this.#keepOutcomes = keepOutcomes;
    this.#outcomes = new Outcomes(keepOutcomes);
    this.#participants = new Map(state.participants);
    this.recovered = state.active;
  }

  /**
   * Opens the log in a directory.
   *
   * @param directory The directory; created if absent.
   * @param platform The machine.
   * @param keepOutcomes How many outcomes are kept.
   * @returns The log.
   */
  static async open(
    directory: string,
    platform: Platform,
    keepOutcomes: number,
  ): Promise<WalDecisionLog> {
    const model = new LiveState(keepOutcomes);
    return new WalDecisionLog(
      await Log.open({ directory, platform, model }),
      model,
      keepOutcomes,
    );
  }

  get coordinator(): string {
    return this.#log.id;
  }

  get epoch(): number {
    return this.#log.epoch;
  }

  get participants(): ReadonlyMap<string, RegisteredParticipant> {
    return this.#participants;
  }

  get damages(): readonly LogDamage[] {
    return this.#log.damages;
  }

  async register(participant: RegisteredParticipant): Promise<void> {
    const { name, kind, identity } = participant;
    await this.#log.append({ type: "participant", name, kind, identity });
    this.#participants.set(name, { name, kind, identity });
  }

  async begin(txn: bigint, enlisted: readonly LoggedBranch[]): Promise<void> {
    await this.#log.append(new TransactionRecord("begin", txn, enlisted.map(copyOf)));
  }

  decide(txn: bigint, enlisted: readonly LoggedBranch[]): Promise<unknown> {
    const record = new TransactionRecord("committing", txn, enlisted.map(factsOf));
    return this.#log.force(record);
  }

  end(txn: bigint): void {
    // A lost End costs one more look at the next opening, which finds the branches gone and their outcome
    // tokens committed.
    this.#appendIfPossible(new EndRecord(txn));
  }

  conclude(txn: bigint, committed: boolean): void {
    this.#outcomes.add(txn, committed);
    if (this.#keepOutcomes === 0) return;
    // A lost outcome is one that the next opening does not know.
    this.#appendIfPossible({ type: "outcomes", forgotten: 0n, outcomes: [{ txn, committed }] });
  }

  async doubt(txn: bigint, branch: LoggedBranch): Promise<void> {
    // A lost doubt is one that the next opening does not settle: the database knows the outcome all the same.
    await this.#log.append({ type: "doubt", txn, branches: [copyOf(branch)] }).catch(() => {});
  }

  async record(verdict: OperatorVerdict): Promise<void> {
    await this.#log.append({ type: "branch-verdict", ...verdict });
  }

  get adopted(): ReadonlySet<string> {
    return this.#state.adopted;
  }

  outcomeOf(txn: bigint): boolean | null {
    return this.#outcomes.get(txn) ?? this.#state.outcomes.get(txn);
  }

  #appendIfPossible(record: LogRecord): void {
    try {
      this.#log.appendLazily(record);
    } catch {
      // The log has failed and says so to whoever needs it.
    }
  }

  async close(): Promise<void> {
    await this.#log.close();
  }
}

/** What the log keeps of a branch: nothing that holds its session, and nothing that changes. */
function copyOf({ participant, gid, token }: LoggedBranch): BranchRecord {
  return { participant, gid, token };
}

/** The same of a branch that was decided: its facts are what they are by then. */
function factsOf(branch: LoggedBranch): BranchRecord {
  return branch.facts ?? copyOf(branch);
}
