/**
 * The decision log on the write-ahead log: one record for each fact.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import { WriteAheadLog } from "../wal/write_ahead_log.ts";
import type {
  DecisionLog,
  LoggedBranch,
  RegisteredParticipant,
  UnfinishedTransaction,
} from "./decision_log.ts";

/** A decision log in a directory. */
export class WalDecisionLog implements DecisionLog {
  readonly #log: WriteAheadLog;
  readonly #participants: Map<string, RegisteredParticipant>;

  private constructor(log: WriteAheadLog) {
    this.#log = log;
    this.#participants = new Map(log.participants);
  }

  /**
   * Opens the log in a directory.
   *
   * @param directory The directory; created if absent.
   * @param platform The machine.
   * @returns The log.
   */
  static async open(directory: string, platform: Platform): Promise<WalDecisionLog> {
    return new WalDecisionLog(await WriteAheadLog.open({ directory, platform }));
  }

  get coordinator(): string {
    return this.#log.coordinator;
  }

  get epoch(): number {
    return this.#log.epoch;
  }

  get recovered(): readonly UnfinishedTransaction[] {
    return this.#log.recovered;
  }

  get participants(): ReadonlyMap<string, RegisteredParticipant> {
    return this.#participants;
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
