/**
 * What a transaction is inside: its branches, how far it has come, and its way back. The ways forward are
 * in `commit.ts`, which leads to `voting.ts`, `one_phase.ts` and `two_phase.ts`.
 *
 * @module
 */

import { type Clock, within } from "../platform/clock.ts";
import type { Deadline, DeadlineError } from "./deadline.ts";
import type { DecisionLog } from "./decision_log.ts";
import type { EnlistedBranch } from "./enlisted_branch.ts";
import type { HeuristicBranch } from "./errors.ts";
import type { LiveTransaction, SettlementRequest } from "./ledger.ts";
import type { Member } from "./member.ts";
import type { BranchOptions } from "./participant.ts";
import type { ProtocolPointObserver } from "./protocol_point.ts";
import type { Resolver } from "./resolver.ts";
import { askOne } from "./round.ts";
import type { Settlement } from "./settlement.ts";
import { TransactionStates } from "./transaction_state.ts";

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
  /** Begins one more branch of a transaction. */
  enlist(core: TransactionCore, participant: string): Promise<EnlistedBranch>;
  /** Opens the settling of a transaction. */
  settle(request: SettlementRequest): Settlement;
  /** Hears of a transaction that its caller no longer waits for. */
  onUnsettled(settlement: Settlement): void;
  /** Hears that a participant may be another database than it was. */
  onSuspect(participant: string): void;
  /** Takes the transaction out of the live ones. */
  end(core: TransactionCore): void;
}

/** A transaction that is to begin. */
export interface BeginRequest {
  /** Its participants, in the order of their branches. */
  readonly members: readonly Member[];
  /** The end of its time. */
  readonly deadline: Deadline;
  /** What the application calls it. */
  readonly label: string | undefined;
  /** How its branches begin. */
  readonly branchOptions: Omit<BranchOptions, "gid">;
}

// The same for all that have none.
const NO_BRANCHES: readonly EnlistedBranch[] = [];
const NO_HEURISTICS: readonly HeuristicBranch[] = [];

/** The inside of one transaction. */
export class TransactionCore implements LiveTransaction {
  #hasEnded = false;
  /** Made when somebody waits for it. */
  #ended: PromiseWithResolvers<void> | null = null;

  readonly txn: bigint;
  readonly id: string;
  readonly context: TransactionContext;
  readonly members: BeginRequest["members"];
  readonly deadline: Deadline;
  readonly label: string | undefined;
  readonly branchOptions: BeginRequest["branchOptions"];
  readonly states: TransactionStates;
  /** Its branches, in the order of their numbers. */
  branches: readonly EnlistedBranch[] = NO_BRANCHES;
  /** Whether the log holds a Begin of it. */
  begun = false;
  /** Branches that did not end as it was rolled back: someone has committed them, or may have. */
  heuristics: readonly HeuristicBranch[] = NO_HEURISTICS;
  /** Whether someone has ended a branch that was prepared, and it is not known yet how. */
  meddledWith = false;
  /** What commits its branches, while that is under way. */
  settling: { open(): Settlement } | null = null;
  /** Another participant that is being enlisted. */
  enlisting: string | null = null;
  /** Its way back, once that was asked for or its time was up; not the commit's own. */
  aborting: Promise<void> | null = null;
  /** Why it was rolled back though its function did not ask for that; `null` if it was not. */
  failure: Error | null = null;
  /** What committing it comes to, once that was asked for by hand. */
  committing: Promise<unknown> | null = null;

  /**
   * Begins without branches.
   *
   * @param txn Number of the transaction.
   * @param context What it needs of its coordinator.
   * @param request What was asked for.
   */
  constructor(txn: bigint, context: TransactionContext, request: BeginRequest) {
    this.txn = txn;
    this.id = String(txn);
    this.context = context;
    this.members = request.members;
    this.deadline = request.deadline;
    this.label = request.label;
    this.branchOptions = request.branchOptions;
    this.states = new TransactionStates(this.id);
  }

  /** Resolves when it has let go of everything. */
  get ended(): Promise<void> {
    if (this.#hasEnded) return Promise.resolve();
    this.#ended ??= Promise.withResolvers<void>();
    return this.#ended.promise;
  }

  expire(error: DeadlineError): Promise<void> | null {
    if (this.states.current !== "active") return null;
    this.deadline.expire(error);
    return this.ended;
  }

  openSettling(): void {
    this.settling?.open();
  }

  /** Opens the settling of some of its branches. */
  settle(
    verdict: SettlementRequest["verdict"],
    branches: readonly EnlistedBranch[],
    logged: boolean,
    since?: number,
  ): Settlement {
    const { txn, id, label } = this;
    // A roll-back is noted at once; how a lost COMMIT ended, when it is known.
    const concluded = verdict === "commit" || verdict === "rollback";
    return this.context.settle({ txn, id, verdict, branches, logged, concluded, label, since });
  }

  /** Goes its way back; the state must be "active". */
  abort(): Promise<void> {
    this.states.moveTo("aborting");
    return this.aborting = this.rollBack();
  }

  /**
   * Rolls every branch back; the state must be "aborting". What does not answer is left to the resolver. What
   * someone has committed is among {@linkcode heuristics} then, also if this throws.
   *
   * @throws The first failure of a branch that could not even be rolled back.
   */
  async rollBack(): Promise<void> {
    this.context.log.conclude(this.txn, false);
    const doubtful = this.branches.filter(({ progress }) =>
      progress === "prepared" || progress === "maybe prepared"
    );
    const settlement = this.begun || doubtful.length > 0
      ? this.settle("rollback", doubtful, this.begun)
      : null;
    const endings = await Promise.allSettled(this.branches.map(async (branch) => {
      if (branch.progress === "active") await branch.rollback();
      else if (settlement !== null) await this.#rollBackPrepared(branch, settlement);
    }));
    this.heuristics = settlement?.heuristics ?? NO_HEURISTICS;
    this.end("aborted");
    const failed = endings.find((ending) => ending.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  /** Takes its last step and lets go of everything. */
  end(state: "committed" | "aborted" | "unknown"): void {
    this.states.moveTo(state);
    this.releaseAll();
    this.context.end(this);
    this.#hasEnded = true;
    this.#ended?.resolve();
  }

  /** Gives every session back and ends the watch over its time. */
  releaseAll(): void {
    for (const branch of this.branches) branch.release();
    this.deadline[Symbol.dispose]();
  }

  async #rollBackPrepared(branch: EnlistedBranch, settlement: Settlement): Promise<void> {
    if (branch.progress === "ended") return;
    const { clock, resolver, settleTimeout } = this.context;
    const doubtful = branch.progress === "maybe prepared";
    const limits = { clock, milliseconds: settleTimeout };
    const heard = doubtful
      ? undefined
      : await askOne(branch, "ROLLBACK PREPARED", () => branch.rollbackPrepared(), limits);
    const answer = heard?.kind === "unknown" ? { ...heard, kind: "later" as const } : heard;
    branch.progress = "ended";
    branch.release();
    if (answer?.kind === "done") {
      settlement.settle(branch.gid, "rolled back");
      return;
    }
    // The resolver needs a session of its own, and is not waited for: it may take for ever.
    const tried = resolver.take(settlement, branch, answer);
    this.context.onUnsettled(settlement);
    // But if someone else has ended the branch, the caller should hear how.
    if (answer?.kind !== "absent") return;
    await within(clock, tried, settleTimeout, undefined);
    if (settlement.has(branch.gid)) this.meddledWith = true;
  }
}
