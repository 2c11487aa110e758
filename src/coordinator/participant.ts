/**
 * What the coordinator needs of a database: the interface that every adapter implements and the one
 * contract suite tests.
 *
 * Answers, not exceptions, carry what a database said about a branch, because three things must never be
 * mixed up: it was done, it was certainly not done, and nobody knows. An adapter says *done* only when
 * the database said so itself, and *refused* only when the database answered and the branch is gone;
 * whatever else happens (a lost connection, an answer it does not know) is *unknown*.
 *
 * @module
 */

/** How strictly a branch is isolated from other transactions of its own database. */
export type IsolationLevel = "read committed" | "repeatable read" | "serializable";

/** How a branch begins. */
export interface BranchOptions {
  /** The name under which it may be prepared later; also marks the database's transaction as ours. */
  readonly gid: string;
  /**
   * The database in which the branch must be, as {@linkcode Participant.check} named it. Behind the same address
   * there may be another one by now: then the branch gets no vote, but a
   * {@linkcode ParticipantIdentityError}. Not looked at if absent.
   */
  readonly identity?: string;
  /** Isolation level; the database's default if absent. */
  readonly isolationLevel?: IsolationLevel;
  /** Whether the database is to refuse writes. */
  readonly readOnly?: boolean;
}

/** What a branch has done so far, as its database says. */
export interface BranchWork {
  /** Whether it may have written: then it takes part in the vote. */
  readonly wrote: boolean;
  /** What the outcome can be asked by later; `null` if the database has no such thing. */
  readonly token: string | null;
}

/** What a database said to a one-phase COMMIT. */
export type VoteAnswer =
  | { readonly kind: "done" }
  /** Certainly not; the branch is rolled back. `retryable` if the same again may go well. */
  | { readonly kind: "refused"; readonly error: unknown; readonly retryable: boolean }
  /** The answer was lost. */
  | { readonly kind: "unknown"; readonly error: unknown };

/** What a database said to PREPARE. */
export type PrepareAnswer =
  /** Prepared. The token is what the outcome can be asked by later, if there is such a thing. */
  | { readonly kind: "done"; readonly token: string | null }
  | Exclude<VoteAnswer, { readonly kind: "done" }>;

/** What a database said to COMMIT PREPARED or ROLLBACK PREPARED. */
export type SettleAnswer =
  | { readonly kind: "done" }
  /** No branch is prepared under this name: a question, not an answer. */
  | { readonly kind: "absent" }
  /** Not now: try again. `suspect` if the server may have changed its place, such as to a standby. */
  | { readonly kind: "later"; readonly error: unknown; readonly suspect?: boolean }
  /** No repetition will help: a person has to look. */
  | { readonly kind: "operator"; readonly error: unknown; readonly suspect?: boolean };

/** What became of a transaction of a database, asked by its outcome token. */
export type TokenOutcome =
  | "committed"
  | "aborted"
  /** It has not ended, or the session that would end it is still there. */
  | "in progress"
  /** The database should know and does not: it may have been restored from a backup. */
  | "unknown"
  /** This kind of database keeps no memory of it. It is known to be over, not how. */
  | "unproven"
  /** Another database answers than the one that gave the token. */
  | "other database";

/** One transaction's part in one database: a session of its own, from before BEGIN to its end. */
export interface Branch<Client> {
  /** The driver's own client, bound to this session; refuses use after the branch has ended. */
  readonly client: Client;
  /** Begins the database's transaction. Is called in the turn in which the branch was acquired. */
  begin(options: BranchOptions): Promise<void>;
  /**
   * Whether the database has said already, in its answers to the application's own statements, that the
   * branch wrote: then nobody has to ask. False means that it is not known.
   */
  readonly wrote: boolean;
  /**
   * Asks whether the branch has written, and by what its outcome can be learnt later. The client refuses
   * use from this call on.
   *
   * @returns What it has done.
   * @throws {BranchEndedError} If the transaction begun here is no longer the session's.
   * @throws {ParticipantIdentityError} If the branch is in another database than it must be.
   * @throws Whatever the database answered if the transaction has failed.
   */
  examine(): Promise<BranchWork>;
  /** Commits in one phase. Is called after {@linkcode Branch.examine}. */
  commit(): Promise<VoteAnswer>;
  /**
   * Prepares under the gid given at the beginning. The client refuses use from this call on. If
   * {@linkcode Branch.examine} was not called before, its question travels in the same round trip.
   *
   * @returns The answer; refused with a {@linkcode BranchEndedError} if the transaction begun here is no
   * longer the session's, and with a {@linkcode ParticipantIdentityError} if the branch is in another
   * database than it must be.
   */
  prepare(): Promise<PrepareAnswer>;
  /** Rolls back, whatever the state before PREPARE; the client refuses use from this call on. */
  rollback(): Promise<void>;
  /** Stops a statement that keeps {@linkcode Branch.rollback} waiting. */
  interrupt(): Promise<void>;
  /** Commits the prepared branch, in the same session. */
  commitPrepared(): Promise<SettleAnswer>;
  /** Rolls back the prepared branch, in the same session. */
  rollbackPrepared(): Promise<SettleAnswer>;
  /** Gives the session back, or ends it if its state is not known. */
  release(): void;
}

/** A branch that a database holds prepared. */
export interface PreparedBranch {
  /** Its name. */
  readonly gid: string;
  /** Since when, as the database's clock says; since the adapter saw it first where no database tells. */
  readonly since: Date;
}

/** What a database says about itself. */
export interface ParticipantCheck {
  /** What tells this database from every other; a file-level copy of the whole server may share it. */
  readonly identity: string;
}

/** A database that can take part. `Client` is what the application's statements go to. */
export interface Participant<Client> {
  /** Kind of database, such as `postgresql`. */
  readonly kind: string;
  /**
   * Sees whether the database can do its part.
   *
   * @param gidPrefix What this coordinator's gids begin with.
   * @returns Who it is.
   * @throws {ParticipantConfigurationError} If it is reached but something must be changed first.
   * @throws Anything else if it cannot be reached.
   */
  check(gidPrefix: string): Promise<ParticipantCheck>;
  /** Takes a session for a branch; may wait for one to be free. */
  acquire(): Promise<Branch<Client>>;
  /**
   * Lists the branches prepared in this very database whose gid begins with `gidPrefix`; those of the whole
   * server where branches are the server's and either of its databases can end them.
   */
  listPrepared(gidPrefix: string): Promise<PreparedBranch[]>;
  /** Commits a prepared branch from any session. */
  commitPrepared(gid: string): Promise<SettleAnswer>;
  /** Rolls back a prepared branch from any session. */
  rollbackPrepared(gid: string): Promise<SettleAnswer>;
  /**
   * Asks what became of a transaction.
   *
   * @param token What {@linkcode Branch.examine} or {@linkcode Branch.prepare} gave.
   * @param identity The database that gave it, as {@linkcode Participant.check} named it.
   */
  outcomeOf(token: string, identity: string): Promise<TokenOutcome>;
  /**
   * Whether an error that the application or a branch got before PREPARE means that the same transaction,
   * begun again, may succeed: a conflict with another one, or a lost connection.
   */
  isRetryable(error: unknown): boolean;
  /** Lets go of what the adapter holds in the client; called when the coordinator closes. */
  detach(): void;
}
