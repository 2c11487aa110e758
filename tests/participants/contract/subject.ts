/**
 * What the contract suite needs of an adapter and its database, and how its tests hold branches:
 * none stays open after a test, whatever came of it, so one failure does not spoil the tests after
 * it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type {
  Branch,
  BranchOptions,
  Participant,
  PrepareAnswer,
  SettleAnswer,
  TokenOutcome,
} from "../../../src/coordinator/participant.ts";

/** One participant to test, with its database in a known state: the dialect's tables are empty. */
export interface ContractSubject<Client> extends AsyncDisposable {
  /** The participant under test. */
  readonly participant: Participant<Client>;
  /** The same adapter on another database. */
  readonly other: Participant<Client>;
  /** Runs a text in a branch; gives the first value of each row of the last result. */
  run(client: Client, text: string): Promise<string[]>;
  /** Runs a text outside of every branch, as someone who may do everything. */
  runOutside(text: string): Promise<string[]>;
}

/** The database's own words. */
export interface ContractDialect {
  /** Writes one row. */
  insert(value: number): string;
  /** How many rows were written. */
  readonly count: string;
  /** Reads without writing. */
  readonly read: string;
  /** Each writes, and the database's answer to it says so. */
  readonly visibleWrites: readonly string[];
  /** After none of these does the branch say that it wrote: it did not, or the answer does not tell. */
  readonly silent: readonly string[];
  /** Locks what it reads. */
  readonly lock: string;
  /** Fails, and the transaction with it. */
  readonly fail: string;
  /** Violates a constraint that is looked at when the transaction ends; `null` without such. */
  readonly violateAtEnd: string | null;
  /** Each makes a transaction one that cannot be prepared. */
  readonly unpreparable: readonly string[];
  /** Names the isolation level, in words of {@linkcode BranchOptions.isolationLevel}. */
  readonly isolationLevel: string;
  /** Each ends the branch's transaction behind the coordinator's back. */
  readonly endings: readonly string[];
  /** Cleans up what an ending has left prepared; nothing if there is nothing. */
  readonly afterEnding: readonly string[];
  /** Prepares a transaction under any gid, in a session of its own. */
  prepare(gid: string): string;
  /** Rolls back what {@linkcode prepare} has prepared. */
  rollBackPrepared(gid: string): string;
  /** Gids that are no gids of a coordinator, and allowed by the database. */
  readonly foreignGids: readonly string[];
  /** Tokens that the database has never given out. */
  readonly unknownTokens: readonly string[];
  /** What the database does otherwise than PostgreSQL. */
  readonly ways?: DatabaseWays;
}

/** Ways of a database that differ, and that the coordinator can live with. */
export interface DatabaseWays {
  /**
   * Whether a branch that has only locked counts as one that wrote.
   *
   * @default {true}
   */
  readonly lockingIsWriting?: boolean;
  /**
   * Whether a transaction that has failed may succeed when it is begun again.
   *
   * @default {false}
   */
  readonly failureIsRetryable?: boolean;
  /**
   * Where a gid that is taken is refused.
   *
   * @default {"prepare"}
   */
  readonly gidTakenAt?: "begin" | "prepare";
  /**
   * Whether nobody else can end a prepared branch before its session has ended.
   *
   * @default {false}
   */
  readonly preparedStaysWithSession?: boolean;
  /**
   * What may be said of an outcome.
   *
   * @default {(outcome) => [outcome]}
   */
  readonly outcomes?: (outcome: TokenOutcome) => readonly TokenOutcome[];
}

/** An adapter, for the suite. */
export interface ContractOptions<Client> {
  /** What its database understands. */
  readonly dialect: ContractDialect;
  /** How many branches it can have open at once. */
  readonly branches: "one" | "many";
  /** Ways of the driver's client to end the transaction or give the session back, by name. */
  readonly escapes: Readonly<Record<string, (client: Client) => unknown>>;
  /** Makes the subject of one test. */
  makeSubject(): Promise<ContractSubject<Client>>;
  /** Registers a test, as `Deno.test` does. */
  register(name: string, body: () => Promise<void>): void;
}

/** A group of tests gets this. */
export interface Contract<Client> extends ContractOptions<Client> {
  /** Registers a test; after it, nothing may be prepared and a new branch must go through. */
  test(behaviour: string, body: (subject: ContractSubject<Client>) => Promise<void>): void;
}

/** A branch that is rolled back and released at the end of its block, if it was not before. */
export class TestBranch<Client> implements AsyncDisposable {
  readonly #branch: Branch<Client>;
  #released = false;

  /** Name of the branch. */
  readonly gid: string;

  /** For {@linkcode open}. */
  constructor(branch: Branch<Client>, gid: string) {
    this.#branch = branch;
    this.gid = gid;
  }

  /** The branch itself. */
  get branch(): Branch<Client> {
    return this.#branch;
  }

  /** Gives the session back. */
  release(): void {
    this.#released = true;
    this.#branch.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) return;
    await this.#branch.rollback();
    this.release();
  }
}

/** What the gids of these tests begin with. */
export const GID_PREFIX = "indoubt_contract_";

let branches = 0;

/** A gid that no other branch of this process has. */
export function newGid(): string {
  return `${GID_PREFIX}${Deno.pid}_${++branches}`;
}

/** Takes a session and begins a branch in it. */
export async function open<Client>(
  subject: ContractSubject<Client>,
  options: Partial<BranchOptions> = {},
): Promise<TestBranch<Client>> {
  const gid = options.gid ?? newGid();
  const opened = new TestBranch(await subject.participant.acquire(), gid);
  try {
    await opened.branch.begin({ ...options, gid });
    return opened;
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

/** Begins a branch, writes one row in it and asks for its token as the coordinator does. */
export async function openWritten<Client>(
  subject: ContractSubject<Client>,
  dialect: ContractDialect,
  options: Partial<BranchOptions> = {},
): Promise<TestBranch<Client> & { token: string }> {
  const opened = await open(subject, options);
  try {
    await subject.run(opened.branch.client, dialect.insert(1));
    const { token } = await opened.branch.examine();
    assertEquals(typeof token, "string");
    return Object.assign(opened, { token: token! });
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

/** Prepares a branch that has written one row and gives its session back. */
export async function leavePrepared<Client>(
  subject: ContractSubject<Client>,
  dialect: ContractDialect,
): Promise<{ gid: string; token: string }> {
  await using opened = await openWritten(subject, dialect);
  assertPrepared(await opened.branch.prepare(), opened.token);
  opened.release();
  return { gid: opened.gid, token: opened.token };
}

/**
 * Sees that a branch was prepared, and by what its outcome can be asked then: what it had before, or the
 * beginning of that.
 */
export function assertPrepared(answer: PrepareAnswer, token: string | null): void {
  assert(answer.kind === "done" && answer.token !== null, JSON.stringify(answer));
  assert(answer.token !== "" && token?.startsWith(answer.token), `${answer.token} of ${token}`);
}

/** Gids that the participant lists, whoever prepared them unless a prefix is given. */
export async function listed<Client>(
  subject: ContractSubject<Client>,
  prefix = "",
): Promise<string[]> {
  return (await subject.participant.listPrepared(prefix)).map(({ gid }) => gid);
}

/** Asks what became of a transaction of this very database. */
export async function outcomeOf<Client>(
  subject: ContractSubject<Client>,
  token: string,
): Promise<TokenOutcome> {
  const { identity } = await subject.participant.check(GID_PREFIX);
  return await subject.participant.outcomeOf(token, identity);
}

/** Ends a prepared branch in any session, once its own is gone if that is what the database waits for. */
export async function endAnywhere<Client>(
  { participant }: ContractSubject<Client>,
  { ways }: ContractDialect,
  end: "commitPrepared" | "rollbackPrepared",
  gid: string,
): Promise<SettleAnswer> {
  const deadline = performance.now() + 10_000;
  while (true) {
    const answer = await participant[end](gid);
    const waiting = ways?.preparedStaysWithSession === true && answer.kind === "later";
    if (!waiting || performance.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Sees what became of a transaction, as far as the database can tell. */
export async function assertOutcome<Client>(
  subject: ContractSubject<Client>,
  { ways }: ContractDialect,
  token: string,
  outcome: TokenOutcome,
): Promise<void> {
  const told = await outcomeOf(subject, token);
  const allowed = ways?.outcomes?.(outcome) ?? [outcome];
  assert(allowed.includes(told), `${outcome} must be told as ${allowed.join(" or ")}, not ${told}`);
}

/** How many rows can be seen outside. */
export async function countOutside<Client>(
  subject: ContractSubject<Client>,
  dialect: ContractDialect,
): Promise<number> {
  return Number((await subject.runOutside(dialect.count))[0]);
}
