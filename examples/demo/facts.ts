/**
 * All that is known after a run: what the workers reported, and what is in the banks. The referee judges
 * by these facts alone, the report counts them.
 *
 * @module
 */

import type { ProtocolPoint } from "@indoubt/coordinator";
import type { BankBooks, BankName } from "./bank.ts";
import type { AbortReason, Settlement } from "./messages.ts";
import type { Kill } from "./plan.ts";

/** A transfer as its worker reported it. */
export interface TransferRecord {
  readonly id: string;
  /** Id of its transaction; `null` if the worker was killed before it had one. */
  readonly transaction: string | null;
  /** What its worker said became of it; `null` if it was killed before it could say. */
  readonly reported: "committed" | "aborted" | "unknown" | null;
  /** Why it was aborted, if it was. */
  readonly reason: AbortReason | null;
}

/** The life of one worker. */
export interface RoundRecord {
  /** Number of the worker, from 1. */
  readonly round: number;
  /** How it was to end; `null` for the last one, which ends by itself. */
  readonly kill: Kill | null;
  /** Transfers it reported as committed. */
  readonly committed: number;
  /** What its recovery settled before it was done or cut short. */
  readonly settled: readonly SettledTransaction[];
  /** What it said of its recovery; `null` if it was killed before that was done. */
  readonly recovery: { readonly milliseconds: number; readonly pending: readonly string[] } | null;
  /** What was still prepared after its recovery; `null` if it was killed before it looked. */
  readonly preparedLeft: readonly string[] | null;
  /** Where it said that it dies. */
  readonly death:
    | { readonly point: ProtocolPoint; readonly passing: number; readonly transaction: string }
    | null;
  /** How it did end. */
  readonly end: { readonly signal: string | null; readonly code: number };
}

/** A transaction that a recovery settled. */
export interface SettledTransaction {
  readonly transaction: string;
  readonly outcome: Settlement;
  /**
   * Whether its worker had reported it as committed. It was never in doubt then: what was missing is only
   * the log's record that nothing is left to do, which is not forced to disk.
   */
  readonly reported: boolean;
}

/** Everything. */
export interface Facts {
  /** Money in both banks before the first transfer. */
  readonly sumBefore: number;
  readonly books: Readonly<Record<BankName, BankBooks>>;
  readonly transfers: readonly TransferRecord[];
  readonly rounds: readonly RoundRecord[];
}
