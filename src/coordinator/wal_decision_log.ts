/**
 * The decision log on the write-ahead log: one record for each fact.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { LiveState } from "../wal/decisions/live_state.ts";
import type { LogRecord } from "../wal/decisions/record.ts";
import { Log } from "../wal/log.ts";
import type {
  DecisionLog,
  LogDamage,
  LoggedBranch,
  RegisteredParticipant,
  UnfinishedTransaction,
} from "./decision_log.ts";

/** A decision log in a directory. */
export class WalDecisionLog implements DecisionLog {
  readonly #log: Log<LogRecord>;
  /** Those that are known to be on disk; the log's own state runs ahead of that. */
  readonly #participants: Map<string, RegisteredParticipant>;

  readonly recovered: readonly UnfinishedTransaction[];

  private constructor(log: Log<LogRecord>, state: LiveState) {
    this.#log = log;
    this.#participants = new Map(state.participants);
    this.recovered = state.active;
  }

  /**
   * Opens the log in a directory.
   *
   * @param directory The directory; created if absent.
   * @param platform The machine.
   * @returns The log.
   */
  static async open(directory: string, platform: Platform): Promise<WalDecisionLog> {
    const model = new LiveState();
    return new WalDecisionLog(await Log.open({ directory, platform, model }), model);
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

  async begin(txn: bigint, branches: readonly LoggedBranch[]): Promise<void> {
    await this.#log.append({ type: "begin", txn, branches });
  }

  async decide(txn: bigint, branches: readonly LoggedBranch[]): Promise<void> {
    await this.#log.append({ type: "committing", txn, branches });
  }

  end(txn: bigint): void {
    try {
      this.#log.appendLazily({ type: "end", txn });
    } catch {
      // A lost End costs one more look at the next opening, which finds the branches gone and their
      // outcome tokens committed.
    }
  }

  async close(): Promise<void> {
    await this.#log.close();
  }
}
