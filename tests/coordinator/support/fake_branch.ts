/**
 * One session of a {@linkcode FakeDatabase}. It notes as a violation whatever no coordinator may do
 * with a session: use it after it was given back, or give it back twice.
 *
 * @module
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
import { type DatabaseTransaction, type FakeDatabase, SqlError } from "./fake_database.ts";
import { type Answers, type Command, lostAnswer } from "./faults.ts";

/** What a session needs of its connection. */
export interface Connection {
  readonly database: FakeDatabase;
  /** Sends a command, unless the process that sends it is gone. */
  send<C extends Command>(
    command: C,
    effect: () => Answers[C],
    session?: FakeBranch,
  ): Promise<Answers[C]>;
  /** Takes a session back. */
  release(branch: FakeBranch): void;
}

type SessionState = "idle" | "begun" | "failed" | "ended by hand" | "prepared" | "ended";

/** The client that an application's statements go to. */
export interface FakeClient {
  /** Writes a row. */
  write(row: string): void;
  /** The database's answers have shown that the branch wrote. */
  tell(): void;
  /** A statement fails, and the transaction with it. */
  fail(): never;
  /** A statement of the application commits the transaction behind the coordinator's back. */
  commitByHand(): void;
}

/** One session. */
export class FakeBranch implements Branch<FakeClient> {
  readonly #connection: Connection;
  readonly #transaction: DatabaseTransaction = { xid: null, rows: [] };
  #state: SessionState = "idle";
  #gid = "";
  #identity: string | undefined;
  #released = false;
  #told = false;
  #severed = false;
  #underWay = 0;

  readonly client: FakeClient;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.client = {
      write: (row) => this.#write(row),
      tell: () => this.#told = true,
      fail: () => this.#fail(),
      commitByHand: () => this.#commitByHand(),
    };
  }

  begin(options: BranchOptions): Promise<void> {
    return this.#send("begin", () => {
      this.#connection.database.begun.push(options);
      this.#gid = options.gid;
      this.#identity = options.identity;
      this.#state = "begun";
    });
  }

  get wrote(): boolean {
    return this.#told;
  }

  examine(): Promise<BranchWork> {
    return this.#send("examine", () => {
      this.#assertIdentity();
      if (this.#state === "ended by hand") throw new BranchEndedError();
      if (this.#state === "failed") throw new SqlError("25P02", "the transaction is aborted");
      const { xid } = this.#transaction;
      return { wrote: xid !== null, token: xid };
    });
  }

  commit(): Promise<VoteAnswer> {
    return this.#send("commit", () => {
      if (this.#state !== "begun") return this.#refuse();
      this.#connection.database.end(this.#transaction, "committed");
      this.#state = "ended";
      return { kind: "done" };
    });
  }

  prepare(): Promise<PrepareAnswer> {
    return this.#send("prepare", () => {
      if (this.#state === "ended by hand") {
        return { kind: "refused", error: new BranchEndedError(), retryable: false };
      }
      if (this.#state !== "begun") return this.#refuse();
      const answer = this.#connection.database.prepare(this.#transaction, this.#gid);
      this.#state = answer.kind === "done" ? "prepared" : "ended";
      return answer;
    });
  }

  rollback(): Promise<void> {
    return this.#send("rollback", () => this.#abandon());
  }

  interrupt(): Promise<void> {
    return this.#send("interrupt", () => {});
  }

  commitPrepared(): Promise<SettleAnswer> {
    const { database } = this.#connection;
    return this.#send("commitPrepared", () => database.endPrepared(this.#gid, "committed"));
  }

  rollbackPrepared(): Promise<SettleAnswer> {
    const { database } = this.#connection;
    return this.#send("rollbackPrepared", () => database.endPrepared(this.#gid, "aborted"));
  }

  release(): void {
    if (this.#released) this.#violation("was given back twice");
    this.#released = true;
    if (this.#underWay === 0) this.#abandon();
    this.#connection.release(this);
  }

  /** The connection is lost. */
  sever(): void {
    this.#severed = true;
    if (this.#underWay === 0) this.#abandon();
  }

  /** The command did not come and will not: the database rolls back what is not prepared. */
  abandon(): void {
    this.#abandon();
  }

  /** Lets a command take effect once something has happened; the session lives until then. */
  postpone(gate: Promise<unknown>, effect: () => unknown): void {
    this.#underWay++;
    void gate.then(effect).then(() => this.arrived());
  }

  /** What is heard of a command whose answer is lost, and of every later one. */
  lose<C extends Command>(command: C): Answers[C] {
    this.#severed = true;
    return lostAnswer(command);
  }

  async #send<C extends Command>(command: C, effect: () => Answers[C]): Promise<Answers[C]> {
    if (this.#released) this.#violation(`got ${command} after it was given back`);
    if (this.#severed) return lostAnswer(command);
    this.#underWay++;
    try {
      return await this.#connection.send(command, effect, this);
    } finally {
      this.arrived();
    }
  }

  /** A command has arrived or never will: a session without an owner ends after its last one. */
  arrived(): void {
    this.#underWay--;
    if (this.#underWay === 0 && (this.#released || this.#severed)) this.#abandon();
  }

  #assertIdentity(): void {
    const { identity } = this.#connection.database;
    if (this.#identity === undefined || this.#identity === identity) return;
    throw new ParticipantIdentityError("", this.#identity, identity);
  }

  #write(row: string): void {
    this.#assertBegun();
    this.#connection.database.write(this.#transaction, row);
  }

  #fail(): never {
    this.#assertBegun();
    this.#state = "failed";
    throw new SqlError("23505", "a statement failed");
  }

  #commitByHand(): void {
    this.#assertBegun();
    this.#connection.database.end(this.#transaction, "committed");
    this.#state = "ended by hand";
  }

  #assertBegun(): void {
    if (this.#state === "begun" && !this.#released && !this.#severed) return;
    throw new SqlError("08003", `the session is ${this.#severed ? "lost" : this.#state}`);
  }

  #refuse(): Extract<VoteAnswer, { kind: "refused" }> {
    this.#abandon();
    const error = new SqlError("25P01", "the answer was ROLLBACK: there was nothing to keep");
    return { kind: "refused", error, retryable: false };
  }

  #abandon(): void {
    if (this.#state !== "begun" && this.#state !== "failed") return;
    this.#state = "ended";
    this.#connection.database.end(this.#transaction, "aborted");
  }

  #violation(what: string): void {
    const { name, violations } = this.#connection.database;
    violations.push(`a session of "${name}" ${what}`);
  }
}
