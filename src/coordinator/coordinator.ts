/**
 * The coordinator: owns one log directory, runs transactions over its participants, and settles what a
 * crash or an outage left in doubt.
 *
 * @module
 */

import { assemble, type Assembly } from "./assembly.ts";
import { Current } from "./current.ts";
import { close, type CloseReport } from "./closing.ts";
import type { DecisionLog } from "./decision_log.ts";
import { CoordinatorClosedError } from "./errors.ts";
import { describeInDoubt, type InDoubtTransaction } from "./in_doubt.ts";
import { guardListeners } from "./listeners.ts";
import type { OperatorAction, ResolveAction } from "./operator.ts";
import {
  type ClientsOf,
  completeOptions,
  type CoordinatorOptions,
  type FullOptions,
  type Participants,
  type RunOptions,
  type TransactionOptions,
} from "./options.ts";
import { recover, type RecoveryReport } from "./recover.ts";
import { rollBackAfter, run, type RunContext } from "./running.ts";
import type { Settlement } from "./settlement.ts";
import { statusOf, type TransactionStatus } from "./status.ts";
import { Transaction } from "./transaction.ts";
import { WalDecisionLog } from "./wal_decision_log.ts";

/** One object for all that ask for nothing. */
const NO_OPTIONS: RunOptions = Object.freeze({});

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
  readonly #parts: Assembly;
  readonly #told = new WeakSet<Settlement>();
  #recovery: RecoveryReport = { committed: [], rolledBack: [], pending: [], milliseconds: 0 };
  readonly #ending = new AbortController();
  readonly #running: RunContext;
  #closing: Promise<CloseReport> | null = null;

  private constructor(options: FullOptions, log: DecisionLog) {
    this.#options = options;
    this.#log = log;
    this.#parts = assemble(options, log, (settlement) => this.#tell(settlement));
    this.#running = {
      admit: (names, options, listener) => {
        this.#assertOpen();
        this.#parts.beginning.admit(names, options, listener);
      },
      enlist: (core, listener) => this.#parts.beginning.enlist(core, listener),
      store: options.context,
      platform: options.platform,
      closing: this.#ending.signal,
    };
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
   * @throws {LogCopiedError} If the log directory is a copy.
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
    const full = guardListeners(completeOptions(options));
    const { clock } = full.platform;
    const begun = clock.elapsed();
    const log = await WalDecisionLog.open(full.directory, full.platform, full.keepOutcomes);
    let coordinator: Coordinator<P>;
    try {
      coordinator = new Coordinator<P>(full, log);
    } catch (error) {
      await log.close();
      throw error;
    }
    try {
      const tell = (settlement: Settlement) => coordinator.#tell(settlement);
      coordinator.#recovery = await recover(coordinator.#parts, log, full, begun, tell);
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
    return this.#parts.resolver.pending;
  }

  /** Milliseconds for which the oldest transaction is in doubt; `null` if none is. */
  get oldestInDoubt(): number | null {
    const since = this.#parts.ledger.unsettled.map((settlement) => settlement.since);
    if (since.length === 0) return null;
    const now = this.#options.platform.clock.now();
    return Math.max(0, now - since.reduce((oldest, one) => Math.min(oldest, one)));
  }

  /**
   * The transaction in whose function the caller runs; `null` outside of any.
   *
   * @example Join the transaction that is there
   * ```ts
   * import { PGlite } from "@electric-sql/pglite";
   * import { Coordinator } from "@indoubt/coordinator";
   * import { pglite } from "@indoubt/coordinator/pglite";
   *
   * const startParams = [...PGlite.defaultStartParams, "-c", "max_prepared_transactions=10"];
   * const db = await PGlite.create({ startParams });
   * await db.exec("CREATE TABLE orders (sku text)");
   * const directory = await Deno.makeTempDir();
   * const coordinator = await Coordinator.open({ directory, participants: { orders: pglite(db) } });
   *
   * async function addOrder(sku: string): Promise<void> {
   *   const client = coordinator.current?.clients.orders ?? db;
   *   await client.query("INSERT INTO orders VALUES ($1)", [sku]);
   * }
   * await coordinator.transaction(["orders"], () => addOrder("A1"));
   * await coordinator.close();
   * await db.close();
   * await Deno.remove(directory, { recursive: true });
   * ```
   */
  get current(): Transaction<Partial<ClientsOf<P, keyof P>>, ClientsOf<P, keyof P>> | null {
    type Own = Transaction<Partial<ClientsOf<P, keyof P>>, ClientsOf<P, keyof P>>;
    return Current.in(this.#options.context) as Own | null;
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
   * @param options Timeout, signal, isolation level, and how often to try again.
   * @returns What the function returned, once every database has committed, or after `settleTimeout`.
   * @throws {TransactionAbortedError} If nothing happened anywhere.
   * @throws {OutcomeUnknownError} If the outcome is settled, the same everywhere, but not known yet.
   * @throws {HeuristicOutcomeError} If someone else ended a branch in one database.
   * @throws {CoordinatorClosedError} If the coordinator is closed.
   * @throws {TypeError} If a name is given twice or none is, an option is of another type, or inside of the
   * function of another transaction of this coordinator.
   * @throws {RangeError} If a name is not that of a participant, or an option is out of its range.
   *
   * @example Try again after a conflict or an outage
   * ```ts
   * import { PGlite } from "@electric-sql/pglite";
   * import { Coordinator } from "@indoubt/coordinator";
   * import { pglite } from "@indoubt/coordinator/pglite";
   *
   * const startParams = [...PGlite.defaultStartParams, "-c", "max_prepared_transactions=10"];
   * const db = await PGlite.create({ startParams });
   * await db.exec("CREATE TABLE orders (sku text)");
   * const directory = await Deno.makeTempDir();
   * const coordinator = await Coordinator.open({ directory, participants: { orders: pglite(db) } });
   *
   * const count = await coordinator.transaction(["orders"], async ({ orders }) => {
   *   await orders.query("INSERT INTO orders VALUES ('A1')");
   *   const { rows } = await orders.query("SELECT sku FROM orders");
   *   return rows.length;
   * }, { isolationLevel: "serializable", timeout: 5000, retry: 3, label: "order A1" });
   * console.assert(count === 1);
   * await coordinator.close();
   * await db.close();
   * await Deno.remove(directory, { recursive: true });
   * ```
   */
  transaction<Name extends keyof P & string, T>(
    names: readonly Name[],
    fn: (
      clients: ClientsOf<P, Name>,
      transaction: Transaction<ClientsOf<P, Name>, ClientsOf<P, keyof P>>,
    ) => T | Promise<T>,
    options: RunOptions = NO_OPTIONS,
  ): Promise<T> {
    const outer = this.current;
    if (outer !== null) {
      const error = new TypeError(
        `Cannot begin a transaction inside of transaction ${outer.id}: two would wait for each other, ` +
          "use the one that is there (`coordinator.current`, its `enlist`), or `begin` for one of its own",
      );
      return Promise.reject(error);
    }
    return run<ClientsOf<P, Name>, ClientsOf<P, keyof P>, T>(this.#running, names, fn, options);
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
   * @throws {TypeError} If a name is given twice or none is, or an option is of another type.
   * @throws {RangeError} If a name is not that of a participant, or an option is out of its range.
   */
  async begin<Name extends keyof P & string>(
    names: readonly Name[],
    options: TransactionOptions = NO_OPTIONS,
  ): Promise<Transaction<ClientsOf<P, Name>, ClientsOf<P, keyof P>>> {
    this.#assertOpen();
    const core = await this.#parts.beginning.begin(names, options);
    const transaction = new Transaction<ClientsOf<P, Name>, ClientsOf<P, keyof P>>(core);
    const { deadline } = core;
    // Nobody may be waiting for it when its time is up, and what it holds must not be held for ever.
    deadline.whenExpired({ timeUp: (error) => void rollBackAfter(core, error) });
    return transaction;
  }

  /**
   * Tells what became of a transaction, for every id that this coordinator ever gave out.
   *
   * @param id Its id, from {@linkcode Transaction.id} or an error.
   * @returns What became of it. `forgotten` says nothing: of transactions that ended long ago
   * (`keepOutcomes`), and of those that were under way when the process was killed and left nothing prepared.
   * @throws {RangeError} If this coordinator never gave out such an id.
   *
   * @example Ask again after an error
   * ```ts
   * import { PGlite } from "@electric-sql/pglite";
   * import { Coordinator } from "@indoubt/coordinator";
   * import { pglite } from "@indoubt/coordinator/pglite";
   *
   * const startParams = [...PGlite.defaultStartParams, "-c", "max_prepared_transactions=10"];
   * const db = await PGlite.create({ startParams });
   * await db.exec("CREATE TABLE orders (sku text)");
   * const directory = await Deno.makeTempDir();
   * const coordinator = await Coordinator.open({ directory, participants: { orders: pglite(db) } });
   *
   * const id = await coordinator.transaction(["orders"], async ({ orders }, { id }) => {
   *   await orders.query("INSERT INTO orders VALUES ('A1')");
   *   return id;
   * });
   * console.assert(coordinator.status(id) === "committed");
   * await coordinator.close();
   * await db.close();
   * await Deno.remove(directory, { recursive: true });
   * ```
   */
  status(id: string): TransactionStatus {
    return statusOf(id, this.#parts.numbers.last, this.#parts.ledger, this.#log);
  }

  /**
   * Every transaction that is not settled: what, where, since when, and what it waits for.
   *
   * @example See what waits, and for what
   * ```ts
   * import { PGlite } from "@electric-sql/pglite";
   * import { Coordinator } from "@indoubt/coordinator";
   * import { pglite } from "@indoubt/coordinator/pglite";
   *
   * const startParams = [...PGlite.defaultStartParams, "-c", "max_prepared_transactions=10"];
   * const db = await PGlite.create({ startParams });
   * await db.exec(`CREATE TABLE orders (sku text);
   *   BEGIN; INSERT INTO orders VALUES ('A1'); PREPARE TRANSACTION 'indoubt_lost_7000000000042_0'`);
   * const directory = await Deno.makeTempDir();
   * const coordinator = await Coordinator.open({ directory, participants: { orders: pglite(db) } });
   *
   * await coordinator.adopt("lost", { reason: "its disk is gone" });
   * for (const { id, decision, since, branches } of coordinator.inDoubt()) {
   *   console.log(`${id}, since ${since.toISOString()}, waits for: ${decision}`);
   *   for (const { participant, gid, state } of branches) console.log(participant, gid, state);
   * }
   * await coordinator.close();
   * await db.close();
   * await Deno.remove(directory, { recursive: true });
   * ```
   */
  inDoubt(): InDoubtTransaction[] {
    return this.#parts.ledger.unsettled.map((settlement) =>
      describeInDoubt(settlement, this.#parts.resolver)
    );
  }

  /**
   * Ends the branch of a transaction in doubt in one participant, because an operator says so. It is on disk
   * before it is done.
   *
   * @param id Id of the transaction.
   * @param participant Name of the participant, as {@linkcode inDoubt} has it.
   * @param kind How the branch is to end.
   * @param action Why, who, and whether against a recorded decision.
   * @throws {RangeError} If it is not in doubt there, or the reason is empty or too long.
   * @throws {TypeError} If that contradicts the decision and is not forced, or the log or a database knows
   * better.
   * @throws {LogUnavailableError} If it cannot be recorded; nothing is done then.
   * @throws {Error} If the database refuses.
   *
   * @example Commit what another database has committed
   * ```ts
   * import { PGlite } from "@electric-sql/pglite";
   * import { Coordinator } from "@indoubt/coordinator";
   * import { pglite } from "@indoubt/coordinator/pglite";
   *
   * const startParams = [...PGlite.defaultStartParams, "-c", "max_prepared_transactions=10"];
   * const db = await PGlite.create({ startParams });
   * await db.exec(`CREATE TABLE orders (sku text);
   *   BEGIN; INSERT INTO orders VALUES ('A1'); PREPARE TRANSACTION 'indoubt_lost_7000000000042_0'`);
   * const directory = await Deno.makeTempDir();
   * const coordinator = await Coordinator.open({ directory, participants: { orders: pglite(db) } });
   *
   * await coordinator.adopt("lost", { reason: "its disk is gone" });
   * await coordinator.resolve("lost_7000000000042", "orders", "commit", {
   *   reason: "the charge is in billing",
   *   by: "ada",
   * });
   * console.assert(coordinator.inDoubt().length === 0);
   * await coordinator.close();
   * await db.close();
   * await Deno.remove(directory, { recursive: true });
   * ```
   */
  async resolve(
    id: string,
    participant: string,
    kind: "commit" | "rollback",
    action: ResolveAction,
  ): Promise<void> {
    await this.#parts.operator.resolve(id, participant, kind, action);
  }

  /**
   * Gives up a transaction whose branches have ended otherwise than decided, because an operator has looked
   * at the databases.
   *
   * @param id Id of the transaction.
   * @param action Why, who, and whether with branches that may still be prepared.
   * @throws {RangeError} If it is not in doubt, or the reason is empty or too long.
   * @throws {TypeError} If branches may still be prepared and it is not forced.
   * @throws {LogUnavailableError} If it cannot be recorded; nothing is done then.
   *
   * @example Give up what was ended by hand
   * ```ts
   * import { PGlite } from "@electric-sql/pglite";
   * import { Coordinator } from "@indoubt/coordinator";
   * import { pglite } from "@indoubt/coordinator/pglite";
   *
   * const startParams = [...PGlite.defaultStartParams, "-c", "max_prepared_transactions=10"];
   * const db = await PGlite.create({ startParams });
   * await db.exec(`CREATE TABLE orders (sku text);
   *   BEGIN; INSERT INTO orders VALUES ('A1'); PREPARE TRANSACTION 'indoubt_lost_7000000000042_0'`);
   * const directory = await Deno.makeTempDir();
   * const coordinator = await Coordinator.open({ directory, participants: { orders: pglite(db) } });
   *
   * await coordinator.adopt("lost", { reason: "its disk is gone" });
   * await db.exec("ROLLBACK PREPARED 'indoubt_lost_7000000000042_0'");
   * await coordinator.forget("lost_7000000000042", { reason: "rolled back by hand", force: true });
   * console.assert(coordinator.inDoubt().length === 0);
   * await coordinator.close();
   * await db.close();
   * await Deno.remove(directory, { recursive: true });
   * ```
   */
  async forget(id: string, action: ResolveAction): Promise<void> {
    await this.#parts.operator.forget(id, action);
  }

  /**
   * Makes the branches of a coordinator whose log is lost known to this one: they are listed by
   * {@linkcode inDoubt} from now on, as long as they are prepared, and can be ended by {@linkcode resolve}.
   * Nothing is done with them by itself, since nobody knows what was decided.
   *
   * @param coordinator Id of that coordinator, as its gids have it after `indoubt_`.
   * @param action Why and who.
   * @throws {RangeError} If that is no id of another coordinator, or the reason is empty or too long.
   * @throws {LogUnavailableError} If it cannot be recorded.
   *
   * @example Take over from a coordinator whose disk is gone
   * ```ts
   * import { PGlite } from "@electric-sql/pglite";
   * import { Coordinator } from "@indoubt/coordinator";
   * import { pglite } from "@indoubt/coordinator/pglite";
   *
   * const startParams = [...PGlite.defaultStartParams, "-c", "max_prepared_transactions=10"];
   * const db = await PGlite.create({ startParams });
   * await db.exec(`CREATE TABLE orders (sku text);
   *   BEGIN; INSERT INTO orders VALUES ('A1'); PREPARE TRANSACTION 'indoubt_lost_7000000000042_0'`);
   * const directory = await Deno.makeTempDir();
   * const coordinator = await Coordinator.open({ directory, participants: { orders: pglite(db) } });
   *
   * await coordinator.adopt("lost", { reason: "its disk is gone", by: "ada" });
   * console.assert(coordinator.inDoubt()[0]?.id === "lost_7000000000042");
   * await coordinator.close();
   * await db.close();
   * await Deno.remove(directory, { recursive: true });
   * ```
   */
  async adopt(coordinator: string, action: OperatorAction): Promise<void> {
    await this.#parts.operator.adopt(coordinator, action);
  }

  /**
   * Takes no new work, waits for transactions under way (up to `closeTimeout`), rolls back those whose
   * functions still run, then closes the log.
   * Branches that are not settled stay in the log and are settled at the next opening. Idempotent. The
   * databases' own clients stay open; they are the application's.
   *
   * @returns What is left to the next opening.
   */
  close(): Promise<CloseReport> {
    this.#ending.abort();
    this.#closing ??= close(this.#parts, this.#log, this.#options);
    return this.#closing;
  }

  /** Closes; see {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #assertOpen(): void {
    if (this.#ending.signal.aborted) throw new CoordinatorClosedError();
  }

  #tell(settlement: Settlement): void {
    if (this.#told.has(settlement)) return;
    this.#told.add(settlement);
    this.#options.onInDoubt(describeInDoubt(settlement, this.#parts.resolver));
  }
}
