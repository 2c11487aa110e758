/**
 * One transaction across several databases, committed in all of them or in none.
 *
 * @example An order and its charge, in two databases
 * ```ts
 * import { PGlite } from "@electric-sql/pglite";
 * import { Coordinator } from "@indoubt/coordinator";
 * import { pglite } from "@indoubt/coordinator/pglite";
 *
 * const startParams = [...PGlite.defaultStartParams, "-c", "max_prepared_transactions=10"];
 * const ordersDb = await PGlite.create({ startParams });
 * const billingDb = await PGlite.create({ startParams });
 * await ordersDb.exec("CREATE TABLE orders (sku text)");
 * await billingDb.exec("CREATE TABLE charges (sku text, cents int)");
 *
 * const directory = await Deno.makeTempDir();
 * const coordinator = await Coordinator.open({
 *   directory,
 *   participants: { orders: pglite(ordersDb), billing: pglite(billingDb) },
 * });
 * await coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
 *   await orders.query("INSERT INTO orders VALUES ($1)", ["A1"]);
 *   await billing.query("INSERT INTO charges VALUES ($1, $2)", ["A1", 995]);
 * });
 * await coordinator.close();
 *
 * await Promise.all([ordersDb.close(), billingDb.close()]);
 * await Deno.remove(directory, { recursive: true });
 * ```
 *
 * @module
 */

export type { CloseReport } from "./src/coordinator/closing.ts";
export { Coordinator } from "./src/coordinator/coordinator.ts";
export {
  BranchEndedError,
  BranchLostError,
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
export type { InDoubtBranch, InDoubtTransaction } from "./src/coordinator/in_doubt.ts";
export type { OperatorAction, ResolveAction } from "./src/coordinator/operator.ts";
export type {
  ClientOf,
  ClientsOf,
  CoordinatorOptions,
  Participants,
  RunOptions,
  TransactionOptions,
  TransactionStore,
} from "./src/coordinator/options.ts";
export type {
  Branch,
  BranchOptions,
  BranchWork,
  IsolationLevel,
  Participant,
  ParticipantCheck,
  PrepareAnswer,
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
export type { Verdict } from "./src/coordinator/settlement.ts";
export type { TransactionStatus } from "./src/coordinator/status.ts";
export type { CommitResult, Transaction } from "./src/coordinator/transaction.ts";
export type { TransactionState } from "./src/coordinator/transaction_state.ts";
export {
  LogCopiedError,
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
