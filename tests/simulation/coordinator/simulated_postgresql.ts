/**
 * A database that answers as PostgreSQL 15 and 18 were measured to (docs and the research notes say
 * where): a gid is taken once on the whole server; a prepared transaction belongs to no session; a
 * gid that is not there is 42704, whatever became of it; PREPARE of a failed transaction answers
 * ROLLBACK; the id of a transaction tells its outcome afterwards; a standby answers 25006.
 *
 * Its answers are given their meaning by the adapters' own table.
 */

import type {
  BranchWork,
  SettleAnswer,
  TokenOutcome,
  VoteAnswer,
} from "../../../src/coordinator/participant.ts";
import { settleAnswerOf, voteOf } from "../../../src/participants/postgresql/answers.ts";
import type { SeededRandom } from "../seeded_random.ts";
import type { Command } from "./command.ts";
import {
  type Ending,
  ServerError,
  type ServerSession,
  type ServerTransaction,
  SimulatedServer,
} from "./simulated_server.ts";

/** How many transactions can be prepared at once: few, so that it happens that there are too many. */
const SLOTS = 12;

type Status = "in progress" | "committed" | "aborted";

/** Refusals of PREPARE, all of which roll back. */
const PREPARE_STATES: readonly string[] = ["40001", "40P01", "23503", "23505", "0A000", "53200"];
/** Answers to COMMIT PREPARED that do nothing: busy, not allowed, elsewhere, starting, cancelled. */
const SETTLE_STATES: readonly string[] = ["55000", "42501", "0A000", "57P03", "57014", "XX000"];

/** A PostgreSQL database. */
export class SimulatedPostgresql extends SimulatedServer {
  #statuses = new Map<string, Status>();
  #nextXid = 700;
  /** What was committed last, if nothing was prepared or committed since. */
  #last: { readonly gid: string; readonly transaction: ServerTransaction } | null = null;

  readonly kind = "postgresql";

  voteOf(error: unknown): VoteAnswer {
    return voteOf(error);
  }

  settleAnswerOf(error: unknown): SettleAnswer {
    return settleAnswerOf(error);
  }

  refusalOf(command: Command, random: SeededRandom): ServerError | null {
    switch (command) {
      case "prepare":
      case "commit":
        return stateError(random.pick(PREPARE_STATES));
      case "commit prepared":
      case "rollback prepared":
        return stateError(random.pick(SETTLE_STATES));
      case "write":
        return stateError(random.pick(["23505", "40001", "55P03"]));
      case "list":
      case "outcome":
      case "check":
        return stateError(random.pick(["57P03", "53300"]));
      default:
        return null;
    }
  }

  examine(session: ServerSession): BranchWork {
    if (session.failed) throw new ServerError("25P02", "the transaction is aborted");
    const token = session.transaction?.xid ?? null;
    return { wrote: token !== null, token };
  }

  prepare(session: ServerSession, gid: string): string | null {
    const { transaction } = session;
    if (transaction === null || session.failed) this.end(session, "commit"); // Throws.
    session.transaction = null;
    const one = transaction as ServerTransaction;
    const error = this.prepared.has(gid)
      ? stateError("42710")
      : this.prepared.size >= SLOTS
      ? stateError("53200")
      : null;
    if (error !== null) {
      this.finish(one, "rollback");
      throw error;
    }
    this.identify(one);
    one.session = null;
    this.prepared.set(gid, one);
    this.#last = null;
    return one.xid;
  }

  endPrepared(gid: string, ending: Ending): void {
    if (this.readOnly) throw this.refuseWrite();
    const transaction = this.prepared.get(gid);
    if (transaction === undefined) throw stateError("42704");
    this.prepared.delete(gid);
    this.finish(transaction, ending);
    if (ending === "commit") this.#last = { gid, transaction };
  }

  override loseCommit(): string | null {
    if (this.#last === null) return null;
    const { gid, transaction } = this.#last;
    this.goAway();
    const lost = new Set(transaction.rows);
    this.rows = this.rows.filter((row) => !lost.has(row));
    if (transaction.xid !== null) this.#statuses.set(transaction.xid, "in progress");
    this.prepared.set(gid, transaction);
    this.#last = null;
    this.lockPrepared();
    this.reachable = true;
    return gid;
  }

  /** What `pg_xact_status` says; another server does not know the id. */
  outcomeOf(token: string, identity: string): TokenOutcome {
    if (identity !== this.identity) return "other database";
    return this.#statuses.get(token) ?? "unknown";
  }

  override snapshot(): () => void {
    const statuses = [...this.#statuses];
    const nextXid = this.#nextXid;
    const open = new Set(
      [...this.sessions].flatMap(({ transaction }) => transaction?.xid ?? []),
    );
    const restore = super.snapshot();
    return () => {
      restore();
      this.#last = null;
      // A transaction that was open then is rolled back where that state is recovered.
      this.#statuses = new Map(
        statuses.map(([xid, status]) => [xid, open.has(xid) ? "aborted" : status]),
      );
      this.#nextXid = nextXid;
    };
  }

  protected override identify(transaction: ServerTransaction): void {
    if (transaction.xid !== null) return;
    transaction.xid = String(this.#nextXid++);
    this.#statuses.set(transaction.xid, "in progress");
  }

  protected override finish(transaction: ServerTransaction, ending: Ending): void {
    if (ending === "commit") this.#last = null;
    if (transaction.xid !== null) {
      this.#statuses.set(transaction.xid, ending === "commit" ? "committed" : "aborted");
    }
    super.finish(transaction, ending);
  }

  protected refuseWrite(): ServerError {
    return stateError("25006");
  }
}

function stateError(state: string): ServerError {
  // Only a server that is starting ends the session together with its answer.
  return new ServerError(state, `SQLSTATE ${state}`, state === "57P03" ? "FATAL" : "ERROR");
}
