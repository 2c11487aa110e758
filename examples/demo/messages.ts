/**
 * What the demo and its worker say to each other: one order to the worker, then a line of JSON from it
 * for everything that happens. Each line is written before the worker goes on, so that what it reported
 * before a kill is known afterwards.
 *
 * @module
 */

import type { ProtocolPoint } from "@indoubt/coordinator";
import type { BankAddress, BankName } from "./bank.ts";

/** What a worker is to do. */
export interface WorkerOrder {
  /** Number of the worker, from 1; its transfers carry it. */
  readonly round: number;
  /** What its choices come from. */
  readonly seed: number;
  /** Where the coordinator keeps its log. */
  readonly directory: string;
  /** The databases. */
  readonly banks: Readonly<Record<BankName, BankAddress>>;
  /** Where the worker ends itself by SIGKILL, if it does. */
  readonly dieAt: { readonly point: ProtocolPoint; readonly passing: number } | null;
  /** After how many transfers it ends in an orderly way; it goes on until it is killed if `null`. */
  readonly transfers: number | null;
}

/** Why a transfer was aborted. */
export type AbortReason = "insufficient funds" | "refused at PREPARE" | "other";

/** What became of a transaction that a recovery settled. */
export type Settlement = "committed" | "rolled back";

/** What a worker reports. */
export type WorkerMessage =
  /** The databases are open, recovery begins. */
  | { readonly type: "opening" }
  /** The resolver has settled a branch that was in doubt. */
  | { readonly type: "settled"; readonly transaction: string; readonly outcome: Settlement }
  /** Recovery is done. */
  | {
    readonly type: "recovered";
    readonly committed: readonly string[];
    readonly rolledBack: readonly string[];
    readonly pending: readonly string[];
    readonly milliseconds: number;
  }
  /** What is prepared was looked up after recovery; the work begins. */
  | { readonly type: "ready"; readonly preparedLeft: readonly string[] }
  /** A transfer begins; nothing has been done for it. */
  | { readonly type: "begun"; readonly transfer: string }
  /** The transfer has this transaction. */
  | { readonly type: "named"; readonly transfer: string; readonly transaction: string }
  | { readonly type: "committed"; readonly transfer: string }
  | { readonly type: "aborted"; readonly transfer: string; readonly reason: AbortReason }
  /** The coordinator could not tell whether the transfer commits. */
  | { readonly type: "unknown"; readonly transfer: string }
  /** The worker ends itself now. */
  | {
    readonly type: "dying";
    readonly point: ProtocolPoint;
    readonly passing: number;
    readonly transaction: string;
  };

/** Writes a message to standard output, before returning. */
export function report(message: WorkerMessage): void {
  let bytes = new TextEncoder().encode(JSON.stringify(message) + "\n");
  while (bytes.length > 0) bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
}
