/**
 * A branch on a PostgreSQL session, whatever driver the session comes from. It is a writer if it has a
 * transaction id, or if a command tag has shown that it wrote; a writer always has an id.
 *
 * @module
 */

import type {
  Branch,
  BranchOptions,
  BranchWork,
  PrepareAnswer,
  SettleAnswer,
  VoteAnswer,
} from "../../coordinator/participant.ts";
import { beforeVote } from "./answers.ts";
import type { PostgresqlSession } from "./session.ts";
import {
  askToken,
  commitBranch,
  leaveFailedTransaction,
  markBranch,
  prepareBranch,
  rollBackBranch,
  settleBranch,
} from "./statements.ts";

/** A branch of a transaction in PostgreSQL. */
export class PostgresqlBranch<Client> implements Branch<Client> {
  readonly #session: PostgresqlSession<Client>;
  readonly #role: string | null;
  #gid = "";
  #identity: string | undefined;
  #token: string | null = null;
  /** Whether the session is known to be in no transaction. */
  #clean = true;

  /**
   * Takes over a session that is in no transaction.
   *
   * @param session The session.
   * @param role The role that must be able to end the branch from any session; `null` if it may end any.
   */
  constructor(session: PostgresqlSession<Client>, role: string | null = null) {
    this.#session = session;
    this.#role = role;
  }

  get client(): Client {
    return this.#session.client;
  }

  async begin(options: BranchOptions): Promise<void> {
    this.#gid = options.gid;
    this.#identity = options.identity;
    this.#clean = false;
    const mark = markBranch(options);
    await this.#orLost(this.#session.run(this.#session.begun ? mark : `BEGIN; ${mark}`));
  }

  get wrote(): boolean {
    return this.#session.wrote;
  }

  async examine(): Promise<BranchWork> {
    // From here on the coordinator alone speaks to the session.
    this.#session.closeClient();
    this.#token = await this.#orLost(this.#askToken());
    return { wrote: this.#token !== null, token: this.#token };
  }

  async commit(): Promise<VoteAnswer> {
    return await this.#note(await commitBranch(this.#session));
  }

  async prepare(): Promise<PrepareAnswer> {
    this.#session.closeClient();
    return await this.#note(
      await prepareBranch(this.#session, this.#gid, this.#token, this.#identity, this.#role),
    );
  }

  async rollback(): Promise<void> {
    this.#session.closeClient();
    this.#clean = await rollBackBranch(this.#session);
  }

  interrupt(): Promise<void> {
    return this.#session.cancel();
  }

  commitPrepared(): Promise<SettleAnswer> {
    return settleBranch(this.#session, "COMMIT", this.#gid);
  }

  rollbackPrepared(): Promise<SettleAnswer> {
    return settleBranch(this.#session, "ROLLBACK", this.#gid);
  }

  release(): void {
    this.#session.closeClient();
    this.#session.release(this.#clean);
  }

  /**
   * A branch that has done what is carried out at its COMMIT only (a foreign table, NOTIFY) has no id and has
   * written all the same, as a command tag says: it is given one, by which its outcome can be asked.
   */
  async #askToken(): Promise<string | null> {
    const session = this.#session;
    const token = await askToken(session, this.#gid, this.#identity);
    if (token !== null || !session.wrote) return token;
    const run = (text: string) => session.run(`SELECT pg_current_xact_id(); ${text}`);
    return await askToken({ run }, this.#gid, this.#identity);
  }

  /** Sees to it that the session is in no transaction after a vote. */
  async #note<Answer extends VoteAnswer | PrepareAnswer>(answer: Answer): Promise<Answer> {
    this.#clean = answer.kind === "done" ||
      (answer.kind === "refused" && await leaveFailedTransaction(this.#session));
    return answer;
  }

  async #orLost<Value>(answer: Promise<Value>): Promise<Value> {
    try {
      return await answer;
    } catch (error) {
      throw beforeVote(error);
    }
  }
}
