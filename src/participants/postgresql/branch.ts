/**
 * A branch on a PostgreSQL session, whatever driver the session comes from.
 *
 * @module
 */

import type {
  Branch,
  BranchOptions,
  SettleAnswer,
  VoteAnswer,
} from "../../coordinator/participant.ts";
import type { PostgresqlSession } from "./session.ts";
import { askToken, commitBranch, markBranch, prepareBranch, settleBranch } from "./statements.ts";

/** A branch of a transaction in PostgreSQL. */
export class PostgresqlBranch<Client> implements Branch<Client> {
  readonly #session: PostgresqlSession<Client>;
  #gid = "";

  /**
   * Takes over a session that is in no transaction.
   *
   * @param session The session.
   */
  constructor(session: PostgresqlSession<Client>) {
    this.#session = session;
  }

  get client(): Client {
    return this.#session.client;
  }

  async begin(options: BranchOptions): Promise<void> {
    this.#gid = options.gid;
    const mark = markBranch(options);
    await this.#session.run(this.#session.begun ? mark : `BEGIN; ${mark}`);
  }

  async outcomeToken(): Promise<string | null> {
    // From here on the coordinator alone speaks to the session.
    this.#session.closeClient();
    return await askToken(this.#session, this.#gid);
  }

  commit(): Promise<VoteAnswer> {
    return commitBranch(this.#session);
  }

  prepare(): Promise<VoteAnswer> {
    return prepareBranch(this.#session, this.#gid);
  }

  async rollback(): Promise<void> {
    this.#session.closeClient();
    try {
      await this.#session.run("ROLLBACK");
    } catch {
      // Without its session the server rolls back by itself.
    }
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
    this.#session.release();
  }
}
