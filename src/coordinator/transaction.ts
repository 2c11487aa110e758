/**
 * One transaction as its caller sees it: from its sessions to its outcome.
 *
 * @module
 */

import { abortedError } from "./abort_reason.ts";
import { rejectAtCaller } from "./caller_stack.ts";
import { commit } from "./commit.ts";
import { enlistmentReason } from "./enlist.ts";
import type { EnlistedBranch } from "./enlisted_branch.ts";
import type { TransactionCore } from "./transaction_core.ts";
import type { TransactionState } from "./transaction_state.ts";

/** What a commit came to. */
export interface CommitResult {
  /** Resolves when every database has committed its branch; never rejects. */
  readonly settled: Promise<void>;
}

const SETTLED: CommitResult = { settled: Promise.resolve() };

/**
 * A transaction under way. `Clients` holds the driver's own client for each participant that takes part,
 * `All` those of every participant of the coordinator.
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
export class Transaction<Clients, All = Clients> implements AsyncDisposable {
  readonly #core: TransactionCore;
  readonly #clients: Record<string, unknown> = {};

  /**
   * For the coordinator; use {@linkcode Coordinator.begin}.
   *
   * @param core Its inside, with its branches begun.
   */
  constructor(core: TransactionCore) {
    this.#core = core;
    for (const { participant, client } of core.branches) this.#clients[participant] = client;
  }

  /** Decimal number of the transaction; the same digits stand in its gids and in the log. */
  get id(): string {
    return this.#core.id;
  }

  /** What the application called it; `null` if nothing. */
  get label(): string | null {
    return this.#core.label ?? null;
  }

  /** The driver's own client for each participant, by its name. */
  get clients(): Clients {
    return this.#clients as Clients;
  }

  /** Where the transaction stands. */
  get state(): TransactionState {
    return this.#core.states.current;
  }

  /**
   * Lets one more participant take part.
   *
   * @typeParam Name Name of a participant.
   * @param name The participant.
   * @returns The driver's own client for it; from now on also among {@linkcode clients}.
   * @throws {TransactionAbortedError} If it cannot begin; everything is then rolled back.
   * @throws {TypeError} If the transaction has ended, the participant takes part already, or another is
   * being enlisted.
   * @throws {RangeError} If the name is not that of a participant.
   *
   * @example Only some orders need a second database
   * ```ts
   * import { PGlite } from "@electric-sql/pglite";
   * import { Coordinator } from "@indoubt/coordinator";
   * import { pglite } from "@indoubt/coordinator/pglite";
   *
   * const startParams = [...PGlite.defaultStartParams, "-c", "max_prepared_transactions=10"];
   * const [shop, depot] = await Promise.all([1, 2].map(() => PGlite.create({ startParams })));
   * await shop!.exec("CREATE TABLE orders (sku text)");
   * await depot!.exec("CREATE TABLE parcels (sku text)");
   * const directory = await Deno.makeTempDir();
   * const participants = { shop: pglite(shop!), depot: pglite(depot!) };
   * const coordinator = await Coordinator.open({ directory, participants });
   *
   * await coordinator.transaction(["shop"], async ({ shop }, transaction) => {
   *   await shop.query("INSERT INTO orders VALUES ('A1')");
   *   const depot = await transaction.enlist("depot");
   *   await depot.query("INSERT INTO parcels VALUES ('A1')");
   * });
   * await coordinator.close();
   * await Promise.all([shop!.close(), depot!.close()]);
   * await Deno.remove(directory, { recursive: true });
   * ```
   */
  async enlist<Name extends keyof All & string>(name: Name): Promise<All[Name]> {
    this.#core.states.assertActive(`enlist "${name}" in`);
    if (this.#core.branches.some(({ participant }) => participant === name)) {
      throw new TypeError(
        `Cannot enlist "${name}" in transaction ${this.id}: it takes part already, ` +
          "use its client among the transaction's clients",
      );
    }
    if (this.#core.enlisting !== null) {
      throw new TypeError(
        `Cannot enlist "${name}" in transaction ${this.id}: "${this.#core.enlisting}" is being ` +
          "enlisted, enlist one after the other",
      );
    }
    this.#core.enlisting = name;
    let branch: EnlistedBranch;
    try {
      branch = await this.#core.context.enlist(this.#core, name);
    } catch (error) {
      const reason = enlistmentReason(error);
      if (reason === null) throw error;
      const failure = abortedError(this.id, reason);
      if (this.state === "active") {
        // Its function may not tell of that, and return as if all were well.
        this.#core.failure = failure;
        await this.rollback().catch(() => {});
      }
      throw failure;
    } finally {
      this.#core.enlisting = null;
    }
    this.#clients[name] = branch.client;
    return branch.client as All[Name];
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
   * @throws {TypeError} If the transaction has ended already, or a participant is being enlisted.
   */
  commit(): Promise<CommitResult> {
    const before = this.state;
    const committing = new Promise<CommitResult>((resolve, reject) =>
      commit(this.#core, {
        committed: (settlement) =>
          resolve(settlement === null ? SETTLED : { settled: settlement.done }),
        notCommitted: (error) => rejectAtCaller(error, resolve, reject),
      })
    );
    // Not one that was refused.
    if (before === "active" && this.state !== "active") this.#core.committing = committing;
    return committing;
  }

  /**
   * Rolls back everywhere. Has no effect if that was done already, also by a {@linkcode commit} that failed.
   *
   * @throws {TypeError} If the transaction was committed, or is being.
   */
  async rollback(): Promise<void> {
    const core = this.#core;
    // From "committing" on the way back is the commit's own: the decision may be on its way to the disk.
    const isUnderWay = this.state === "aborting" || this.state === "aborted";
    if (!isUnderWay) core.states.assertActive("roll back");
    await (core.aborting ?? (isUnderWay ? core.ended : core.abort()));
  }

  /** Rolls back if neither {@linkcode commit} nor {@linkcode rollback} was called. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.state !== "active") return;
    // A branch that could not be rolled back is rolled back by its database, whose session has ended. An
    // error here would take the place of the one with which the caller leaves the block.
    await this.rollback().catch(() => {});
  }
}
