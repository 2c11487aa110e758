/**
 * What an operator may do with a transaction in doubt. Each action is on disk, with who and why, before it
 * is carried out; what contradicts a decision is refused unless it is forced, and stays visible.
 *
 * @module
 */

import { type Clock, within } from "../platform/clock.ts";
import type { DecisionLog, OperatorVerdict } from "./decision_log.ts";
import { GID_FAMILY } from "./gid.ts";
import type { Ledger } from "./ledger.ts";
import type { Member } from "./member.ts";
import type { Membership } from "./membership.ts";
import type { SettleAnswer } from "./participant.ts";
import type { Resolver } from "./resolver.ts";
import type { BranchOutcome, Settlement, UnsettledBranch } from "./settlement.ts";

/** How long a database may take to answer what an operator asks of it. */
const ANSWER_TIMEOUT_MS = 30_000;
/** So many other coordinators may be adopted. */
const MAX_ADOPTED = 50;
const MAX_WORDS = 1000;
const COORDINATOR_ID = /^[A-Za-z0-9.-]{1,32}$/;

/** Why an operator does something. */
export interface OperatorAction {
  /** Why, for those who read it later; at most 1000 characters. */
  readonly reason: string;
  /**
   * Who does it.
   *
   * @default {"operator"}
   */
  readonly by?: string;
}

/** How a branch is ended. */
export interface ResolveAction extends OperatorAction {
  /**
   * Whether it is ended against a recorded decision: the databases then disagree.
   *
   * @default {false}
   */
  readonly force?: boolean;
}

/** What the actions work on. */
export interface OperatorContext {
  readonly log: DecisionLog;
  readonly ledger: Ledger;
  readonly resolver: Resolver;
  readonly membership: Membership;
  readonly members: ReadonlyMap<string, Member>;
  /** Stamps the records, and limits the waiting. */
  readonly clock: Clock;
  /** Hears of a branch that does not end as its transaction did, of which the log holds nothing. */
  readonly onUnlogged: (settlement: Settlement) => void;
}

/** Carries out what operators decide. */
export class Operator {
  readonly #context: OperatorContext;

  /**
   * Begins.
   *
   * @param context What the actions work on.
   */
  constructor(context: OperatorContext) {
    this.#context = context;
  }

  /**
   * Ends the branch of a transaction in one participant; see {@linkcode Coordinator.resolve}.
   *
   * @param id Id of the transaction.
   * @param participant Name of the participant.
   * @param kind How it is to end.
   * @param action Why, and whether against the decision.
   */
  async resolve(
    id: string,
    participant: string,
    kind: "commit" | "rollback",
    action: ResolveAction,
  ): Promise<void> {
    const settlement = this.#find("resolve", id);
    const branch = settlement.outstanding.find((one) => one.participant === participant);
    if (branch === undefined) {
      throw new RangeError(
        `Cannot resolve transaction ${id} in "${participant}": it is not in doubt there, only in ` +
          JSON.stringify(settlement.outstanding.map((one) => one.participant)),
      );
    }
    assertResolvable(settlement, kind, action.force ?? false);
    const member = this.#context.members.get(participant);
    if (member === undefined) {
      throw new RangeError(
        `Cannot resolve transaction ${id}: participant "${participant}" was not given to this ` +
          "coordinator, open it with that participant",
      );
    }
    await this.#record({ kind, subject: id, participant, gid: branch.gid }, action);
    await this.#end(settlement, branch, member, kind);
  }

  /**
   * Gives up a transaction; see {@linkcode Coordinator.forget}.
   *
   * @param id Id of the transaction.
   * @param action Why, and whether with branches that have not ended.
   */
  async forget(id: string, action: ResolveAction): Promise<void> {
    const settlement = this.#find("forget", id);
    assertForgettable(settlement, action.force ?? false);
    await this.#record({ kind: "forget", subject: id, participant: "", gid: "" }, action);
    for (const { gid } of settlement.outstanding) this.#context.resolver.drop(gid);
    this.#context.ledger.drop(settlement);
  }

  /**
   * Shows the branches of a coordinator whose log is lost; see {@linkcode Coordinator.adopt}.
   *
   * @param coordinator Id of that coordinator.
   * @param action Why.
   */
  async adopt(coordinator: string, action: OperatorAction): Promise<void> {
    const { log, membership } = this.#context;
    // From JavaScript it may be no text at all, whose name a pattern would take for an id.
    const isId = typeof coordinator === "string" && COORDINATOR_ID.test(coordinator);
    if (!isId || coordinator === log.coordinator) {
      throw new RangeError(
        `Cannot adopt the branches of ${
          JSON.stringify(coordinator)
        }: it must be the id of another ` +
          `coordinator, as its gids have it after "${GID_FAMILY}"`,
      );
    }
    if (log.adopted.size >= MAX_ADOPTED && !log.adopted.has(coordinator)) {
      throw new RangeError(
        `Cannot adopt the branches of "${coordinator}": those of ${MAX_ADOPTED} coordinators were ` +
          "adopted already, which is all that is allowed",
      );
    }
    await this.#record({ kind: "adopt", subject: coordinator, participant: "", gid: "" }, action);
    await membership.sweepAll();
  }

  #find(action: string, id: string): Settlement {
    const settlement = this.#context.ledger.find(id);
    if (settlement !== undefined) return settlement;
    throw new RangeError(`Cannot ${action} transaction ${JSON.stringify(id)}: it is not in doubt`);
  }

  async #record(
    verdict: Omit<OperatorVerdict, "reason" | "by" | "at">,
    action: OperatorAction,
  ): Promise<void> {
    const { reason, by = "operator" } = action;
    if (typeof reason !== "string" || typeof by !== "string") {
      throw new TypeError(
        `Cannot ${verdict.kind} ${verdict.subject}: the reason and who acts must be texts, ` +
          "for those who read them later",
      );
    }
    if (reason.trim() === "" || reason.length > MAX_WORDS || by.length > MAX_WORDS) {
      throw new RangeError(
        `Cannot ${verdict.kind} ${verdict.subject}: the reason must have 1 to ${MAX_WORDS} characters, ` +
          "for those who read it later",
      );
    }
    const at = new Date(this.#context.clock.now()).toISOString();
    await this.#context.log.record({ ...verdict, reason, by, at });
  }

  async #ask(member: Member, gid: string, kind: "commit" | "rollback"): Promise<SettleAnswer> {
    const { participant } = member;
    const answer = kind === "commit"
      ? participant.commitPrepared(gid)
      : participant.rollbackPrepared(gid);
    const guarded = answer.catch((error): SettleAnswer => ({ kind: "later", error }));
    const error = new Error(`no answer within ${ANSWER_TIMEOUT_MS} ms`);
    return await within(this.#context.clock, guarded, ANSWER_TIMEOUT_MS, { kind: "later", error });
  }

  async #end(
    settlement: Settlement,
    branch: UnsettledBranch,
    member: Member,
    kind: "commit" | "rollback",
  ): Promise<void> {
    const { gid, participant } = branch;
    const { verdict } = settlement;
    const answer = await this.#ask(member, gid, kind);
    // The resolver may have come first with the same.
    if (answer.kind === "absent" && verdict === kind && !settlement.has(gid)) return;
    if (answer.kind !== "done") {
      const why = answer.kind === "absent"
        ? "it is not prepared there any more, look at the database and then forget it"
        : `${explain(answer.error)}, look whether it is prepared still and try again`;
      const options = answer.kind === "absent" ? {} : { cause: answer.error };
      throw new Error(`Cannot ${kind} ${gid} in "${participant}": ${why}`, options);
    }
    this.#context.resolver.drop(gid);
    this.#context.ledger.noteEnded(gid);
    const outcome: BranchOutcome = kind === "commit" ? "committed" : "rolled back";
    const against = (verdict === "commit" || verdict === "rollback") && verdict !== kind;
    // Without a token the next opening could not tell how it ended; then only the verdict says so.
    if (against && !settlement.logged && branch.token !== null) {
      this.#context.onUnlogged(settlement);
    }
    settlement.settle(gid, outcome, against ? { participant, gid, outcome } : undefined);
  }
}

/** What went wrong, as part of a message. */
function explain(error: unknown): string {
  return error instanceof Error ? error.message : `its database answered ${String(error)}`;
}

function assertForgettable({ id, verdict, outstanding }: Settlement, force: boolean): void {
  if (verdict === "log") {
    throw new TypeError(
      `Cannot forget transaction ${id}: its decision may be on disk, ` +
        "see that the log's disk works, or close the coordinator and open it again",
    );
  }
  // Nothing is prepared of what was sent a one-phase COMMIT.
  if (outstanding.length === 0 || verdict === "ask" || force) return;
  throw new TypeError(
    `Cannot forget transaction ${id}: ${outstanding.length} of its branches may be prepared, and ` +
      "without its decision the next sweep may roll them back, resolve them first, or force it",
  );
}

function assertResolvable(settlement: Settlement, kind: "commit" | "rollback", force: boolean) {
  const { id, verdict } = settlement;
  if (verdict === "log") {
    throw new TypeError(
      `Cannot ${kind} transaction ${id}: its decision may be on disk, ` +
        "see that the log's disk works, or close the coordinator and open it again",
    );
  }
  if (verdict === "ask") {
    throw new TypeError(
      `Cannot ${kind} transaction ${id}: it was sent a one-phase COMMIT and nothing of it is prepared, ` +
        "look at its database and then forget it",
    );
  }
  if (verdict !== "operator" && verdict !== kind && !force) {
    throw new TypeError(
      `Cannot ${kind} transaction ${id}: it is driven to ${verdict} everywhere, ` +
        "force it only if the databases may disagree",
    );
  }
}
