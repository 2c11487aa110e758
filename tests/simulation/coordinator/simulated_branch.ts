/**
 * A branch of a transaction in a simulated database, as an adapter would make it of a session: it
 * turns what the database says into answers, and reports what no coordinator may do with a session.
 */

import { BranchEndedError, ParticipantIdentityError } from "../../../src/coordinator/errors.ts";
import type {
  Branch,
  BranchOptions,
  BranchWork,
  PrepareAnswer,
  SettleAnswer,
  VoteAnswer,
} from "../../../src/coordinator/participant.ts";
import { idOfGid } from "./evidence.ts";
import type { Link } from "./link.ts";
import { settle } from "./settle.ts";
import type { Ending, ServerSession, SimulatedServer } from "./simulated_server.ts";

/** What an application's statements go to. */
export interface SimulatedClient {
  /** Writes an id, and to a row that only one transaction at a time may write to. */
  write(id: string, row: number): Promise<void>;
  /** Ends the branch with a statement of the application. */
  endByHand(ending: Ending): Promise<void>;
}

/** Is told what a branch does. */
export interface BranchListener {
  /** Its coordinator has done what no coordinator may do with a session. */
  misused(what: string): void;
  /** Its coordinator has heard that it is prepared. */
  prepared(gid: string): void;
}

/** One branch. */
export class SimulatedBranch implements Branch<SimulatedClient> {
  readonly #link: Link;
  readonly #session: ServerSession;
  readonly #listener: BranchListener;
  #gid = "";
  #identity: string | null = null;
  #wrote = false;
  #isEndedByHand = false;
  #isClosed = false;
  #isReleased = false;

  readonly client: SimulatedClient = {
    write: async (id, row) => {
      this.#assertOpen();
      await this.#send("write", (server) => server.write(this.#session, id, row));
      this.#wrote = true;
    },
    endByHand: async (ending) => {
      this.#assertOpen();
      await this.#send(ending, (server) => {
        server.end(this.#session, ending);
        this.#isEndedByHand = true;
      });
    },
  };

  constructor(link: Link, session: ServerSession, listener: BranchListener) {
    this.#link = link;
    this.#session = session;
    this.#listener = listener;
  }

  get wrote(): boolean {
    return this.#wrote;
  }

  begin({ gid, identity }: BranchOptions): Promise<void> {
    this.#gid = gid;
    this.#identity = identity ?? null;
    return this.#send("begin", (server) => server.begin(this.#session, idOfGid(gid)));
  }

  examine(): Promise<BranchWork> {
    this.#isClosed = true;
    return this.#send("examine", (server) => {
      this.#assertOwn();
      return server.examine(this.#session);
    });
  }

  commit(): Promise<VoteAnswer> {
    return this.#vote("commit", (server) => {
      server.end(this.#session, "commit");
      return { kind: "done" };
    });
  }

  async prepare(): Promise<PrepareAnswer> {
    this.#isClosed = true;
    const answer = await this.#vote("prepare", (server): PrepareAnswer => {
      this.#assertOwn();
      return { kind: "done", token: server.prepare(this.#session, this.#gid) };
    });
    if (answer.kind === "done") this.#listener.prepared(this.#gid);
    return answer;
  }

  async rollback(): Promise<void> {
    this.#isClosed = true;
    await this.#send("rollback", (server) => server.end(this.#session, "rollback"));
  }

  interrupt(): Promise<void> {
    const { server } = this.#session;
    return this.#link.send("interrupt", null, this.#gid, () => server.interrupt(this.#session));
  }

  commitPrepared(): Promise<SettleAnswer> {
    return this.#settle("commit");
  }

  rollbackPrepared(): Promise<SettleAnswer> {
    return this.#settle("rollback");
  }

  release(): void {
    if (this.#isReleased) {
      this.#listener.misused(`the session of ${this.#gid} was given back twice`);
    }
    this.#isReleased = true;
    this.#isClosed = true;
    this.#link.release(this.#session);
  }

  async #vote<A extends PrepareAnswer | VoteAnswer>(
    command: "commit" | "prepare",
    effect: (server: SimulatedServer) => A,
  ): Promise<A | Exclude<VoteAnswer, { kind: "done" }>> {
    try {
      return await this.#send(command, effect);
    } catch (error) {
      if (error instanceof BranchEndedError || error instanceof ParticipantIdentityError) {
        return { kind: "refused", error, retryable: false };
      }
      this.#session.lost ||= this.#session.ended;
      // "done" is nothing that an error can mean.
      return this.#session.server.voteOf(error) as Exclude<VoteAnswer, { kind: "done" }>;
    }
  }

  #settle(ending: Ending): Promise<SettleAnswer> {
    this.#assertNotReleased(`${ending} prepared`);
    return settle(this.#link, this.#session, this.#gid, ending);
  }

  #send<T>(
    command: Parameters<Link["send"]>[0],
    effect: (server: SimulatedServer) => T | Promise<T>,
  ): Promise<T> {
    this.#assertNotReleased(command);
    return this.#link.send(command, this.#session, this.#gid, effect);
  }

  #assertNotReleased(command: string): void {
    if (this.#isReleased) {
      this.#listener.misused(`${this.#gid} was sent ${command} after it was given back`);
    }
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new TypeError("Cannot use the client: its branch has ended");
  }

  #assertOwn(): void {
    if (this.#isEndedByHand) throw new BranchEndedError();
    const { identity } = this.#session.server;
    if (this.#identity !== null && this.#identity !== identity) {
      throw new ParticipantIdentityError("", this.#identity, identity);
    }
  }
}
