/**
 * Begins transactions: a number, a place among those that run, a session of each participant. Whatever
 * fails on the way, everything taken goes back, and the caller learns that nothing happened.
 *
 * @module
 */

import { abortedError } from "./abort_reason.ts";
import { Admission, OverloadError } from "./admission.ts";
import { GidPrefix } from "./branch_facts.ts";
import { rejectAtCaller } from "./caller_stack.ts";
import { Deadline, DeadlineError } from "./deadline.ts";
import type { DecisionLog } from "./decision_log.ts";
import {
  enlist,
  type EnlistmentContext,
  EnlistmentError,
  type EnlistmentListener,
  enlistmentReason,
  giveBack,
  UnusableError,
} from "./enlist.ts";
import { type EnlistedBranch, PLAIN } from "./enlisted_branch.ts";
import { CoordinatorClosedError, ParticipantIdentityError } from "./errors.ts";
import type { Ledger } from "./ledger.ts";
import type { Member } from "./member.ts";
import {
  assertLabel,
  assertModes,
  type FullOptions,
  milliseconds,
  type TransactionOptions,
} from "./options.ts";
import type { BranchOptions } from "./participant.ts";
import { type BeginRequest, type TransactionContext, TransactionCore } from "./transaction_core.ts";
import type { TransactionNumbers } from "./transaction_id.ts";

/** Who hears whether a transaction got its turn; what it does then must not throw. */
export interface AdmissionListener {
  /** Hears of a transaction without branches. */
  admitted(core: TransactionCore): void;
  /** Hears why there is none. */
  notAdmitted(error: unknown): void;
}

/** What transactions are begun with. */
export interface BeginningOptions {
  /** The coordinator's id. */
  readonly coordinator: string;
  /** Gives out numbers. */
  readonly numbers: TransactionNumbers;
  /** The participants by name. */
  readonly members: ReadonlyMap<string, Member>;
  /** Takes account of them. */
  readonly ledger: Ledger;
  /** Keeps how they ended. */
  readonly log: DecisionLog;
  /** The coordinator's options. */
  readonly options: FullOptions;
  /** What a transaction needs of its coordinator, besides what is done here. */
  readonly context: Omit<TransactionContext, "enlist" | "end">;
}

function branchOptionsOf(options: TransactionOptions): Omit<BranchOptions, "gid"> {
  const { isolationLevel, readOnly } = options;
  if (isolationLevel === undefined && readOnly === undefined) return PLAIN;
  assertModes(options);
  return {
    ...(isolationLevel === undefined ? {} : { isolationLevel }),
    ...(readOnly === undefined ? {} : { readOnly }),
  };
}

/** Begins the transactions of one coordinator. */
export class Beginning {
  readonly #with: BeginningOptions;
  readonly #enlistment: EnlistmentContext<TransactionCore>;
  readonly #admission: Admission;
  readonly #context: TransactionContext;
  /** Those of the last transaction that began over others than the one before. */
  #members: readonly Member[] = [];
  /** Made once for all transactions. */
  readonly #memberNamed = (name: string) => this.#memberOf(name, null);

  /**
   * Begins with no transaction.
   *
   * @param options What transactions are begun with.
   */
  constructor(options: BeginningOptions) {
    this.#with = options;
    const { clock } = options.context;
    this.#enlistment = {
      gidPrefix: new GidPrefix(options.coordinator),
      clock,
      failed: (core, error) => this.#abandon(core, error),
    };
    this.#admission = new Admission(options.options.maxConcurrentTransactions);
    this.#context = {
      ...options.context,
      enlist: (core, participant) => this.#enlistLate(core, participant),
      end: (core) => this.#end(core),
    };
  }

  /**
   * Begins a transaction.
   *
   * @param names The participants.
   * @param options Timeout, signal, and how its branches begin.
   * @returns The transaction, with its branches begun.
   * @throws {TransactionAbortedError} If it could not begin.
   * @throws {TypeError} If a name is given twice or none is, or an option is of another type.
   * @throws {RangeError} If a name is not that of a participant, or an option out of its range.
   */
  async begin(names: readonly string[], options: TransactionOptions): Promise<TransactionCore> {
    const core = await new Promise<TransactionCore>((resolve, reject) =>
      this.admit(names, options, {
        admitted: resolve,
        notAdmitted: (error) => rejectAtCaller(error, resolve, reject),
      })
    );
    core.branches = await enlisted(this.#enlistment, core, core.members);
    return core;
  }

  /**
   * The first half of {@linkcode begin}: gives a transaction its turn and its number. From then on it is live.
   *
   * @param names The participants.
   * @param options Timeout, signal, and how its branches will begin.
   * @param listener Hears of the transaction, which {@linkcode enlist} is to be called with, or what
   * {@linkcode begin} throws; before this returns, unless the transaction must wait for its turn.
   */
  admit(
    names: readonly string[],
    options: TransactionOptions,
    listener: AdmissionListener,
  ): void {
    let deadline: Deadline | null = null;
    let core: TransactionCore;
    try {
      const members = this.#membersOf(names);
      const timeout = milliseconds("timeout", options.timeout, this.#with.options.timeout);
      const label = assertLabel(options.label);
      const branchOptions = branchOptionsOf(options);
      deadline = new Deadline(this.#with.context.clock, timeout, options.signal);
      const request = { members, deadline, label, branchOptions };
      const turn = this.#admission.enter(deadline);
      if (turn !== null) return this.#startInTurn(turn, request, listener);
      core = this.#start(request);
    } catch (error) {
      deadline?.[Symbol.dispose]();
      return listener.notAdmitted(explain(null, error));
    }
    listener.admitted(core);
  }

  /**
   * The second half of {@linkcode begin}: begins the branches.
   *
   * @param core The transaction, which has none; if it fails, it is "aborted" then.
   * @param listener Hears of the branches, which are to be the transaction's, or what {@linkcode begin} throws.
   */
  enlist(core: TransactionCore, listener: EnlistmentListener): void {
    enlist(this.#enlistment, core, core.members, listener);
  }

  /** Turns away what has not begun. */
  close(): void {
    this.#admission.close();
  }

  /**
   * Ends the time of every transaction whose function still runs, or that still waits for a session. Who has
   * begun to commit is left alone.
   *
   * @returns When they have let go of everything.
   */
  async expire(): Promise<void> {
    const cause = new CoordinatorClosedError();
    await Promise.all(this.#with.ledger.live.map((transaction) => {
      return transaction.expire(new DeadlineError("its coordinator was closed", false, { cause }));
    }));
  }

  #startInTurn(turn: Promise<void>, request: BeginRequest, listener: AdmissionListener): void {
    const turnedAway = (error: unknown) => {
      request.deadline[Symbol.dispose]();
      listener.notAdmitted(explain(null, error));
    };
    turn.then(() => {
      let core: TransactionCore;
      try {
        this.#admission.assertOpen();
        core = this.#start(request);
      } catch (error) {
        return turnedAway(error);
      }
      listener.admitted(core);
    }, turnedAway);
  }

  #start(request: BeginRequest): TransactionCore {
    const core = new TransactionCore(this.#number(), this.#context, request);
    this.#with.ledger.begin(core);
    return core;
  }

  /** Takes a number; if there is none left, the turn goes to the next. */
  #number(): bigint {
    try {
      return this.#with.numbers.next();
    } catch (error) {
      this.#admission.leave();
      throw error;
    }
  }

  /** Ends a transaction that got no branches; answers what its caller is told. */
  #abandon(core: TransactionCore, error: unknown): unknown {
    if (error instanceof EnlistmentError && error.cause instanceof ParticipantIdentityError) {
      this.#context.onSuspect(error.participant);
    }
    core.states.moveTo("aborting");
    this.#with.log.conclude(core.txn, false);
    core.end("aborted");
    return explain(core.id, error);
  }

  #end({ txn }: TransactionCore): void {
    this.#with.ledger.end(txn);
    this.#admission.leave();
  }

  async #enlistLate(core: TransactionCore, participant: string): Promise<EnlistedBranch> {
    const member = this.#memberOf(participant, core.id);
    const context = { ...this.#enlistment, failed: (_: TransactionCore, error: unknown) => error };
    const enlisting = enlisted(context, core, [member]);
    // The watch over its time ends with the transaction; a session may be waited for after that.
    const ended = core.ended.then((): EnlistedBranch[] => []);
    const [branch] = await Promise.race([enlisting, ended]);
    if (core.states.current !== "active") {
      const givingBack = enlisting.then(giveBack, () => {});
      if (branch !== undefined) await givingBack;
    }
    core.states.assertActive(`enlist "${participant}" in`);
    core.branches = [...core.branches, branch!];
    return branch!;
  }

  #membersOf(names: readonly string[]): readonly Member[] {
    // Most transactions are over the same participants as the one before.
    if (isNamed(this.#members, names)) return this.#members;
    if (names.length === 0 || hasTwice(names)) {
      throw new TypeError(
        `Cannot begin a transaction over ${JSON.stringify(names)}: ` +
          "name at least one participant, and each only once",
      );
    }
    return this.#members = names.map(this.#memberNamed);
  }

  /** A participant that can be used, for a new transaction or one that is there. */
  #memberOf(name: string, transaction: string | null): Member {
    const member = this.#with.members.get(name);
    if (member === undefined) {
      const action = transaction === null
        ? `begin a transaction over "${name}"`
        : `enlist "${name}" in transaction ${transaction}`;
      throw new RangeError(
        `Cannot ${action}: the participants are ${JSON.stringify([...this.#with.members.keys()])}`,
      );
    }
    if (member.error !== null) throw new UnusableError(name, member.error);
    return member;
  }
}

/** Whether these are the names of participants, all of which can be used, in their order. */
function isNamed(members: readonly Member[], names: readonly string[]): boolean {
  if (members.length === 0 || members.length !== names.length) return false;
  for (let place = 0; place < members.length; place++) {
    const { name, error } = members[place]!;
    if (name !== names[place] || error !== null) return false;
  }
  return true;
}

function hasTwice(names: readonly string[]): boolean {
  for (let place = 1; place < names.length; place++) {
    if (names.indexOf(names[place]!) < place) return true;
  }
  return false;
}

/** As {@linkcode enlist}, for who waits by a promise. */
function enlisted(
  context: EnlistmentContext<TransactionCore>,
  core: TransactionCore,
  members: readonly Member[],
): Promise<EnlistedBranch[]> {
  return new Promise((resolve, reject) =>
    enlist(context, core, members, {
      enlisted: resolve,
      notEnlisted: (error) => rejectAtCaller(error, resolve, reject),
    })
  );
}

function explain(id: string | null, error: unknown): unknown {
  if (error instanceof OverloadError) {
    return abortedError(id, { reason: error.message, retryable: true, cause: error });
  }
  const reason = enlistmentReason(error);
  return reason === null ? error : abortedError(id, reason);
}
