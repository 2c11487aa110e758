/**
 * The named points of the commit protocol, in their order. Tests and the demo end the process at each of
 * them; what must hold after a crash there stands beside the name.
 *
 * @module
 */

/**
 * The points, in the order in which a two-phase commit passes them.
 *
 * @example Know which points come before the decision
 * ```ts
 * import { PROTOCOL_POINTS } from "@indoubt/coordinator";
 *
 * const undecided = PROTOCOL_POINTS.slice(0, PROTOCOL_POINTS.indexOf("decided"));
 * console.assert(undecided.join() === "first-prepared,all-prepared");
 * ```
 */
export const PROTOCOL_POINTS = [
  /** The first branch has answered PREPARE: nothing is decided, it must be rolled back. */
  "first-prepared",
  /** Every branch is prepared, the decision is not yet written: all must be rolled back. */
  "all-prepared",
  /** The decision is synced, no COMMIT PREPARED has been sent: all must be committed. */
  "decided",
  /** The first branch has answered COMMIT PREPARED: the others must be committed. */
  "first-committed",
  /** Every branch is committed, End is not yet written: nothing is left to do. */
  "all-committed",
] as const;

/** A named point of the commit protocol. */
export type ProtocolPoint = (typeof PROTOCOL_POINTS)[number];

/** Is called at each point, before the protocol goes on. */
export type ProtocolPointObserver = (point: ProtocolPoint, transactionId: string) => void;
