/**
 * A database that does nothing and answers at once: what is left of a commit is the coordinator and its
 * log. It says that it wrote and gives an outcome token as long as PostgreSQL's, so that the decision has
 * the bytes that it would have.
 *
 * @module
 */

import type {
  Branch,
  BranchOptions,
  BranchWork,
  Participant,
  ParticipantCheck,
  PrepareAnswer,
  PreparedBranch,
  SettleAnswer,
  TokenOutcome,
  VoteAnswer,
} from "../../src/coordinator/participant.ts";

/** As of a prepared transaction of PostgreSQL after some millions of others. */
const TOKEN = "73400320@1";

const work: Promise<BranchWork> = Promise.resolve({ wrote: true, token: TOKEN });
const prepared: Promise<PrepareAnswer> = Promise.resolve({ kind: "done", token: TOKEN });
const done: Promise<SettleAnswer & VoteAnswer> = Promise.resolve({ kind: "done" });
const nothing = Promise.resolve();

/** A session that does nothing. */
class NoOpBranch implements Branch<null> {
  readonly client = null;
  readonly wrote = true;

  begin(_options: BranchOptions): Promise<void> {
    return nothing;
  }

  examine(): Promise<BranchWork> {
    return work;
  }

  commit(): Promise<VoteAnswer> {
    return done;
  }

  prepare(): Promise<PrepareAnswer> {
    return prepared;
  }

  rollback(): Promise<void> {
    return nothing;
  }

  interrupt(): Promise<void> {
    return nothing;
  }

  commitPrepared(): Promise<SettleAnswer> {
    return done;
  }

  rollbackPrepared(): Promise<SettleAnswer> {
    return done;
  }

  release(): void {}
}

/** A database that does nothing. */
export class NoOpParticipant implements Participant<null> {
  readonly kind = "no-op";
  readonly #identity: string;
  readonly #branch = Promise.resolve(new NoOpBranch());

  /** `identity` tells it from the others. */
  constructor(identity: string) {
    this.#identity = identity;
  }

  check(_gidPrefix: string): Promise<ParticipantCheck> {
    return Promise.resolve({ identity: this.#identity });
  }

  /** All share one session, which has no state. */
  acquire(): Promise<Branch<null>> {
    return this.#branch;
  }

  listPrepared(_gidPrefix: string): Promise<PreparedBranch[]> {
    return Promise.resolve([]);
  }

  commitPrepared(_gid: string): Promise<SettleAnswer> {
    return done;
  }

  rollbackPrepared(_gid: string): Promise<SettleAnswer> {
    return done;
  }

  outcomeOf(_token: string, _identity: string): Promise<TokenOutcome> {
    return Promise.resolve("committed");
  }

  isRetryable(_error: unknown): boolean {
    return false;
  }

  detach(): void {}
}
