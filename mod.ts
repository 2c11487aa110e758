/**
 * One transaction across several databases, committed in all of them or in none.
 *
 * @example
 * ```ts no-eval
 * import postgresDriver from "postgres";
 * import { Coordinator } from "@indoubt/coordinator";
 * import { postgres } from "@indoubt/coordinator/postgres";
 *
 * await using coordinator = await Coordinator.open({
 *   directory: "./indoubt",
 *   participants: {
 *     orders: postgres(postgresDriver("postgres://localhost/orders")),
 *     billing: postgres(postgresDriver("postgres://localhost/billing")),
 *   },
 * });
 *
 * await coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
 *   await orders`UPDATE stock SET held = held + 1 WHERE sku = ${"A1"}`;
 *   await billing`INSERT INTO charges (sku, cents) VALUES (${"A1"}, ${995})`;
 * });
 * ```
 *
 * @module
 */

export { Coordinator } from "./src/coordinator/coordinator.ts";
export {
  BranchEndedError,
  CoordinatorClosedError,
  type HeuristicBranch,
  HeuristicOutcomeError,
  OutcomeUnknownError,
  ParticipantConfigurationError,
  ParticipantIdentityError,
  ParticipantUnavailableError,
  TransactionAbortedError,
} from "./src/coordinator/errors.ts";
export type {
  BranchName,
  CoordinatorEvent,
  CoordinatorEventListener,
} from "./src/coordinator/events.ts";
export type {
  ClientOf,
  ClientsOf,
  CoordinatorOptions,
  Participants,
  TransactionOptions,
} from "./src/coordinator/options.ts";
export type {
  Branch,
  BranchOptions,
  IsolationLevel,
  Participant,
  ParticipantCheck,
  PreparedBranch,
  SettleAnswer,
  TokenOutcome,
  VoteAnswer,
} from "./src/coordinator/participant.ts";
export {
  PROTOCOL_POINTS,
  type ProtocolPoint,
  type ProtocolPointObserver,
} from "./src/coordinator/protocol_point.ts";
export type { RecoveryReport } from "./src/coordinator/recover.ts";
export type { CommitResult, Transaction } from "./src/coordinator/transaction.ts";
export type { TransactionState } from "./src/coordinator/transaction_state.ts";
export {
  LogCorruptedError,
  type LogHolder,
  LogLockedError,
  type LogPlace,
  LogUnavailableError,
  LogVersionError,
} from "./src/wal/errors.ts";
export type { Clock, Timer } from "./src/platform/clock.ts";
export type { FileHandle, FileSystem, OpenMode } from "./src/platform/file_system.ts";
export type { Platform } from "./src/platform/platform.ts";
export type { Randomness } from "./src/platform/randomness.ts";
