/**
 * What the simulated databases have in common: a table of ids, rows that are locked by whoever
 * writes to them, sessions, and prepared transactions that outlive their sessions, a crash of the
 * server and everything but an accident. What each kind of database answers is up to its own file.
 */

import type {
  BranchWork,
  SettleAnswer,
  TokenOutcome,
  VoteAnswer,
} from "../../../src/coordinator/participant.ts";
import type { Command } from "./command.ts";
import { RowLocks } from "./row_locks.ts";
import type { SeededRandom } from "../seeded_random.ts";

/** What a database answers with a code. */
export class ServerError extends Error {
  override readonly name = "ServerError";

  /** Takes the code that the database would give. */
  constructor(
    readonly code: string,
    message: string,
    readonly severity: "ERROR" | "FATAL" = "ERROR",
  ) {
    super(message);
  }
}

/** The answer to a command never came. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";

  /** Says so. */
  constructor() {
    super("The connection was lost");
  }
}

/** A transaction of a database, prepared or not. */
export interface ServerTransaction {
  /** The coordinator's number for it; empty if none made it. */
  readonly id: string;
  /** Its id; `null` while it has written nothing. */
  xid: string | null;
  /** Ids that it has written. */
  readonly rows: string[];
  /** The row that it has locked; `null` if none. */
  lock: number | null;
  /** The session that has prepared it, while that lives. */
  session: ServerSession | null;
}

/** One session in a database. */
export class ServerSession {
  transaction: ServerTransaction | null = null;
  /** Whether a statement has failed, and the transaction with it. */
  failed = false;
  /** Whether the server has ended it. */
  ended = false;
  /** Whether its client knows that nothing more can be heard of it. */
  lost = false;
  /** Stops a statement that waits. */
  cancel: ((why: unknown) => void) | null = null;
  #tail: Promise<unknown> = Promise.resolve();

  /** Begins in a database, which numbers it. */
  constructor(readonly server: SimulatedServer, readonly number: number) {}

  /** Runs something behind everything that was sent before it. */
  queue<T>(run: () => T | Promise<T>): Promise<T> {
    const result = this.#tail.then(run);
    this.#tail = result.catch(() => {});
    return result;
  }
}

/** How a branch is ended. */
export type Ending = "commit" | "rollback";

/** Is told what a server does. */
export interface ServerListener {
  /** A coordinator's transaction has begun. */
  begun(server: string, id: string): void;
  /** A coordinator's transaction was ended. */
  ended(server: string, id: string, ending: Ending): void;
}

/** A database. */
export abstract class SimulatedServer {
  readonly #listener: ServerListener;
  #sessionCount = 0;
  protected readonly locks: RowLocks = new RowLocks();

  /** What an adapter calls this kind of database. */
  abstract readonly kind: string;
  /** Its name among the participants. */
  readonly name: string;
  /** What tells it from every other. */
  readonly identity: string;
  /** Whether it can be reached. */
  reachable = true;
  /** Whether it is a standby that takes no writes. */
  readOnly = false;
  /** Committed ids. */
  rows: string[] = [];
  /** What is prepared. */
  readonly prepared = new Map<string, ServerTransaction>();
  /** Sessions that live. */
  readonly sessions = new Set<ServerSession>();

  constructor(name: string, identity: string, listener: ServerListener) {
    this.name = name;
    this.identity = identity;
    this.#listener = listener;
  }

  /** What an adapter says about an error with which this database answers PREPARE or COMMIT. */
  abstract voteOf(error: unknown): VoteAnswer;
  /** The same for COMMIT PREPARED and ROLLBACK PREPARED. */
  abstract settleAnswerOf(error: unknown, ending: Ending): SettleAnswer | "look again";
  /** An error with which this database may well answer that command, without having done it. */
  abstract refusalOf(command: Command, random: SeededRandom): ServerError | null;
  /** What became of a transaction, asked by its token. */
  abstract outcomeOf(token: string, identity: string): TokenOutcome;
  /** Whether the session's transaction has written. */
  abstract examine(session: ServerSession): BranchWork;
  /** Prepares the session's transaction; gives what its outcome can be asked by. */
  abstract prepare(session: ServerSession, gid: string): string | null;
  /** Ends a prepared transaction. */
  abstract endPrepared(gid: string, ending: Ending, session: ServerSession | null): void;
  /** Refuses a statement that writes. */
  protected abstract refuseWrite(): ServerError;

  /** Begins a session. */
  connect(): ServerSession {
    const session = new ServerSession(this, ++this.#sessionCount);
    this.sessions.add(session);
    return session;
  }

  /** Begins a transaction in a session. */
  begin(session: ServerSession, id: string): void {
    this.#listener.begun(this.name, id);
    session.transaction = { id, xid: null, rows: [], lock: null, session };
    session.failed = false;
  }

  /** Writes an id, and to a row that only one transaction at a time may write to. */
  async write(session: ServerSession, id: string, row: number): Promise<void> {
    const { transaction } = session;
    if (transaction === null || session.failed) throw new ServerError("25P02", "nothing is begun");
    try {
      if (this.readOnly) throw this.refuseWrite();
      await this.locks.take(row, transaction, (cancel) => session.cancel = cancel);
      // What held the row may have ended with this session, and given it on before.
      if (session.ended) throw sessionEnded();
    } catch (error) {
      session.failed = true;
      throw error;
    } finally {
      session.cancel = null;
    }
    transaction.lock = row;
    this.identify(transaction);
    transaction.rows.push(id);
  }

  /** Ends the session's transaction in one phase. */
  end(session: ServerSession, ending: Ending): void {
    const { transaction } = session;
    session.transaction = null;
    if (transaction !== null) this.finish(transaction, session.failed ? "rollback" : ending);
    const hasFailed = session.failed;
    session.failed = false;
    if (ending === "commit" && (hasFailed || transaction === null)) {
      throw new ServerError("25P01", "the answer was ROLLBACK: there was nothing to commit");
    }
  }

  /** Stops what a session waits for. */
  interrupt(session: ServerSession): void {
    session.cancel?.(new ServerError("57014", "the statement was cancelled"));
  }

  /** A client is gone: its session ends when it has done what was sent before. */
  disconnect(session: ServerSession): void {
    void session.queue(() => this.kill(session));
  }

  /** Ends a session at once: what is not prepared is rolled back. */
  kill(session: ServerSession): void {
    if (session.ended) return;
    session.ended = true;
    this.sessions.delete(session);
    session.cancel?.(sessionEnded());
    const { transaction } = session;
    session.transaction = null;
    if (transaction !== null) this.finish(transaction, "rollback");
    for (const one of this.prepared.values()) if (one.session === session) one.session = null;
  }

  /** The server dies or its network does: every session ends, and none begins. */
  goAway(): void {
    this.reachable = false;
    for (const session of [...this.sessions]) this.kill(session);
  }

  /**
   * A standby takes over that lacks nothing but the last COMMIT PREPARED: that branch is prepared again.
   *
   * @returns Its gid; `null` if that was not the last that happened, or this kind of database is not
   * simulated so.
   */
  loseCommit(): string | null {
    return null;
  }

  /** Takes a snapshot; the function that is given goes back to it. */
  snapshot(): () => void {
    const rows = [...this.rows];
    const prepared = [...this.prepared].map(([gid, transaction]) =>
      [gid, clone(transaction)] as const
    );
    return () => {
      this.goAway();
      this.rows = [...rows];
      this.prepared.clear();
      for (const [gid, transaction] of prepared) this.prepared.set(gid, clone(transaction));
      this.lockPrepared();
      this.reachable = true;
    };
  }

  /** Somebody else prepares a transaction. */
  prepareByHand(gid: string): void {
    const transaction = { id: "", xid: null, rows: [], lock: null, session: null };
    this.identify(transaction);
    this.prepared.set(gid, transaction);
  }

  /** Nothing is locked but what is prepared. */
  protected lockPrepared(): void {
    this.locks.reset(
      [...this.prepared.values()].flatMap((one) => one.lock === null ? [] : [[one.lock, one]]),
    );
  }

  /** Gives a transaction its id, when it writes for the first time. */
  protected identify(_transaction: ServerTransaction): void {}

  /** Commits or rolls back. */
  protected finish(transaction: ServerTransaction, ending: Ending): void {
    if (ending === "commit") this.rows.push(...transaction.rows);
    this.locks.release(transaction);
    if (transaction.id !== "") this.#listener.ended(this.name, transaction.id, ending);
  }
}

function sessionEnded(): ServerError {
  return new ServerError("57P01", "the session was ended", "FATAL");
}

function clone({ id, xid, rows, lock }: ServerTransaction): ServerTransaction {
  return { id, xid, rows: [...rows], lock, session: null };
}
