/**
 * A branch says *done* only for the server's OK, *refused* only for what the server has confirmed to be
 * rolled back, and gives back a session as clean only then. Whatever else comes is *unknown*, and the
 * session is ended.
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  BranchEndedError,
  BranchLostError,
  ParticipantIdentityError,
} from "../../../src/coordinator/errors.ts";
import type { BranchOptions } from "../../../src/coordinator/participant.ts";
import { MysqlBranch } from "../../../src/participants/mysql/branch.ts";
import { OutcomeTable } from "../../../src/participants/mysql/outcome_table.ts";
import { type Answer, answered, counters, lost, ScriptedSession } from "./scripted_session.ts";

const GID = "indoubt_branch_1_0";
const XID = `'${GID}','',1768842356`;
const NOW = 1_800_000_000_000;

/** The database in which every session of these tests is. */
const IDENTITY = "mariadb:here/shop";
const askIdentity = () => Promise.resolve(IDENTITY);

/** A branch that the server has rolled back by itself answers so. */
const ROLLBACK_ONLY = answered(1399, "… when global transaction is in the  ROLLBACK ONLY state");

async function begun(
  script: Record<string, Answer> = {},
  { proven = false, wrote = true, ...options }: Partial<BranchOptions> & {
    proven?: boolean;
    wrote?: boolean;
  } = {},
) {
  const session = new ScriptedSession(script);
  const branch = new MysqlBranch(
    session,
    proven ? new OutcomeTable("outcome", 7, () => NOW) : null,
    askIdentity,
  );
  await branch.begin({ gid: GID, ...options });
  session.wrote = wrote;
  return { session, branch, begun: session.ran.length };
}

Deno.test("MysqlBranch: a branch that wrote, from its beginning to its end", async () => {
  const { session, branch } = await begun();
  assertEquals(branch.wrote, true);
  assertEquals(await branch.prepare(), { kind: "done", token: `${GID}:7:1000:-` });
  assert(session.closed);
  assertEquals(await branch.commitPrepared(), { kind: "done" });
  branch.release();
  assertEquals(session.releasedClean, true);
  assertEquals(session.ran.slice(1), [
    `XA START ${XID}`,
    `XA END ${XID}`,
    `XA PREPARE ${XID}`,
    `XA COMMIT ${XID}`,
  ]);
});

Deno.test("MysqlBranch: with an outcome table the row is written in the branch", async () => {
  const { session, branch, begun: from } = await begun({}, { proven: true });
  assertEquals(await branch.examine(), { wrote: true, token: `${GID}:7:1000:${NOW}` });
  assertEquals(session.ran.slice(from), [
    `INSERT INTO outcome (gid, written) VALUES ('${GID}', ${NOW})`,
    `XA END ${XID}`,
  ]);
  assertEquals(await branch.commit(), { kind: "done" });
  assertEquals(session.ran.at(-1), `XA COMMIT ${XID} ONE PHASE`);
});

Deno.test("MysqlBranch.begin() sets isolation level and access in one statement", async () => {
  const { session } = await begun({}, { isolationLevel: "serializable", readOnly: true });
  assertEquals(session.ran, [
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY",
    `XA START ${XID}`,
  ]);
});

Deno.test("MysqlBranch.examine() goes by the answers, then by the counters", async () => {
  const cases: [boolean, Answer, boolean][] = [
    [true, { inTurn: [counters(5)] }, true],
    [false, { inTurn: [counters(5), counters(5)] }, false],
    [false, { inTurn: [counters(5), counters(6)] }, true],
    // Counters that were set back are other ones too.
    [false, { inTurn: [counters(5), counters(0)] }, true],
  ];
  for (const [wrote, script, expected] of cases) {
    const { branch } = await begun({ "SHOW SESSION STATUS": script }, { wrote });
    const work = await branch.examine();
    assertEquals([work.wrote, work.token !== null], [expected, expected]);
  }
});

Deno.test("MysqlBranch.examine() asks once", async () => {
  const { session, branch } = await begun({}, { proven: true });
  const work = await branch.examine();
  const asked = session.ran.length;
  assertEquals(await branch.examine(), work);
  assertEquals(session.ran.length, asked);
});

Deno.test("MysqlBranch.examine() does not ask a branch that must not write", async () => {
  // It may have written to a temporary table.
  const { session, branch } = await begun({}, { readOnly: true, wrote: true, proven: true });
  assertEquals(branch.wrote, false);
  assertEquals(await branch.examine(), { wrote: false, token: null });
  assertEquals(session.ran, ["SET TRANSACTION READ ONLY", `XA START ${XID}`, `XA END ${XID}`]);
});

Deno.test("MysqlBranch.examine() does not take missing counters for an answer", async () => {
  for (const rows of [[], counters(0).slice(1), [["Handler_write", null]]] as const) {
    await assertRejects(() => begun({ "SHOW SESSION STATUS": rows }), TypeError, "Cannot read");
  }
});

for (const vote of ["prepare", "commit"] as const) {
  const statement = vote === "prepare" ? "XA PREPARE" : "XA COMMIT";

  Deno.test(`MysqlBranch.${vote}() is refused once the server has rolled back`, async () => {
    const answers: [Error, boolean][] = [
      [answered(1402), false],
      [answered(1614), true],
      [answered(1613), true],
      [answered(1317), true],
      [answered(1026), false],
      [ROLLBACK_ONLY, true],
    ];
    for (const [error, retryable] of answers) {
      const { session, branch } = await begun({ [statement]: error });
      await branch.examine();
      assertEquals(await branch[vote](), { kind: "refused", error, retryable });
      assertEquals(session.ran.at(-1), `XA ROLLBACK ${XID}`);
      branch.release();
      assertEquals(session.releasedClean, true);
    }
  });

  Deno.test(`MysqlBranch.${vote}() is unknown if nobody confirms a roll-back`, async () => {
    for (const rollback of [answered(1397), lost()]) {
      const error = answered(1317);
      const script = { [statement]: error, "XA ROLLBACK": rollback };
      const { session, branch } = await begun(script);
      await branch.examine();
      assertEquals(await branch[vote](), { kind: "unknown", error });
      branch.release();
      assertEquals(session.releasedClean, false);
    }
  });

  Deno.test(`MysqlBranch.${vote}() is refused where the error itself says rolled back`, async () => {
    for (const errno of [1402, 1613, 1614]) {
      const script = { [statement]: answered(errno), "XA ROLLBACK": answered(1397) };
      const { session, branch } = await begun(script);
      await branch.examine();
      assertEquals((await branch[vote]()).kind, "refused");
      branch.release();
      assertEquals(session.releasedClean, false);
    }
  });

  Deno.test(`MysqlBranch.${vote}() is unknown when the answer is lost`, async () => {
    for (const error of [lost(), answered(1927), answered(1053)]) {
      const { session, branch } = await begun({ [statement]: error });
      await branch.examine();
      assertEquals(await branch[vote](), { kind: "unknown", error });
      // Nothing was sent after it: it may have been done.
      assert(session.ran.at(-1)?.startsWith(statement));
      branch.release();
      assertEquals(session.releasedClean, false);
    }
  });

  Deno.test(`MysqlBranch.${vote}() is refused by a session that is known to be lost`, async () => {
    const error = new BranchLostError();
    const { session, branch } = await begun({ [statement]: error });
    await branch.examine();
    assertEquals(await branch[vote](), { kind: "refused", error, retryable: true });
    branch.release();
    assertEquals(session.releasedClean, false);
  });
}

Deno.test("MysqlBranch.prepare() that does not come to XA PREPARE is no doubt", async () => {
  const places = ["XA END", "INSERT INTO", "SHOW SESSION STATUS"];
  for (const place of places) {
    const script = {
      [place]: { inTurn: [...(place.startsWith("SHOW") ? [counters(0)] : []), lost()] },
    };
    const { session, branch } = await begun(script, { proven: true, wrote: false });
    if (place === "INSERT INTO") session.wrote = true;
    const answer = await branch.prepare();
    assert(answer.kind === "refused" && answer.error instanceof BranchLostError, place);
    assertEquals(answer.retryable, true);
    assert(!session.ran.some((text) => text.startsWith("XA PREPARE")));
    branch.release();
    assertEquals(session.releasedClean, false);
  }
});

Deno.test("MysqlBranch: a deadlock at the outcome table's row is refused, for now", async () => {
  const error = answered(1213);
  const { session, branch } = await begun(
    { "INSERT INTO": error, "XA END": ROLLBACK_ONLY },
    { proven: true },
  );
  assertEquals(await branch.prepare(), { kind: "refused", error, retryable: true });
  assertEquals(session.ran.slice(-2), [`XA END ${XID}`, `XA ROLLBACK ${XID}`]);
  branch.release();
  assertEquals(session.releasedClean, true);
});

Deno.test("MysqlBranch: a vote that a server refuses to begin, and to roll back, ends with its session", async () => {
  for (const [errno, retryable] of [[1290, false], [1836, false], [1205, true]] as const) {
    for (const vote of ["commit", "prepare"] as const) {
      const error = answered(errno);
      const script = { "XA COMMIT": error, "XA PREPARE": error, "XA ROLLBACK": error };
      const { session, branch } = await begun(script);
      await branch.examine();
      assertEquals(await branch[vote](), { kind: "refused", error, retryable });
      assertEquals(session.ran.at(-1), "ended");

      const still = await begun(script);
      still.session.ending = Promise.resolve(false);
      await still.branch.examine();
      assertEquals(await still.branch[vote](), { kind: "unknown", error });

      const unreachable = await begun(script);
      unreachable.session.ending = Promise.reject(lost());
      await unreachable.branch.examine();
      assertEquals(await unreachable.branch[vote](), { kind: "unknown", error });
    }
  }
});

Deno.test("MysqlBranch: a vote that failed otherwise is not known to be gone with its session", async () => {
  for (const errno of [1105, 1317]) {
    const error = answered(errno);
    const { session, branch } = await begun({ "XA COMMIT": error, "XA ROLLBACK": error });
    await branch.examine();
    assertEquals(await branch.commit(), { kind: "unknown", error });
    assert(!session.ran.includes("ended"));
  }
});

Deno.test("MysqlBranch: a branch that has failed is told from one ended by hand", async () => {
  const failed = await begun({ "XA END": ROLLBACK_ONLY });
  assertStrictEquals(await assertRejects(() => failed.branch.examine()), ROLLBACK_ONLY);
  failed.branch.release();
  assertEquals(failed.session.releasedClean, true);
  for (const end of [answered(1397), answered(1399, "… in the  NON-EXISTING state")]) {
    for (const rollback of [answered(1397), answered(1400)]) {
      const ended = await begun({ "XA END": end, "XA ROLLBACK": rollback });
      await assertRejects(() => ended.branch.examine(), BranchEndedError);
      ended.branch.release();
      assertEquals(ended.session.releasedClean, false);
    }
  }
});

Deno.test("MysqlBranch: a row written outside of the branch is taken back, and nothing hangs on that", async () => {
  for (const taken of [0, answered(1142), lost()]) {
    const { session, branch } = await begun(
      { "XA END": answered(1397), "XA ROLLBACK": answered(1397), "DELETE": taken },
      { proven: true },
    );
    await assertRejects(() => branch.examine(), BranchEndedError);
    assertEquals(session.ran.slice(-1), [`DELETE FROM outcome WHERE gid IN ('${GID}')`]);
  }
});

Deno.test("MysqlBranch.rollback() never rejects, and tells whether it was done", async () => {
  const answers: [Answer, boolean][] = [[0, true], [answered(1397), false], [lost(), false]];
  for (const [answer, clean] of answers) {
    const { session, branch } = await begun({ "XA ROLLBACK": answer, "XA END": ROLLBACK_ONLY });
    await branch.rollback();
    branch.release();
    assertEquals(session.releasedClean, clean);
  }
});

Deno.test("MysqlBranch.begin() that fails leaves a session to be ended", async () => {
  for (const error of [answered(1440), answered(1400)]) {
    const session = new ScriptedSession({ "XA START": error });
    const branch = new MysqlBranch(session, null, askIdentity);
    assertStrictEquals(await assertRejects(() => branch.begin({ gid: GID })), error);
    await branch.rollback();
    branch.release();
    assertEquals(session.releasedClean, false);
  }
  const session = new ScriptedSession({ "XA START": lost() });
  const branch = new MysqlBranch(session, null, askIdentity);
  await assertRejects(() => branch.begin({ gid: GID }), BranchLostError);
});

// MySQL lets any session end a prepared branch: under a name that is taken that would be somebody else's.
Deno.test("MysqlBranch.rollback() names no branch of which the server has not said that it began", async () => {
  const refused = new ScriptedSession({ "XA START": answered(1440) });
  const taken = new MysqlBranch(refused, null, askIdentity);
  await assertRejects(() => taken.begin({ gid: GID }));
  await taken.rollback();
  await taken.rollback();
  assertEquals(refused.ran.at(-1), `XA START ${XID}`);

  const pending = new ScriptedSession();
  const branch = new MysqlBranch(pending, null, askIdentity);
  const beginning = branch.begin({ gid: GID });
  await branch.rollback();
  branch.release();
  await beginning;
  await branch.rollback();
  assertEquals(pending.ran.filter((text) => text.startsWith("XA ROLLBACK")), []);
  assertEquals(pending.releasedClean, false);
});

Deno.test("MysqlBranch.release() ends a session whose branch has not ended", async () => {
  const states: [(branch: MysqlBranch<string>) => unknown, boolean][] = [
    [() => {}, false],
    [(branch) => branch.examine(), false],
    [(branch) => branch.prepare(), false],
    [async (branch) => (await branch.prepare(), await branch.rollbackPrepared()), true],
  ];
  for (const [bring, clean] of states) {
    const { session, branch } = await begun();
    await bring(branch);
    branch.release();
    assertEquals(session.releasedClean, clean);
  }
  const unused = new ScriptedSession();
  new MysqlBranch(unused, null, askIdentity).release();
  assertEquals(unused.releasedClean, true);
});

Deno.test("MysqlBranch.release() tells of a branch that may be prepared, and of no other", async () => {
  type Bring = (branch: MysqlBranch<string>) => unknown;
  const prepare: Bring = (branch) => branch.prepare();
  const cases: [Record<string, Answer>, Bring, boolean][] = [
    [{}, prepare, true],
    [{ "XA PREPARE": lost() }, prepare, true],
    [{ "XA COMMIT": lost() }, async (branch) => {
      await branch.prepare();
      await branch.commitPrepared();
    }, true],
    [{}, async (branch) => {
      await branch.prepare();
      await branch.commitPrepared();
    }, false],
    [{ "XA PREPARE": answered(1402) }, prepare, false],
    [{ "XA END": lost() }, prepare, false],
    [{ "XA COMMIT": lost() }, async (branch) => {
      await branch.examine();
      await branch.commit();
    }, false],
  ];
  for (const [script, bring, isLeft] of cases) {
    const left: unknown[] = [];
    const session = new ScriptedSession(script);
    const branch = new MysqlBranch(
      session,
      null,
      askIdentity,
      null,
      (...one) => void left.push(one),
    );
    await branch.begin({ gid: GID });
    session.wrote = true;
    await bring(branch);
    branch.release();
    assertEquals(left, isLeft ? [[GID, { connection: "7", serverStart: 1000 }]] : []);
  }
});

for (const end of ["commitPrepared", "rollbackPrepared"] as const) {
  Deno.test(`MysqlBranch.${end}() that is not done leaves a session to be ended`, async () => {
    const verb = end === "commitPrepared" ? "XA COMMIT" : "XA ROLLBACK";
    for (const [answer, kind] of [[answered(1397), "absent"], [lost(), "later"]] as const) {
      const { session, branch } = await begun({ [verb]: answer });
      await branch.prepare();
      assertEquals((await branch[end]()).kind, kind);
      branch.release();
      assertEquals(session.releasedClean, false);
    }
  });
}

Deno.test("MysqlBranch.begin() begins nothing in another database than it must", async () => {
  const session = new ScriptedSession();
  const branch = new MysqlBranch(session, null, askIdentity);
  const error = await assertRejects(
    () => branch.begin({ gid: GID, identity: "mariadb:there/shop" }),
    ParticipantIdentityError,
  );
  assertEquals([error.expected, error.found], ["mariadb:there/shop", IDENTITY]);
  assertEquals(session.ran.filter((text) => text.startsWith("XA START")), []);
  await branch.rollback();
  branch.release();
  const { begun: ran } = await begun({}, { identity: IDENTITY });
  assert(ran > 0);
});
