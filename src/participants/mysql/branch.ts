/**
 * A branch on a session of MariaDB or MySQL, whatever driver the session comes from.
 *
 * The session knows the branch by its name, so every statement about it names it: one that the
 * application has ended by hand is not found any more. After any failure the branch is rolled back at once,
 * and *refused* is what the server has confirmed so, or what it has refused to begin in a session that was seen
 * to have ended since.
 *
 * @module
 */

import {
  BranchEndedError,
  BranchLostError,
  ParticipantIdentityError,
} from "../../coordinator/errors.ts";
import type {
  Branch,
  BranchOptions,
  BranchWork,
  PrepareAnswer,
  SettleAnswer,
  VoteAnswer,
} from "../../coordinator/participant.ts";
import { beforeVote, errorNumberOf, isRetryable, meaningOf } from "./answers.ts";
import type { OutcomeTable } from "./outcome_table.ts";
import type { MysqlSession, StatementRunner } from "./session.ts";
import {
  rowCounters,
  rowCountersIn,
  settleBranch,
  transactionCharacteristics,
} from "./statements.ts";
import { makeToken, type ServerSession } from "./token.ts";
import { xidOf } from "./xid.ts";

/** Where the session stands with the branch. */
type Phase =
  /** Not begun. */
  | "new"
  /** The server has not said yet that the branch has begun. */
  | "beginning"
  /** XA START was answered. */
  | "active"
  /** XA END was answered. */
  | "ended"
  /** XA PREPARE or a one-phase XA COMMIT was sent. */
  | "voted"
  /** The server has confirmed the branch's end: the session is in no transaction. */
  | "over"
  /** Not known: the session has to be ended. */
  | "lost";

type NoVote = Exclude<VoteAnswer, { readonly kind: "done" }>;

/** Asks which database a session is in. */
export type AskIdentity = (session: StatementRunner) => Promise<string>;

/** Is told of a branch that may be prepared and is left so, and of its session, which has been told to end. */
export type LeaveBranch = (gid: string, session: ServerSession) => void;

/** Which database each session was in when it was asked. */
const identities = new WeakMap<ServerSession, string>();

/** A branch of a transaction in MariaDB or MySQL. */
export class MysqlBranch<Client> implements Branch<Client> {
  readonly #session: MysqlSession<Client>;
  readonly #outcomeTable: OutcomeTable | null;
  readonly #askIdentity: AskIdentity;
  readonly #database: string | null;
  readonly #leave: LeaveBranch;
  #gid = "";
  #xid = "";
  #readOnly = false;
  #serverSession: ServerSession | null = null;
  #counters = "";
  #work: BranchWork | null = null;
  #phase: Phase = "new";
  #mayBePrepared = false;

  /**
   * Takes over a session that is in no transaction.
   *
   * @param session The session.
   * @param outcomeTable Where the proof of its outcome is kept; `null` without proof.
   * @param askIdentity Asks which database a session is in.
   * @param database Name of the database in which the branch has to begin; `null` for where the session is.
   * @param leave Is told if the branch is left prepared.
   */
  constructor(
    session: MysqlSession<Client>,
    outcomeTable: OutcomeTable | null,
    askIdentity: AskIdentity,
    database: string | null = null,
    leave: LeaveBranch = () => {},
  ) {
    this.#session = session;
    this.#outcomeTable = outcomeTable?.in(database) ?? null;
    this.#database = database;
    this.#leave = leave;
    this.#askIdentity = askIdentity;
  }

  get client(): Client {
    return this.#session.client;
  }

  async begin(options: BranchOptions): Promise<void> {
    this.#gid = options.gid;
    this.#xid = xidOf(options.gid);
    this.#readOnly = options.readOnly ?? false;
    const characteristics = transactionCharacteristics(options);
    this.#phase = "beginning";
    try {
      this.#serverSession = await this.#session.identify();
      await this.#assertIdentity(this.#serverSession, options.identity);
      // Each time anew, since a session's counters can be set back while no branch is in it.
      if (!this.#readOnly) {
        this.#counters = await rowCountersIn(this.#session, this.#database);
      }
      if (characteristics !== null) await this.#session.run(characteristics);
      await this.#session.run(`XA START ${this.#xid}`);
      // Unless it was rolled back meanwhile.
      if (this.#phase === "beginning") this.#phase = "active";
    } catch (error) {
      throw beforeVote(error);
    }
  }

  /** A session stays with its server: it is asked once, before the branch begins. */
  async #assertIdentity(session: ServerSession, expected: string | undefined): Promise<void> {
    if (expected === undefined) return;
    const found = identities.get(session) ?? await this.#askIdentity(this.#session);
    identities.set(session, found);
    if (found !== expected) throw new ParticipantIdentityError("", expected, found);
  }

  get wrote(): boolean {
    return this.#session.wrote && !this.#readOnly;
  }

  async examine(): Promise<BranchWork> {
    if (this.#work !== null) return this.#work;
    // From here on the coordinator alone speaks to the session.
    this.#session.closeClient();
    try {
      const wrote = this.wrote || await this.#hasWritten();
      const token = wrote ? await this.#makeToken() : null;
      await this.#end();
      this.#work = { wrote, token };
      return this.#work;
    } catch (error) {
      throw beforeVote(error);
    }
  }

  async commit(): Promise<VoteAnswer> {
    try {
      this.#phase = "voted";
      await this.#session.run(`XA COMMIT ${this.#xid} ONE PHASE`);
    } catch (error) {
      return await this.#refuse(error);
    }
    this.#phase = "over";
    return { kind: "done" };
  }

  async prepare(): Promise<PrepareAnswer> {
    try {
      const { token } = this.#work ?? await this.examine();
      this.#phase = "voted";
      this.#mayBePrepared = true;
      await this.#session.run(`XA PREPARE ${this.#xid}`);
      return { kind: "done", token };
    } catch (error) {
      const answer = await this.#refuse(error);
      if (answer.kind === "refused") this.#mayBePrepared = false;
      return answer;
    }
  }

  async rollback(): Promise<void> {
    this.#session.closeClient();
    // If it fails, the session is ended when it is released, and the server then rolls back by itself.
    await this.#rollBack();
  }

  interrupt(): Promise<void> {
    return this.#session.interrupt();
  }

  commitPrepared(): Promise<SettleAnswer> {
    return this.#settle("COMMIT");
  }

  rollbackPrepared(): Promise<SettleAnswer> {
    return this.#settle("ROLLBACK");
  }

  release(): void {
    this.#session.closeClient();
    const { movedTo } = this.#session;
    // Whoever gets it next believes it to be where the pool connects.
    const isAway = movedTo !== null && movedTo !== this.#database;
    const isOver = this.#phase === "new" || this.#phase === "over";
    if (this.#mayBePrepared && !isOver && this.#serverSession !== null) {
      this.#leave(this.#gid, this.#serverSession);
    }
    this.#session.release(isOver && !isAway);
  }

  async #hasWritten(): Promise<boolean> {
    if (this.#readOnly) return false;
    return await rowCounters(this.#session) !== this.#counters;
  }

  async #makeToken(): Promise<string> {
    const session = this.#serverSession;
    if (session === null) throw new TypeError("Cannot examine a branch: it has not begun");
    const writtenAt = await this.#outcomeTable?.write(this.#session, this.#gid) ?? null;
    return makeToken({ gid: this.#gid, session, writtenAt });
  }

  async #end(): Promise<void> {
    try {
      await this.#session.run(`XA END ${this.#xid}`);
      this.#phase = "ended";
    } catch (error) {
      if (errorNumberOf(error) === null) throw error;
      const rolledBack = await this.#rollBack();
      await this.#takeBackRow();
      if (rolledBack) throw error;
      // There was no branch of this name in the session.
      throw new BranchEndedError();
    }
  }

  /** If the application had ended the branch by hand, its row was written outside of it and says what is not so. */
  async #takeBackRow(): Promise<void> {
    // If this fails, too, the row goes when it is old; nobody has a token to ask for it.
    await this.#outcomeTable?.takeBack(this.#session, this.#gid).catch(() => {});
  }

  /**
   * Rolls the branch back; true if the server has confirmed it, or there is none. One that may not have begun is
   * left to the end of its session: MySQL lets any session end a prepared branch, and under a name that is taken that
   * is another one's.
   */
  async #rollBack(): Promise<boolean> {
    if (this.#phase === "new" || this.#phase === "over") return true;
    if (this.#phase === "beginning" || this.#phase === "lost") {
      this.#phase = "lost";
      return false;
    }
    // A branch that has failed refuses XA END; XA ROLLBACK then does without.
    if (this.#phase === "active") await this.#session.run(`XA END ${this.#xid}`).catch(() => {});
    try {
      await this.#session.run(`XA ROLLBACK ${this.#xid}`);
      this.#phase = "over";
    } catch {
      this.#phase = "lost";
    }
    return this.#phase === "over";
  }

  /** What a failure means as an answer to the vote, once the branch has been rolled back if it can be. */
  async #refuse(error: unknown): Promise<NoVote> {
    if (error instanceof BranchEndedError) return { kind: "refused", error, retryable: false };
    if (error instanceof BranchLostError) {
      this.#phase = "lost";
      return { kind: "refused", error, retryable: true };
    }
    const meaning = meaningOf(error);
    const rolledBack = meaning !== null &&
      (await this.#rollBack() || (meaning.undone === true && await this.#endSession()));
    if (rolledBack || meaning?.settling === "nothing") {
      return { kind: "refused", error, retryable: isRetryable(error) };
    }
    this.#phase = "lost";
    return { kind: "unknown", error };
  }

  /** Ends the session; true if the branch is known to be gone with it. */
  async #endSession(): Promise<boolean> {
    // What is not known is told as such, with the refusal as its reason.
    return await this.#session.end(this.#gid).catch(() => false);
  }

  async #settle(verb: "COMMIT" | "ROLLBACK"): Promise<SettleAnswer> {
    const answer = await settleBranch(this.#session, verb, this.#gid);
    if (answer.kind === "done") this.#phase = "over";
    return answer;
  }
}
