/**
 * A database that answers as MariaDB 10.11 was measured to: while the session that has prepared a
 * branch lives, XA COMMIT from another one says 1397 although the branch is prepared and listed; a
 * branch that changed nothing says 1402 when it is committed from another session, and is gone; a
 * duplicate xid is 1440; after a deadlock only XA ROLLBACK works; nothing tells afterwards what
 * became of a transaction, unless the branch has left a row that does.
 *
 * Its answers are given their meaning by the adapter's own table.
 */

import type {
  BranchWork,
  SettleAnswer,
  TokenOutcome,
  VoteAnswer,
} from "../../../src/coordinator/participant.ts";
import { isRetryable, meaningOf } from "../../../src/participants/mysql/answers.ts";
import type { SeededRandom } from "../seeded_random.ts";
import type { Command } from "./command.ts";
import {
  type Ending,
  ServerError,
  type ServerListener,
  type ServerSession,
  type ServerTransaction,
  SimulatedServer,
} from "./simulated_server.ts";

const NO_SUCH_XID = 1397;
const WRONG_STATE = 1399;
const ROLLED_BACK = 1402;
const DUPLICATE_XID = 1440;
const DEADLOCK = 1213;
const READ_ONLY = 1290;
const LOCK_TIMEOUT = 1205;
const TOO_MANY_CONNECTIONS = 1040;

/** What MariaDB answers with an error number. */
export class MariadbError extends ServerError {
  readonly sqlState = "HY000";

  /** Takes the number. */
  constructor(readonly errno: number, message: string) {
    super(String(errno), message);
  }
}

/** A MariaDB server. */
export class SimulatedMariadb extends SimulatedServer {
  readonly kind = "mariadb";
  /** Whether each branch leaves a row that proves that it was committed. */
  readonly leavesProof: boolean;
  #proofs = new Set<string>();

  constructor(name: string, identity: string, listener: ServerListener, leavesProof: boolean) {
    super(name, identity, listener);
    this.leavesProof = leavesProof;
  }

  voteOf(error: unknown): VoteAnswer {
    if (meaningOf(error) === null) return { kind: "unknown", error };
    return { kind: "refused", error, retryable: isRetryable(error) };
  }

  settleAnswerOf(error: unknown, ending: Ending): SettleAnswer | "look again" {
    const kind = meaningOf(error)?.settling ?? "later";
    if (kind === "ask") return "look again";
    if (kind === "nothing") return { kind: ending === "rollback" ? "done" : "absent" };
    return { kind, error };
  }

  refusalOf(command: Command, random: SeededRandom): ServerError | null {
    switch (command) {
      case "prepare":
      case "commit":
        return new MariadbError(random.pick([DEADLOCK, WRONG_STATE]), "the branch must roll back");
      case "write":
        return new MariadbError(random.pick([DEADLOCK, LOCK_TIMEOUT]), "the statement failed");
      case "commit prepared":
      case "rollback prepared":
        return new MariadbError(random.pick([WRONG_STATE, LOCK_TIMEOUT]), "not in this session");
      case "list":
      case "outcome":
      case "check":
        return new MariadbError(TOO_MANY_CONNECTIONS, "too many connections");
      default:
        return null;
    }
  }

  examine(session: ServerSession): BranchWork {
    if (session.failed) throw new MariadbError(WRONG_STATE, "the branch must roll back");
    const token = this.#token(session);
    if (session.transaction !== null) session.transaction.xid = token;
    // The counters also move where nothing was changed in the end.
    return { wrote: true, token };
  }

  prepare(session: ServerSession, gid: string): string | null {
    const { transaction } = session;
    if (transaction === null) throw new MariadbError(WRONG_STATE, "there is no branch");
    session.transaction = null;
    const isWrong = session.failed || this.prepared.has(gid);
    session.failed = false;
    if (isWrong) {
      this.finish(transaction, "rollback");
      throw new MariadbError(this.prepared.has(gid) ? DUPLICATE_XID : WRONG_STATE, "rolled back");
    }
    transaction.session = session;
    transaction.xid = this.#token(session);
    this.prepared.set(gid, transaction);
    return transaction.xid;
  }

  endPrepared(gid: string, ending: Ending, session: ServerSession | null): void {
    if (this.readOnly) throw this.refuseWrite();
    const transaction = this.prepared.get(gid);
    const holder = transaction?.session ?? null;
    if (transaction === undefined || (holder !== null && holder !== session)) {
      throw new MariadbError(NO_SUCH_XID, "XAER_NOTA");
    }
    this.prepared.delete(gid);
    this.finish(transaction, ending);
    const hasChanged = transaction.rows.length > 0 || this.leavesProof;
    if (ending === "commit" && !hasChanged && holder === null) {
      throw new MariadbError(ROLLED_BACK, "XA_RBROLLBACK");
    }
  }

  /** What can be learnt: from the row, if there is one; else only whether the session still lives. */
  outcomeOf(token: string, identity: string): TokenOutcome {
    if (identity !== this.identity) return "other database";
    if (this.#proofs.has(token)) return "committed";
    const isUnderWay = [...this.sessions].some((session) => this.#token(session) === token) ||
      [...this.prepared.values()].some(({ xid }) => xid === token);
    if (isUnderWay) return "in progress";
    return this.leavesProof ? "aborted" : "unproven";
  }

  override snapshot(): () => void {
    const proofs = [...this.#proofs];
    const restore = super.snapshot();
    return () => {
      restore();
      this.#proofs = new Set(proofs);
    };
  }

  protected override finish(transaction: ServerTransaction, ending: Ending): void {
    if (ending === "commit" && this.leavesProof && transaction.xid !== null) {
      this.#proofs.add(transaction.xid);
    }
    super.finish(transaction, ending);
  }

  protected refuseWrite(): ServerError {
    return new MariadbError(READ_ONLY, "the server is read-only");
  }

  /** A session runs one branch only, here as in the adapter, which ends it behind a prepared one. */
  #token(session: ServerSession): string {
    return String(session.number);
  }
}
