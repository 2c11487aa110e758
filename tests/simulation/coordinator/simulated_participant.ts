/**
 * A simulated database as one process's coordinator reaches it: the adapter.
 */

import { ParticipantConfigurationError } from "../../../src/coordinator/errors.ts";
import type {
  Participant,
  ParticipantCheck,
  PreparedBranch,
  SettleAnswer,
  TokenOutcome,
} from "../../../src/coordinator/participant.ts";
import type { Link } from "./link.ts";
import { settle } from "./settle.ts";
import { type BranchListener, SimulatedBranch, type SimulatedClient } from "./simulated_branch.ts";

/** An adapter. */
export class SimulatedParticipant implements Participant<SimulatedClient> {
  readonly #link: Link;
  readonly #listener: BranchListener;

  constructor(link: Link, listener: BranchListener) {
    this.#link = link;
    this.#listener = listener;
  }

  get kind(): string {
    return this.#link.server.kind;
  }

  check(_gidPrefix: string): Promise<ParticipantCheck> {
    return this.#link.send("check", null, "", (server) => {
      if (server.readOnly) throw new ParticipantConfigurationError("", "it is a standby");
      return { identity: server.identity };
    });
  }

  async acquire(): Promise<SimulatedBranch> {
    return new SimulatedBranch(this.#link, await this.#link.connect(), this.#listener);
  }

  listPrepared(gidPrefix: string): Promise<PreparedBranch[]> {
    return this.#link.send("list", null, "", (server) =>
      [...server.prepared.keys()]
        .filter((gid) => gid.startsWith(gidPrefix))
        .map((gid) => ({ gid, since: new Date(0) })));
  }

  commitPrepared(gid: string): Promise<SettleAnswer> {
    return settle(this.#link, null, gid, "commit");
  }

  rollbackPrepared(gid: string): Promise<SettleAnswer> {
    return settle(this.#link, null, gid, "rollback");
  }

  outcomeOf(token: string, identity: string): Promise<TokenOutcome> {
    return this.#link.send("outcome", null, token, (server) => server.outcomeOf(token, identity));
  }

  /** Whether the same statement, in another transaction, may go well. */
  isRetryable(error: unknown): boolean {
    const vote = this.#link.server.voteOf(error);
    return vote.kind === "unknown" || (vote.kind === "refused" && vote.retryable);
  }

  detach(): void {}
}
