/**
 * A branch on a PostgreSQL session, whatever driver the session comes from.
 *
 * @module
 */

import { BranchEndedError } from "../../coordinator/errors.ts";
import type {
  Branch,
  BranchOptions,
  BranchWork,
  PrepareAnswer,
  SettleAnswer,
  VoteAnswer,
} from "../../coordinator/participant.ts";
import { voteOf } from "./answers.ts";
import type { PostgresqlSession } from "./session.ts";
import { askToken, commitBranch, markBranch, prepareBranch, settleBranch } from "./statements.ts";

/** A branch of a transaction in PostgreSQL. */
export class PostgresqlBranch<Client> implements Branch<Client> {
  readonly #session: PostgresqlSession<Client>;
  #gid = "";
  #work: BranchWork | null = null;
  /** Whether the session is known to be in no transaction. */
  #clean = true;

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
    this.#clean = false;
    const mark = markBranch(options);
    await this.#session.run(this.#session.begun ? mark : `BEGIN; ${mark}`);
  }

  get wrote(): boolean {
    return false;
  }

  async examine(): Promise<BranchWork> {
    // From here on the coordinator alone speaks to the session.
    this.#session.closeClient();
    const token = await askToken(this.#session, this.#gid);
    this.#work = { wrote: token !== null, token };
    return this.#work;
  }

  async commit(): Promise<VoteAnswer> {
    return this.#note(await commitBranch(this.#session));
  }

  async prepare(): Promise<PrepareAnswer> {
    let token: string | null;
    try {
      ({ token } = this.#work ?? await this.examine());
    } catch (error) {
      await this.rollback();
      if (error instanceof BranchEndedError) return { kind: "refused", error, retryable: false };
      return voteOf(error);
    }
    const answer = await prepareBranch(this.#session, this.#gid);
    this.#note(answer);
    return answer.kind === "done" ? { kind: "done", token } : answer;
  }

  async rollback(): Promise<void> {
    this.#session.closeClient();
    try {
      const results = await this.#session.run("ROLLBACK");
      this.#clean = results.at(-1)?.command === "ROLLBACK";
    } catch {
      // The session is ended when it is released, and the server then rolls back by itself.
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
    this.#session.release(this.#clean);
  }

  /** PostgreSQL has ended the transaction whenever it answered at all. */
  #note(answer: VoteAnswer): VoteAnswer {
    this.#clean = answer.kind !== "unknown";
    return answer;
  }
}
