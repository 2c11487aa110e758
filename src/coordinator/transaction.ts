/**
 * One transaction: from its sessions to its outcome.
 *
 * The order that everything rests on: every branch has answered PREPARE before the decision is appended;
 * the decision is known to be on disk before the first COMMIT PREPARED leaves; no branch is rolled back
 * once the decision may be on disk. So whatever a crash leaves prepared is committed if the log holds the
 * decision and rolled back if it does not (presumed abort: Mohan, Lindsay and Obermarck, "Transaction
 * management in the R* distributed database management system", 1986).
 *
 * @module
 */

import { type Clock, within } from "../platform/clock.ts";
import { LogUnavailableError } from "../wal/errors.ts";
import type { Deadline } from "./deadline.ts";
import type { DecisionLog } from "./decision_log.ts";
import { type AbortReason, deadlineReason, type EnlistedBranch } from "./enlisted_branch.ts";
import {
  BranchEndedError,
  HeuristicOutcomeError,
  OutcomeUnknownError,
  TransactionAbortedError,
} from "./errors.ts";
import type { PrepareAnswer, VoteAnswer } from "./participant.ts";
import type { ProtocolPointObserver } from "./protocol_point.ts";
import type { Resolver } from "./resolver.ts";
import type { Settlement, Verdict } from "./settlement.ts";
import { type TransactionState, TransactionStates } from "./transaction_state.ts";

/** What a transaction needs of its coordinator. */
export interface TransactionContext {
  /** The log. */
  readonly log: DecisionLog;
  /** Takes over the branches that do not answer. */
  readonly resolver: Resolver;
  /** Limits the waiting. */
  readonly clock: Clock;
  /** Milliseconds that a database may take to answer PREPARE or COMMIT. */
  readonly prepareTimeout: number;
  /** Milliseconds after the decision that the caller waits for the databases. */
  readonly settleTimeout: number;
  /** Whether a Begin is synced before the first PREPARE. */
  readonly forceBegin: boolean;
  /** Hears of each point of the protocol. */
  readonly onProtocolPoint: ProtocolPointObserver;
  /** Opens the settling of a transaction. */
  settle(
    txn: bigint,
    verdict: Verdict,
    branches: readonly EnlistedBranch[],
    logged: boolean,
  ): Settlement;
  /** Takes the transaction out of the live ones. */
  forget(txn: bigint): void;
  /** Keeps the transaction from every sweep until the log is read anew, but waits for it no longer. */
  strand(txn: bigint): void;
  /** Takes that back: the log has settled the matter. */
  unstrand(txn: bigint): void;
}

/** What a commit came to. */
export interface CommitResult {
  /** Resolves when every database has committed its branch; never rejects. */
  readonly settled: Promise<void>;
}

/**
 * A transaction under way. `Clients` holds the driver's own client for each participant.
 *
 * @example Commit by hand
 * ```ts
 * import { PGlite } from "@electric-sql/pglite";
 * import { Coordinator } from "@indoubt/coordinator";
 * import { pglite } from "@indoubt/coordinator/pglite";
 *
 * const startParams = [...PGlite.defaultStartParams, "-c", "max_prepared_transactions=10"];
 * const db = await PGlite.create({ startParams });
 * await db.exec("CREATE TABLE orders (sku text)");
 * const directory = await Deno.makeTempDir();
 * {
 *   await using coordinator = await Coordinator.open({
 *     directory,
 *     participants: { orders: pglite(db) },
 *   });
 *   await using transaction = await coordinator.begin(["orders"]);
 *   await transaction.clients.orders.query("INSERT INTO orders VALUES ('A1')");
 *   await transaction.commit();
 *   console.assert(transaction.state === "committed");
 * }
 * await db.close();
 * await Deno.remove(directory, { recursive: true });
 * ```
 */
export class Transaction<Clients> implements AsyncDisposable {
  readonly #txn: bigint;
  readonly #context: TransactionContext;
  readonly #branches: readonly EnlistedBranch[];
  readonly #deadline: Deadline;
  readonly #states: TransactionStates;
  #begun = false;
  #aborting: Promise<void> | null = null;

  /** Decimal number of the transaction; the same digits stand in its gids and in the log. */
  readonly id: string;
  /** The driver's own client for each participant, by its name. */
  readonly clients: Clients;

  /**
   * For the coordinator; use {@linkcode Coordinator.begin}.
   *
   * @param txn Number of the transaction.
   * @param branches Its branches, begun.
   * @param deadline The end of its time.
   * @param context What it needs of its coordinator.
   */
  constructor(
    txn: bigint,
    branches: readonly EnlistedBranch[],
    deadline: Deadline,
    context: TransactionContext,
  ) {
    this.#txn = txn;
    this.#context = context;
    this.#branches = branches;
    this.#deadline = deadline;
    this.id = String(txn);
    this.#states = new TransactionStates(this.id);
    this.clients = Object.fromEntries(
      branches.map((branch) => [branch.participant, branch.client]),
    ) as Clients;
  }

  /** Where the transaction stands. */
  get state(): TransactionState {
    return this.#states.current;
  }

  /**
   * Commits everywhere or nowhere.
   *
   * 1. Asks each database whether its branch wrote anything; those that did not just commit.
   * 2. One that wrote: it commits in one phase.
   * 3. Two or more: all are prepared at once, the decision is synced in the log, all are committed at once.
   *
   * @returns When the last database has answered; by then, or after the settle timeout, this resolves.
   * @throws {TransactionAbortedError} If nothing happened anywhere.
   * @throws {OutcomeUnknownError} If only the log, or the database of a one-phase commit, knows.
   * @throws {HeuristicOutcomeError} If someone ended a branch otherwise.
   * @throws {TypeError} If the transaction has ended already.
   */
  async commit(): Promise<CommitResult> {
    if (this.#aborting !== null && this.#deadline.error !== null) {
      await this.#aborting.catch(() => {});
      throw abortedError(this.id, deadlineReason(this.#deadline.error));
    }
    this.#states.moveTo("committing");
    const failure = await this.#examine();
    if (failure !== null) return await this.#abort(failure);
    const writers = this.#branches.filter(({ writes }) => writes);
    const readers = this.#branches.filter(({ writes }) => !writes);
    return writers.length > 1
      ? await this.#commitInTwoPhases(writers, readers)
      : await this.#commitInOnePhase(writers[0], readers);
  }

  /**
   * Rolls back everywhere. Has no effect if that was done already.
   *
   * @throws {TypeError} If the transaction was committed, or is being.
   */
  async rollback(): Promise<void> {
    if (this.#aborting === null) {
      // From "committing" on the way back is the commit's own: the decision may be on its way to the disk.
      if (this.#states.current !== "active") {
        throw new TypeError(
          `Cannot roll back transaction ${this.id}: it is "${this.#states.current}", ` +
            'only an "active" one can be rolled back',
        );
      }
      this.#states.moveTo("aborting");
      this.#aborting = this.#rollBack();
    }
    await this.#aborting;
  }

  /** Rolls back if neither {@linkcode commit} nor {@linkcode rollback} was called. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#states.current === "active") await this.rollback();
  }

  async #examine(): Promise<AbortReason | null> {
    const asked = await Promise.all(this.#branches.map(async (branch) => {
      try {
        await this.#deadline.race(branch.examine());
        return null;
      } catch (cause) {
        return { branch, cause };
      }
    }));
    const ended = asked.filter((one) => one?.cause instanceof BranchEndedError);
    if (ended.length > 0) throw await this.#endedByHand(ended.map((one) => one!.branch));
    const failed = asked.find((one) => one !== null);
    if (failed === undefined || failed === null) return null;
    if (this.#deadline.error !== null) return deadlineReason(this.#deadline.error);
    return {
      reason: `the branch in "${failed.branch.participant}" has failed${because(failed.cause)}`,
      retryable: false,
      participant: failed.branch.participant,
      cause: failed.cause,
    };
  }

  async #endedByHand(branches: readonly EnlistedBranch[]): Promise<HeuristicOutcomeError> {
    // What the application left in the session after ending the branch is rolled back too.
    this.#states.moveTo("aborting");
    await this.#rollBack().catch(() => {});
    const heuristics = branches.map(({ participant, gid }) => (
      { participant, gid, outcome: "unknown" } as const
    ));
    const cause = new BranchEndedError();
    return new HeuristicOutcomeError(this.id, "rolled back", heuristics, { cause });
  }

  async #commitInOnePhase(
    writer: EnlistedBranch | undefined,
    readers: readonly EnlistedBranch[],
  ): Promise<CommitResult> {
    const failure = this.#deadlinePassed() ?? await this.#commitReaders(readers);
    if (failure !== null) return await this.#abort(failure);
    if (writer !== undefined) {
      const answer = await writer.commit(this.#context.prepareTimeout);
      if (answer.kind === "refused") return await this.#abort(refusal(writer, "COMMIT", answer));
      if (answer.kind === "unknown") {
        this.#end("unknown");
        throw new OutcomeUnknownError(
          this.id,
          `the answer of "${writer.participant}" to COMMIT was lost`,
          { cause: answer.error },
        );
      }
    }
    this.#end("committed");
    return { settled: Promise.resolve() };
  }

  async #commitInTwoPhases(
    writers: readonly EnlistedBranch[],
    readers: readonly EnlistedBranch[],
  ): Promise<CommitResult> {
    const { log } = this.#context;
    try {
      if (this.#context.forceBegin) {
        await log.begin(this.#txn, writers);
        this.#begun = true;
      }
    } catch (cause) {
      return await this.#abort(logRefusal(cause));
    }
    const failures = await Promise.all([this.#prepare(writers), this.#commitReaders(readers)]);
    const failure = failures.find((one) => one !== null) ?? this.#deadlinePassed();
    if (failure !== null) return await this.#abort(failure);
    this.#context.onProtocolPoint("all-prepared", this.id);

    this.#states.moveTo("deciding");
    try {
      await log.decide(this.#txn, writers);
    } catch (cause) {
      if (!(cause instanceof LogUnavailableError) || cause.written === "no") {
        return await this.#abort(logRefusal(cause));
      }
      this.#states.moveTo("unknown");
      this.#context.strand(this.#txn);
      this.#releaseAll();
      void this.#settleWhenKnown(cause, writers);
      throw new OutcomeUnknownError(
        this.id,
        "the log could not say whether the decision is on disk",
        {
          cause,
        },
      );
    }
    this.#states.moveTo("settling");
    return await this.#settle(writers);
  }

  /** The log may come back with the decision in it: then the branches are committed after all. */
  async #settleWhenKnown(
    { settled }: LogUnavailableError,
    writers: readonly EnlistedBranch[],
  ): Promise<void> {
    if (!await settled) return;
    const settlement = this.#context.settle(this.#txn, "commit", writers, true);
    for (const branch of writers) void this.#context.resolver.take(settlement, branch);
    this.#context.unstrand(this.#txn);
  }

  async #prepare(writers: readonly EnlistedBranch[]): Promise<AbortReason | null> {
    let answered = 0;
    const failures = await Promise.all(writers.map(async (branch) => {
      const answer = await branch.prepare(this.#context.prepareTimeout);
      if (answer.kind !== "done") return refusal(branch, "PREPARE", answer);
      answered++;
      if (answered === 1) this.#context.onProtocolPoint("first-prepared", this.id);
      return null;
    }));
    return failures.find((failure) => failure !== null) ?? null;
  }

  async #commitReaders(readers: readonly EnlistedBranch[]): Promise<AbortReason | null> {
    const failures = await Promise.all(readers.map(async (branch) => {
      const answer = await branch.commit(this.#context.prepareTimeout);
      return answer.kind === "done" ? null : refusal(branch, "COMMIT", answer);
    }));
    return failures.find((failure) => failure !== null) ?? null;
  }

  async #settle(writers: readonly EnlistedBranch[]): Promise<CommitResult> {
    const { clock, onProtocolPoint, settleTimeout } = this.#context;
    const settlement = this.#context.settle(this.#txn, "commit", writers, true);
    const begun = clock.elapsed();
    onProtocolPoint("decided", this.id);
    let committed = 0;
    await Promise.all(writers.map(async (branch) => {
      const answer = await branch.commitPrepared(settleTimeout);
      branch.progress = "ended";
      branch.release();
      if (answer.kind !== "done") {
        void this.#context.resolver.take(settlement, branch, answer);
        return;
      }
      committed++;
      if (committed === 1) onProtocolPoint("first-committed", this.id);
      if (committed === writers.length) onProtocolPoint("all-committed", this.id);
      settlement.settle(branch.gid);
    }));
    const left = Math.max(0, settleTimeout - (clock.elapsed() - begun));
    await within(clock, settlement.done, left, undefined);
    this.#end("committed");
    if (settlement.heuristics.length > 0) {
      throw new HeuristicOutcomeError(this.id, "committed", settlement.heuristics);
    }
    return { settled: settlement.done };
  }

  #deadlinePassed(): AbortReason | null {
    return this.#deadline.error === null ? null : deadlineReason(this.#deadline.error);
  }

  async #abort(failure: AbortReason): Promise<never> {
    this.#states.moveTo("aborting");
    // A branch that cannot even be rolled back is rolled back by its database: its session has ended.
    await this.#rollBack().catch(() => {});
    throw abortedError(this.id, failure);
  }

  async #rollBack(): Promise<void> {
    const doubtful = this.#branches.filter(({ progress }) =>
      progress === "prepared" || progress === "maybe prepared"
    );
    const settlement = this.#begun || doubtful.length > 0
      ? this.#context.settle(this.#txn, "rollback", doubtful, this.#begun)
      : null;
    const endings = await Promise.allSettled(this.#branches.map(async (branch) => {
      if (branch.progress === "active") await branch.rollback();
      else if (settlement !== null) await this.#rollBackPrepared(branch, settlement);
    }));
    this.#end("aborted");
    const failed = endings.find((ending) => ending.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #rollBackPrepared(branch: EnlistedBranch, settlement: Settlement): Promise<void> {
    if (branch.progress === "ended") return;
    const { resolver, settleTimeout } = this.#context;
    const doubtful = branch.progress === "maybe prepared";
    const answer = doubtful ? undefined : await branch.rollbackPrepared(settleTimeout);
    branch.progress = "ended";
    branch.release();
    // The resolver needs a session of its own, and is not waited for: it may take for ever.
    if (answer?.kind === "done") settlement.settle(branch.gid);
    else void resolver.take(settlement, branch, answer);
  }

  #end(state: "committed" | "aborted" | "unknown"): void {
    this.#states.moveTo(state);
    this.#releaseAll();
    this.#context.forget(this.#txn);
  }

  #releaseAll(): void {
    for (const branch of this.#branches) branch.release();
    this.#deadline[Symbol.dispose]();
  }
}

function abortedError(id: string, failure: AbortReason): TransactionAbortedError {
  const { reason, retryable, participant, cause } = failure;
  return new TransactionAbortedError(id, reason, {
    cause,
    retryable,
    ...(participant === undefined ? {} : { participant }),
  });
}

function because(error: unknown): string {
  return error instanceof Error ? ` (${error.message})` : "";
}

function refusal(
  branch: EnlistedBranch,
  command: string,
  answer: Exclude<VoteAnswer | PrepareAnswer, { kind: "done" }>,
): AbortReason {
  const verb = answer.kind === "refused" ? "refused" : "did not answer";
  return {
    reason: `"${branch.participant}" ${verb} ${command}${because(answer.error)}`,
    retryable: answer.kind === "unknown" || answer.retryable,
    participant: branch.participant,
    cause: answer.error,
  };
}

function logRefusal(cause: unknown): AbortReason {
  return { reason: `the log took no record${because(cause)}`, retryable: false, cause };
}
