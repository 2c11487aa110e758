/**
 * Contract, part three: what is prepared, how it ends, and what became of it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { UNSAFE_GIDS } from "./beginning.ts";
import {
  assertOutcome,
  assertPrepared,
  type Contract,
  countOutside,
  endAnywhere,
  GID_PREFIX,
  leavePrepared,
  listed,
  newGid,
  openWritten,
  outcomeOf,
} from "./subject.ts";

/** The two ways to end a prepared branch, and what is left then. */
const ENDS = [
  { end: "commitPrepared", rows: 1, outcome: "committed" },
  { end: "rollbackPrepared", rows: 0, outcome: "aborted" },
] as const;

/** Registers the tests. */
export function settlingContract<Client>(contract: Contract<Client>): void {
  endTests(contract);
  questionTests(contract);
  if (contract.branches === "many") {
    if (contract.dialect.ways?.preparedStaysWithSession ?? false) ownerTests(contract);
    else rivalTests(contract);
  }
}

/** Ending what is prepared, or is not. */
function endTests<Client>({ dialect, test }: Contract<Client>): void {
  for (const { end, rows, outcome } of ENDS) {
    test(`${end}() ends the branch in its own session`, async (subject) => {
      await using opened = await openWritten(subject, dialect);
      assertPrepared(await opened.branch.prepare(), opened.token);
      assertEquals(await opened.branch[end](), { kind: "done" });
      opened.release();
      assertEquals(await listed(subject), []);
      assertEquals(await countOutside(subject, dialect), rows);
      await assertOutcome(subject, dialect, opened.token, outcome);
    });

    test(`${end}() ends the branch from another session`, async (subject) => {
      const { participant } = subject;
      const before = Date.now();
      const { gid, token } = await leavePrepared(subject, dialect);
      const prepared = await participant.listPrepared(GID_PREFIX);
      assertEquals(prepared.map((one) => one.gid), [gid]);
      // The clocks of the database and of this process may differ a little.
      assert(Math.abs(prepared[0]!.since.getTime() - before) < 60_000, String(prepared[0]!.since));
      assertEquals(await outcomeOf(subject, token), "in progress");
      assertEquals(await endAnywhere(subject, dialect, end, gid), { kind: "done" });
      assertEquals(await listed(subject), []);
      assertEquals(await countOutside(subject, dialect), rows);
      await assertOutcome(subject, dialect, token, outcome);
      assertEquals(await participant[end](gid), { kind: "absent" });
    });

    test(`${end}() answers absent for a gid that nobody has prepared`, async (subject) => {
      assertEquals(await subject.participant[end](newGid()), { kind: "absent" });
    });

    test(`${end}() calls for the operator when the gid is unsafe`, async (subject) => {
      for (const gid of UNSAFE_GIDS) {
        const answer = await subject.participant[end](gid);
        assertEquals(answer.kind, "operator", JSON.stringify(gid));
      }
    });
  }
}

/** What is prepared, and what became of it. */
function questionTests<Client>({ dialect, test }: Contract<Client>): void {
  test("outcomeOf() does not know what was never given out", async (subject) => {
    for (const token of ["", "no token", "1; SELECT 1", "'", ...dialect.unknownTokens]) {
      assertEquals(await outcomeOf(subject, token), "unknown", token);
    }
  });

  test("outcomeOf() does not take another database's answer", async (subject) => {
    await using opened = await openWritten(subject, dialect);
    assertEquals(await opened.branch.commit(), { kind: "done" });
    opened.release();
    const { identity } = await subject.other.check(GID_PREFIX);
    for (const giver of [identity, "", "another kind:1/2/3"]) {
      assertEquals(await subject.participant.outcomeOf(opened.token, giver), "other database");
    }
    const own = await subject.participant.check(GID_PREFIX);
    assertEquals(await subject.other.outcomeOf(opened.token, own.identity), "other database");
    await assertOutcome(subject, dialect, opened.token, "committed");
  });

  test("listPrepared() lists what has the prefix, and nothing else", async (subject) => {
    const own = [newGid(), newGid()];
    // Neither upper case nor a character in the place of "_" is the prefix.
    const alike = [`${GID_PREFIX.toUpperCase()}1`, `${GID_PREFIX.replaceAll("_", "-")}1`, "x"];
    const foreign = [...alike, ...dialect.foreignGids];
    try {
      for (const gid of [...foreign, ...own]) await subject.runOutside(dialect.prepare(gid));
      assertEquals((await listed(subject, GID_PREFIX)).toSorted(), own.toSorted());
      assertEquals((await listed(subject)).toSorted(), [...foreign, ...own].toSorted());
      assertEquals((await subject.other.listPrepared("")).length, 0);
    } finally {
      for (const gid of await listed(subject)) {
        await subject.runOutside(dialect.rollBackPrepared(gid));
      }
    }
  });
}

/** Somebody else settles the branch at the same time. */
function rivalTests<Client>({ dialect, test }: Contract<Client>): void {
  test("a branch settled by someone else is absent for its own session", async (subject) => {
    for (const { end, outcome } of ENDS) {
      await using opened = await openWritten(subject, dialect);
      assertPrepared(await opened.branch.prepare(), opened.token);
      assertEquals(await subject.participant[end](opened.gid), { kind: "done" });
      assertEquals(await opened.branch.commitPrepared(), { kind: "absent" });
      assertEquals(await opened.branch.rollbackPrepared(), { kind: "absent" });
      await assertOutcome(subject, dialect, opened.token, outcome);
      opened.release();
    }
  });
}

/** Somebody else tries to settle the branch at the same time, and cannot. */
function ownerTests<Client>({ dialect, test }: Contract<Client>): void {
  test("a branch is settled by someone else only after its session has ended", async (subject) => {
    const { participant } = subject;
    for (const { end, rows, outcome } of ENDS) {
      const before = await countOutside(subject, dialect);
      await using opened = await openWritten(subject, dialect);
      assertEquals((await opened.branch.prepare()).kind, "done");
      for (const { end: attempt } of ENDS) {
        assertEquals((await participant[attempt](opened.gid)).kind, "later", attempt);
      }
      assertEquals(await listed(subject), [opened.gid]);
      assertEquals(await outcomeOf(subject, opened.token), "in progress");
      opened.release();
      assertEquals(await endAnywhere(subject, dialect, end, opened.gid), { kind: "done" });
      await assertOutcome(subject, dialect, opened.token, outcome);
      assertEquals(await countOutside(subject, dialect), before + rows);
    }
  });
}
