/**
 * The coordinator: owns one log directory, runs transactions over its participants, and settles what a
 * crash or an outage left in doubt.
 *
 * @module
 */

import { within } from "../platform/clock.ts";
import { Deadline, DeadlineError } from "./deadline.ts";
import type { DecisionLog } from "./decision_log.ts";
import { enlist, EnlistmentError } from "./enlist.ts";
import type { EnlistedBranch } from "./enlisted_branch.ts";
import {
  CoordinatorClosedError,
  ParticipantUnavailableError,
  TransactionAbortedError,
} from "./errors.ts";
import { Ledger } from "./ledger.ts";
import { Member } from "./member.ts";
import { Membership } from "./membership.ts";
import {
  type ClientsOf,
  completeOptions,
  type CoordinatorOptions,
  type FullOptions,
  milliseconds,
  type Participants,
  type TransactionOptions,
} from "./options.ts";
import { type RecoveryReport, settleRecovered, takeUp } from "./recover.ts";
import { Resolver } from "./resolver.ts";
import { Transaction, type TransactionContext } from "./transaction.ts";
import { TransactionNumbers } from "./transaction_id.ts";
import { WalDecisionLog } from "./wal_decision_log.ts";

/**
 * Commits transactions over several databases: in all of them or in none.
 *
 * @typeParam P The participants by name, as given to {@linkcode Coordinator.open}.
 *
 * @example Move money between two databases
 * ```ts
 * import { PGlite } from "@electric-sql/pglite";
 * import { Coordinator } from "@indoubt/coordinator";
 * import { pglite } from "@indoubt/coordinator/pglite";
 *
 * const startParams = [...PGlite.defaultStartParams, "-c", "max_prepared_transactions=10"];
 * const north = await PGlite.create({ startParams });
 * const south = await PGlite.create({ startParams });
 * await north.exec("CREATE TABLE account (cents int); INSERT INTO account VALUES (1000)");
 * await south.exec("CREATE TABLE account (cents int); INSERT INTO account VALUES (1000)");
 *
 * const directory = await Deno.makeTempDir();
 * {
 *   await using coordinator = await Coordinator.open({
 *     directory,
 *     participants: { north: pglite(north), south: pglite(south) },
 *   });
 *   await coordinator.transaction(["north", "south"], async ({ north, south }) => {
 *     await north.query("UPDATE account SET cents = cents - 250");
 *     await south.query("UPDATE account SET cents = cents + 250");
 *   });
 * }
 * await north.close();
 * await south.close();
 * await Deno.remove(directory, { recursive: true });
 * ```
 */
export class Coordinator<P extends Participants> implements AsyncDisposable {
  readonly #options: FullOptions;
  readonly #log: DecisionLog;
  readonly #members: ReadonlyMap<string, Member>;
  readonly #ledger: Ledger;
  readonly #resolver: Resolver;
  readonly #membership: Membership;
  readonly #numbers: TransactionNumbers;
  readonly #context: TransactionContext;
  #recovery: RecoveryReport = { committed: [], rolledBack: [], pending: [], milliseconds: 0 };
  #closing: Promise<void> | null = null;

  private constructor(options: FullOptions, log: DecisionLog) {
    const { clock, randomness } = options.platform;
    this.#options = options;
    this.#log = log;
    this.#members = new Map(
      Object.entries(options.participants).map(([name, one]) => [name, new Member(name, one)]),
    );
    this.#ledger = new Ledger(log);
    const { onEvent } = options;
    this.#resolver = new Resolver({ members: this.#members, clock, randomness, onEvent });
    this.#membership = new Membership(this.#members, log, this.#ledger, this.#resolver, options);
    this.#numbers = new TransactionNumbers(log.epoch);
    this.#context = makeContext(options, log, this.#resolver, this.#ledger);
  }

  /**
   * Opens the log, checks every participant, and settles what was left in doubt.
   *
   * 1. Takes the directory's lock; reads the log; makes a new epoch durable.
   * 2. Asks each participant who it is and whether it can prepare transactions.
   * 3. Commits what the log decided and rolls back what it did not, in every participant that answers.
   *    What cannot be settled at the first try is tried again behind the caller's back.
   *
   * Needs `--allow-read` and `--allow-write` for the directory, and at the first opening `--allow-read`
   * for the one above it.
   *
   * @typeParam P The participants by name.
   * @param options The directory, the participants, and times.
   * @returns The coordinator.
   * @throws {LogLockedError} If another coordinator has the directory open.
   * @throws {LogCorruptedError} If the log's identity is damaged or that of another log.
   * @throws {LogVersionError} If a newer version wrote the log.
   * @throws {ParticipantConfigurationError} If a database must be changed first.
   * @throws {ParticipantIdentityError} If a database is not the one that had the name.
   * @throws {ParticipantUnavailableError} If one cannot be reached and `requireAll` is set.
   * @throws {TypeError} If there is no directory or no participant.
   * @throws {RangeError} If a time or a name is out of its range.
   */
  static async open<P extends Participants>(
    options: CoordinatorOptions<P>,
  ): Promise<Coordinator<P>> {
    const full = completeOptions(options);
    const { clock } = full.platform;
    const begun = clock.elapsed();
    const log = await WalDecisionLog.open(full.directory, full.platform);
    let coordinator: Coordinator<P>;
    try {
      coordinator = new Coordinator<P>(full, log);
    } catch (error) {
      await log.close();
      throw error;
    }
    try {
      for (const { file, reason, epoch } of log.damages) {
        full.onEvent({ type: "log-damaged", file, reason, epoch });
      }
      const settlements = takeUp(log.recovered, coordinator.#ledger);
      await coordinator.#membership.checkAll();
      coordinator.#recovery = await settleRecovered(
        settlements,
        coordinator.#membership,
        coordinator.#resolver,
        clock,
        begun,
      );
      coordinator.#membership.start();
      return coordinator;
    } catch (error) {
      await coordinator.close();
      throw error;
    }
  }

  /** The coordinator's id: stands in all its gids, stays the same as long as the directory does. */
  get id(): string {
    return this.#log.coordinator;
  }

  /** What this opening found in doubt. */
  get recovery(): RecoveryReport {
    return this.#recovery;
  }

  /** How many branches are not settled at present. */
  get unsettled(): number {
    return this.#resolver.pending;
  }

  /**
   * Runs a function in a transaction over some databases and commits it in all of them or in none.
   *
   * If the function throws, or its time is up, everything is rolled back; the function's own error comes
   * back as it was. If the function has rolled the transaction back itself, nothing is committed.
   *
   * @typeParam Name Names of participants.
   * @typeParam T What the function returns.
   * @param names The participants that take part.
   * @param fn Gets each participant's client by name, and the transaction.
   * @param options Timeout, signal, isolation level.
   * @returns What the function returned, once every database has committed, or after `settleTimeout`.
   * @throws {TransactionAbortedError} If nothing happened anywhere.
   * @throws {OutcomeUnknownError} If the outcome is settled, the same everywhere, but not known yet.
   * @throws {HeuristicOutcomeError} If someone else ended a branch in one database.
   * @throws {CoordinatorClosedError} If the coordinator is closed.
   * @throws {TypeError} If a name is given twice or none is.
   * @throws {RangeError} If a name is not that of a participant.
   */
  async transaction<Name extends keyof P & string, T>(
    names: readonly Name[],
    fn: (
      clients: ClientsOf<P, Name>,
      transaction: Transaction<ClientsOf<P, Name>>,
    ) => T | Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    const { transaction, deadline } = await this.#begin(names, options);
    const running = (async () => await fn(transaction.clients, transaction))();
    let result: T;
    try {
      result = await deadline.race(running);
    } catch (error) {
      // Time cannot end a transaction that the function itself has begun to end.
      if (error === deadline.error && transaction.state !== "active") return await running;
      await rollBackAfter(transaction, error);
      if (error instanceof DeadlineError && error === deadline.error) {
        throw deadlineAbort(transaction.id, error);
      }
      throw error;
    }
    if (transaction.state === "active") await transaction.commit();
    return result;
  }

  /**
   * Begins a transaction that the caller commits by hand.
   *
   * @typeParam Name Names of participants.
   * @param names The participants that take part.
   * @param options Timeout, signal, isolation level.
   * @returns The transaction; use `await using`, so that it is rolled back if it is not committed.
   * @throws {TransactionAbortedError} If a participant could not begin.
   * @throws {CoordinatorClosedError} If the coordinator is closed.
   * @throws {TypeError} If a name is given twice or none is.
   * @throws {RangeError} If a name is not that of a participant.
   */
  async begin<Name extends keyof P & string>(
    names: readonly Name[],
    options: TransactionOptions = {},
  ): Promise<Transaction<ClientsOf<P, Name>>> {
    const { transaction, deadline } = await this.#begin(names, options);
    // Nobody may be waiting for it when its time is up, and what it holds must not be held for ever.
    deadline.whenExpired(() => void rollBackAfter(transaction, deadline.error));
    return transaction;
  }

  /**
   * Takes no new work, waits for transactions under way (up to `closeTimeout`), then closes the log.
   * Branches that are not settled stay in the log and are settled at the next opening. Idempotent. The
   * databases' own clients stay open; they are the application's.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Closes; see {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #begin<Name extends keyof P & string>(
    names: readonly Name[],
    options: TransactionOptions,
  ): Promise<{ transaction: Transaction<ClientsOf<P, Name>>; deadline: Deadline }> {
    if (this.#closing !== null) throw new CoordinatorClosedError();
    const members = this.#membersOf(names);
    const { signal, isolationLevel } = options;
    const timeout = milliseconds("timeout", options.timeout, this.#options.timeout);
    const { clock } = this.#options.platform;
    const txn = this.#numbers.next();
    const deadline = new Deadline(clock, timeout, signal);
    this.#ledger.begin(txn);
    try {
      const branches = await enlist({
        coordinator: this.id,
        txn,
        members,
        options: isolationLevel === undefined ? {} : { isolationLevel },
        deadline,
        clock,
      });
      return { transaction: new Transaction(txn, branches, deadline, this.#context), deadline };
    } catch (error) {
      deadline[Symbol.dispose]();
      this.#ledger.forget(txn);
      if (error instanceof DeadlineError) throw deadlineAbort(String(txn), error);
      if (!(error instanceof EnlistmentError)) throw error;
      const { message, participant, cause } = error;
      throw new TransactionAbortedError(String(txn), message, {
        cause,
        participant,
        retryable: true,
      });
    }
  }

  #membersOf(names: readonly string[]): Member[] {
    if (names.length === 0 || new Set(names).size < names.length) {
      throw new TypeError(
        `Cannot begin a transaction over ${JSON.stringify(names)}: ` +
          "name at least one participant, and each only once",
      );
    }
    return names.map((name) => {
      const member = this.#members.get(name);
      if (member === undefined) {
        throw new RangeError(
          `Cannot begin a transaction over "${name}": the participants are ` +
            JSON.stringify([...this.#members.keys()]),
        );
      }
      if (member.error !== null) {
        throw new TransactionAbortedError(null, member.error.message, {
          cause: member.error,
          participant: name,
          retryable: member.error instanceof ParticipantUnavailableError,
        });
      }
      return member;
    });
  }

  async #close(): Promise<void> {
    const { closeTimeout, platform } = this.#options;
    await within(platform.clock, this.#ledger.idle, closeTimeout, undefined);
    await this.#membership.close();
    await this.#resolver.close();
    for (const { participant } of this.#members.values()) participant.detach();
    await this.#log.close();
  }
}

function makeContext(
  options: FullOptions,
  log: DecisionLog,
  resolver: Resolver,
  ledger: Ledger,
): TransactionContext {
  return {
    log,
    resolver,
    clock: options.platform.clock,
    prepareTimeout: options.prepareTimeout,
    settleTimeout: options.settleTimeout,
    forceBegin: options.forceBegin,
    onProtocolPoint: options.onProtocolPoint,
    settle: (txn, verdict, branches: readonly EnlistedBranch[], logged) =>
      ledger.settle(txn, verdict, branches, logged),
    forget: (txn) => ledger.forget(txn),
    strand: (txn) => ledger.strand(txn),
    unstrand: (txn) => ledger.unstrand(txn),
  };
}

/** Rolls back after an error that must reach the caller as it is; a failure of that is put beside it. */
async function rollBackAfter(transaction: Transaction<unknown>, error: unknown): Promise<void> {
  if (transaction.state !== "active") return;
  try {
    await transaction.rollback();
  } catch (rollbackError) {
    if (error instanceof Error && Object.isExtensible(error)) {
      Object.defineProperty(error, "rollbackError", { value: rollbackError, configurable: true });
    }
  }
}

function deadlineAbort(id: string, error: DeadlineError): TransactionAbortedError {
  const { message, retryable } = error;
  return new TransactionAbortedError(id, message, { cause: error.cause ?? error, retryable });
}
