/**
 * Contract, part two: what a database says to PREPARE, COMMIT and ROLLBACK. *Done* only if it was
 * done, *refused* only if it was certainly not.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import {
  BranchEndedError,
  BranchLostError,
  ParticipantIdentityError,
} from "../../../src/coordinator/errors.ts";
import type { PrepareAnswer, VoteAnswer } from "../../../src/coordinator/participant.ts";
import {
  assertOutcome,
  assertPrepared,
  type Contract,
  type ContractDialect,
  type ContractSubject,
  countOutside,
  GID_PREFIX,
  listed,
  newGid,
  open,
  openWritten,
} from "./subject.ts";

/** The two ways to end a prepared branch, and what is left then. */
const ENDS = [
  { end: "commitPrepared", rows: 1, outcome: "committed" },
  { end: "rollbackPrepared", rows: 0, outcome: "aborted" },
] as const;

/** The two ways to ask a branch for its vote. */
const VOTES = ["prepare", "commit"] as const;

/** Sees that the vote was a no for good. */
function assertRefused(
  answer: VoteAnswer | PrepareAnswer,
  reason: string,
  retryable = false,
): void {
  assertEquals(answer.kind, "refused", reason);
  assert(answer.kind === "refused" && answer.error instanceof Error);
  assertEquals(answer.retryable, retryable);
}

/** Registers the tests. */
export function votingContract<Client>(contract: Contract<Client>): void {
  endingTests(contract);
  unexaminedTests(contract);
  failureTests(contract);
  refusalTests(contract);
  identityTests(contract);
  retryTests(contract);
  if (contract.branches === "many") collisionTests(contract);
}

/** The ends of a branch that nothing is wrong with. */
function endingTests<Client>({ dialect, test }: Contract<Client>): void {
  test("commit() keeps what the branch wrote", async (subject) => {
    await using opened = await openWritten(subject, dialect);
    assertEquals(await opened.branch.commit(), { kind: "done" });
    opened.release();
    assertEquals(await countOutside(subject, dialect), 1);
    await assertOutcome(subject, dialect, opened.token, "committed");
  });

  test("rollback() leaves nothing", async (subject) => {
    await using opened = await openWritten(subject, dialect);
    await opened.branch.rollback();
    opened.release();
    assertEquals(await countOutside(subject, dialect), 0);
    assertEquals(await listed(subject), []);
    await assertOutcome(subject, dialect, opened.token, "aborted");
  });

  test("rollback() ends a branch that has failed, or has not begun", async (subject) => {
    await using failed = await open(subject);
    await assertRejects(() => subject.run(failed.branch.client, dialect.fail));
    await failed.branch.rollback();
    failed.release();
    const unbegun = await subject.participant.acquire();
    await unbegun.rollback();
    unbegun.release();
  });

  test("release() without an ending leaves nothing", async (subject) => {
    const branch = await subject.participant.acquire();
    branch.release();
    assertEquals(await countOutside(subject, dialect), 0);
  });
}

/** PREPARE of a branch that was not examined. */
function unexaminedTests<Client>({ dialect, test }: Contract<Client>): void {
  for (const { end, rows, outcome } of ENDS) {
    test(`prepare() alone gives the token by which ${end}() can be proven`, async (subject) => {
      await using opened = await open(subject);
      await subject.run(opened.branch.client, dialect.insert(1));
      const answer = await opened.branch.prepare();
      assert(answer.kind === "done", answer.kind);
      assertEquals(await opened.branch[end](), { kind: "done" });
      opened.release();
      assertEquals(await countOutside(subject, dialect), rows);
      if (answer.token !== null) await assertOutcome(subject, dialect, answer.token, outcome);
    });
  }

  test("prepare() alone prepares a branch that has written nothing", async (subject) => {
    await using opened = await open(subject);
    await subject.run(opened.branch.client, dialect.read);
    assertEquals((await opened.branch.prepare()).kind, "done");
    assertEquals(await opened.branch.commitPrepared(), { kind: "done" });
    opened.release();
  });

  const { violateAtEnd } = dialect;
  if (violateAtEnd === null) return;
  test("prepare() alone is refused by a deferred constraint", async (subject) => {
    await using opened = await open(subject);
    await subject.run(opened.branch.client, violateAtEnd);
    assertRefused(await opened.branch.prepare(), "violated");
    opened.release();
    assertEquals(await listed(subject), []);
    assertEquals(await countOutside(subject, dialect), 0);
  });
}

/** A transaction that the database has given up already. */
function failureTests<Client>({ dialect, test }: Contract<Client>): void {
  test("prepare() and commit() of a failed transaction are refused", async (subject) => {
    for (const vote of VOTES) {
      await using opened = await open(subject);
      const { client } = opened.branch;
      await subject.run(client, dialect.insert(1));
      // The application swallows the error, as applications do.
      await assertRejects(() => subject.run(client, dialect.fail));
      assertRefused(await opened.branch[vote](), vote, dialect.ways?.failureIsRetryable ?? false);
      opened.release();
      assertEquals(await listed(subject), [], vote);
      assertEquals(await countOutside(subject, dialect), 0, vote);
    }
  });

  test("examine() of a failed transaction rejects, not as ended by hand", async (subject) => {
    await using failed = await open(subject);
    await assertRejects(() => subject.run(failed.branch.client, dialect.fail));
    const error = await assertRejects(() => failed.branch.examine(), Error);
    assert(!(error instanceof BranchEndedError), "the branch has not ended, it has failed");
  });
}

/** A transaction that the database gives up when it is asked for its vote. */
function refusalTests<Client>({ dialect, test }: Contract<Client>): void {
  const { violateAtEnd } = dialect;
  if (violateAtEnd !== null) {
    test("prepare() and commit() are refused by a deferred constraint", async (subject) => {
      for (const vote of VOTES) {
        await using opened = await open(subject);
        await subject.run(opened.branch.client, violateAtEnd);
        await opened.branch.examine();
        assertRefused(await opened.branch[vote](), vote);
        opened.release();
        assertEquals(await listed(subject), [], vote);
        assertEquals(await countOutside(subject, dialect), 0, vote);
      }
    });
  }

  for (const text of dialect.unpreparable) {
    test(`prepare() is refused after ${text}`, async (subject) => {
      await using opened = await open(subject);
      await subject.run(opened.branch.client, dialect.insert(1));
      await subject.run(opened.branch.client, text);
      const { token } = await opened.branch.examine();
      assertRefused(await opened.branch.prepare(), text);
      opened.release();
      assertEquals(await listed(subject), []);
      assertEquals(await countOutside(subject, dialect), 0);
      await assertOutcome(subject, dialect, token!, "aborted");
    });
  }
}

/** Whether the same again may succeed. */
function retryTests<Client>({ test }: Contract<Client>): void {
  test("isRetryable() knows a lost session from an error that comes again", ({ participant }) => {
    assertEquals(participant.isRetryable(new BranchLostError()), true);
    for (const error of [new Error("Not enough stock"), new TypeError(), null, "40001"]) {
      assertEquals(participant.isRetryable(error), false);
    }
    assertEquals(participant.isRetryable(new BranchEndedError()), false);
    return Promise.resolve();
  });
}

/** Behind the same address there is another database than the coordinator knows. */
function identityTests<Client>({ dialect, test }: Contract<Client>): void {
  test("a branch gets a vote only in the database in which it must be", async (subject) => {
    const { identity } = await subject.participant.check(GID_PREFIX);
    const other = anotherThan(identity);
    for (const ask of ["examine", "prepare"] as const) {
      const error = await voteOf(subject, dialect, other, ask);
      assert(error instanceof ParticipantIdentityError, `${ask}: ${error}`);
      assertEquals([error.expected, error.found === identity || identity.startsWith(error.found)], [
        other,
        true,
      ]);
      assertEquals(await listed(subject), []);
      assertEquals(await countOutside(subject, dialect), 0);
    }
    assertEquals(await voteOf(subject, dialect, identity, "examine"), null);
    assertEquals(await voteOf(subject, dialect, identity, "prepare"), null);
    for (const gid of await listed(subject)) await subject.participant.rollbackPrepared(gid);
  });
}

/** A database of the same kind with another name, which need not have a digit: MariaDB's are base64. */
function anotherThan(identity: string): string {
  const other = identity.replace(/(?<=:)./, (first) => first === "1" ? "2" : "1");
  assertNotEquals(other, identity);
  return other;
}

/** The error that a branch meets which must be in a database; `null` if it meets none. */
async function voteOf<Client>(
  subject: ContractSubject<Client>,
  dialect: ContractDialect,
  identity: string,
  ask: "examine" | "prepare",
): Promise<unknown> {
  try {
    await using opened = await open(subject, { identity });
    await subject.run(opened.branch.client, dialect.insert(1));
    const answer = await opened.branch[ask]();
    opened.release();
    return "kind" in answer && answer.kind !== "done" ? answer.error : null;
  } catch (error) {
    return error;
  }
}

/** Two branches under one gid. */
function collisionTests<Client>({ dialect, test }: Contract<Client>): void {
  const place = dialect.ways?.gidTakenAt ?? "prepare";
  test(`${place}() is refused under a gid that is taken`, async (subject) => {
    const gid = newGid();
    await using first = await openWritten(subject, dialect, { gid });
    assertPrepared(await first.branch.prepare(), first.token);
    if (place === "begin") await assertRejects(() => open(subject, { gid }), Error);
    else {
      await using second = await openWritten(subject, dialect, { gid });
      assertRefused(await second.branch.prepare(), "the gid is taken");
      second.release();
      await assertOutcome(subject, dialect, second.token, "aborted");
    }
    assertEquals(await listed(subject), [gid]);
    assertEquals(await first.branch.commitPrepared(), { kind: "done" });
    assertEquals(await countOutside(subject, dialect), 1);
  });
}
