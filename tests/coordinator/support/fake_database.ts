/**
 * A database in memory that ends transactions as PostgreSQL was measured to: a prepared transaction
 * outlives its session, a gid is taken once, an unknown gid is "absent", a transaction's id tells
 * its outcome afterwards, a failed transaction cannot be prepared. Its data is a list of rows.
 *
 * @module
 */

import { ParticipantConfigurationError } from "../../../src/coordinator/errors.ts";
import type {
  BranchOptions,
  ParticipantCheck,
  PrepareAnswer,
  PreparedBranch,
  SettleAnswer,
  TokenOutcome,
} from "../../../src/coordinator/participant.ts";
import { Script } from "./faults.ts";
import { Trace } from "./trace.ts";

/** What PostgreSQL answers with a SQLSTATE. */
export class SqlError extends Error {
  override readonly name = "SqlError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A transaction of the database, prepared or not. */
export interface DatabaseTransaction {
  /** Its id; `null` while it has written nothing. */
  xid: string | null;
  /** What it has written. */
  readonly rows: string[];
}

/** What is done with a prepared transaction. */
export type Ending = "committed" | "aborted";

/** A database. */
export class FakeDatabase {
  readonly #prepared = new Map<string, DatabaseTransaction>();
  readonly #outcomes = new Map<string, TokenOutcome>();
  readonly #sessions = new Set<{ sever(): void }>();
  #xids = 700;

  /** Name in traces; tests give the participant the same. */
  readonly name: string;
  /** Where its commands are noted. */
  readonly trace: Trace;
  /** The faults planned for it. */
  readonly script = new Script();
  /** What it was asked to begin, in order. */
  readonly begun: BranchOptions[] = [];
  /** What was done to it that no adapter would allow; must stay empty. */
  readonly violations: string[] = [];
  /** What tells it from others. */
  identity: string;
  /** Whether transactions can be prepared. */
  allowsPrepared = true;
  /** Whether it can be reached. */
  reachable = true;
  /** Since when it says that everything is prepared. */
  since = new Date(0);
  /** How many sessions it gives out at once. */
  capacity = Infinity;
  /** Committed rows. */
  rows: string[] = [];

  constructor(name: string, trace: Trace = new Trace()) {
    this.name = name;
    this.trace = trace;
    this.identity = `fake:${name}`;
  }

  /** Gids of what is prepared. */
  get prepared(): string[] {
    return [...this.#prepared.keys()];
  }

  /** Sessions that were given out and are not back. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Ends every session: what is not prepared is rolled back. */
  disconnect(): void {
    this.reachable = false;
    for (const session of [...this.#sessions]) session.sever();
  }

  /** Can be reached again. */
  reconnect(): void {
    this.reachable = true;
  }

  /** A person, or another coordinator, prepares a transaction. */
  prepareByHand(gid: string, row: string): void {
    const transaction = { xid: null, rows: [] };
    this.write(transaction, row);
    this.#prepared.set(gid, transaction);
  }

  /** A person ends a prepared transaction. */
  endByHand(gid: string, ending: Ending): void {
    if (this.endPrepared(gid, ending).kind !== "done") {
      throw new Error(`Cannot end "${gid}" by hand in "${this.name}": it is not prepared there`);
    }
  }

  /** Forgets every outcome, as after a vacuum or in a restored copy. */
  forgetOutcomes(): void {
    this.#outcomes.clear();
  }

  /** Who it is. */
  check(): ParticipantCheck {
    if (!this.allowsPrepared) {
      throw new ParticipantConfigurationError("", "prepared transactions are disabled");
    }
    return { identity: this.identity };
  }

  /** Adds a session. */
  open(session: { sever(): void }): void {
    this.#sessions.add(session);
  }

  /** Takes a session away. */
  close(session: { sever(): void }): void {
    this.#sessions.delete(session);
  }

  /** Writes a row in a transaction. */
  write(transaction: DatabaseTransaction, row: string): void {
    this.#identify(transaction);
    transaction.rows.push(row);
  }

  #identify(transaction: DatabaseTransaction): void {
    if (transaction.xid !== null) return;
    transaction.xid = String(++this.#xids);
    this.#outcomes.set(transaction.xid, "in progress");
  }

  /** Ends a transaction. */
  end(transaction: DatabaseTransaction, ending: Ending): void {
    if (transaction.xid !== null) this.#outcomes.set(transaction.xid, ending);
    if (ending === "committed") this.rows = [...this.rows, ...transaction.rows].sort();
  }

  /** Prepares a transaction, or rolls it back if that cannot be. */
  prepare(transaction: DatabaseTransaction, gid: string): PrepareAnswer {
    const error = !this.allowsPrepared
      ? new SqlError("55000", "prepared transactions are disabled")
      : this.#prepared.has(gid)
      ? new SqlError("42710", `transaction identifier "${gid}" is already in use`)
      : null;
    if (error !== null) {
      this.end(transaction, "aborted");
      return { kind: "refused", error, retryable: false };
    }
    this.#identify(transaction);
    this.#prepared.set(gid, transaction);
    return { kind: "done", token: transaction.xid };
  }

  /** Ends a prepared transaction. */
  endPrepared(gid: string, ending: Ending): SettleAnswer {
    const transaction = this.#prepared.get(gid);
    if (transaction === undefined) return { kind: "absent" };
    this.#prepared.delete(gid);
    this.end(transaction, ending);
    return { kind: "done" };
  }

  /** What is prepared under a prefix. */
  list(prefix: string): PreparedBranch[] {
    return this.prepared
      .filter((gid) => gid.startsWith(prefix))
      .map((gid) => ({ gid, since: this.since }));
  }

  /** What became of a transaction. */
  outcomeOf(token: string, identity: string): TokenOutcome {
    if (identity !== this.identity) return "other database";
    return this.#outcomes.get(token) ?? "unknown";
  }
}
