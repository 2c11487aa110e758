/**
 * A participant on a {@linkcode FakeDatabase}: the connection of one process, which can end while
 * its commands are on their way. What has left then may still arrive; nothing is heard any more.
 *
 * @module
 */

import type {
  Participant,
  ParticipantCheck,
  PreparedBranch,
  SettleAnswer,
  TokenOutcome,
} from "../../../src/coordinator/participant.ts";
import { type Connection, FakeBranch, type FakeClient } from "./fake_branch.ts";
import { type FakeDatabase, SqlError } from "./fake_database.ts";
import { type Answers, type Command, hangs, lostAnswer } from "./faults.ts";

/** A database that takes part. */
export class FakeParticipant implements Participant<FakeClient>, Connection {
  readonly #branches = new Set<FakeBranch>();
  readonly #waiting: (() => void)[] = [];
  #ended = false;

  readonly kind: string = "fake";
  /** The database. */
  readonly database: FakeDatabase;
  /** Prefixes that it was asked about. */
  readonly prefixes: string[] = [];
  /** How often the coordinator let go of it. */
  detached = 0;

  constructor(database: FakeDatabase) {
    this.database = database;
  }

  check(gidPrefix: string): Promise<ParticipantCheck> {
    this.prefixes.push(gidPrefix);
    return this.send("check", () => this.database.check());
  }

  async acquire(): Promise<FakeBranch> {
    while (this.database.sessions >= this.database.capacity) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#ended) return await hangs();
    const branch = new FakeBranch(this);
    this.database.open(branch);
    this.#branches.add(branch);
    try {
      await this.send("acquire", () => {});
    } catch (error) {
      this.release(branch);
      throw error;
    }
    return branch;
  }

  listPrepared(gidPrefix: string): Promise<PreparedBranch[]> {
    return this.send("listPrepared", () => this.database.list(gidPrefix));
  }

  commitPrepared(gid: string): Promise<SettleAnswer> {
    return this.send("commitPrepared", () => this.database.endPrepared(gid, "committed"));
  }

  rollbackPrepared(gid: string): Promise<SettleAnswer> {
    return this.send("rollbackPrepared", () => this.database.endPrepared(gid, "aborted"));
  }

  outcomeOf(token: string, identity: string): Promise<TokenOutcome> {
    return this.send("outcomeOf", () => this.database.outcomeOf(token, identity));
  }

  isRetryable(error: unknown): boolean {
    return error instanceof SqlError && (error.code === "40001" || error.code === "40P01");
  }

  detach(): void {
    this.detached++;
  }

  release(branch: FakeBranch): void {
    this.#branches.delete(branch);
    this.database.close(branch);
    this.#waiting.shift()?.();
  }

  /** The process is gone: its sessions end, it hears nothing, and nothing more of it arrives. */
  end(): void {
    this.#ended = true;
    for (const branch of [...this.#branches]) {
      branch.sever();
      this.release(branch);
    }
  }

  async send<C extends Command>(
    command: C,
    effect: () => Answers[C],
    session?: FakeBranch,
  ): Promise<Answers[C]> {
    if (this.#ended) {
      // The command never leaves, and the database sees that the session is gone.
      session?.abandon();
      return await hangs();
    }
    const { name, reachable, script, trace } = this.database;
    trace.note(`${name} ${command}`);
    if (!reachable) {
      session?.abandon();
      return session?.lose(command) ?? lostAnswer(command);
    }
    const answer = await script.send(command, {
      effect,
      abandon: () => session?.abandon(),
      lose: () => session === undefined ? lostAnswer(command) : session.lose(command),
      postpone: (gate) =>
        session === undefined ? void gate.then(effect) : session.postpone(gate, effect),
    });
    if (!this.#ended) return answer;
    session?.arrived();
    return await hangs();
  }
}
