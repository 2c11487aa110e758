/**
 * A branch says *done* only for the command tag that means it, and gives back a session as clean
 * only if PostgreSQL itself has said that its transaction is over. Whatever else comes is
 * *unknown*, and the session is ended.
 */

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import type { SettleAnswer, VoteAnswer } from "../../../src/coordinator/participant.ts";
import { PostgresqlBranch } from "../../../src/participants/postgresql/branch.ts";
import type { StatementResult } from "../../../src/participants/postgresql/session.ts";
import { listPrepared, outcomeOf } from "../../../src/participants/postgresql/statements.ts";
import { type Answer, answered, ScriptedSession } from "./scripted_runner.ts";

const GID = "indoubt_branch_1_0";

function tag(command: string): StatementResult {
  return { command, rows: [] };
}

/** Everything goes well. */
const GOOD: Record<string, Answer> = {
  "BEGIN; ": tag("SET"),
  "pg_current_xact_id_if_assigned": ["731", GID],
  "PREPARE TRANSACTION": tag("PREPARE TRANSACTION"),
  "COMMIT PREPARED": tag("COMMIT PREPARED"),
  "ROLLBACK PREPARED": tag("ROLLBACK PREPARED"),
  "COMMIT": tag("COMMIT"),
  "ROLLBACK": tag("ROLLBACK"),
};

async function begun(script: Record<string, Answer> = {}) {
  const session = new ScriptedSession({ ...script, ...GOOD, ...script });
  const branch = new PostgresqlBranch(session);
  await branch.begin({ gid: GID });
  return { session, branch };
}

/** Answers that are no "no": nobody knows what has become of the statement. */
const LOST: readonly Error[] = [
  Object.assign(new Error(), { code: "ECONNRESET" }),
  Object.assign(new Error(), { code: "CONNECTION_CLOSED" }),
  answered("57P01", "FATAL"),
];

for (const [vote, done] of [["prepare", "PREPARE TRANSACTION"], ["commit", "COMMIT"]] as const) {
  Deno.test(`PostgresqlBranch.${vote}() goes by the command tag`, async () => {
    const kinds: Record<string, VoteAnswer["kind"]> = {
      [done]: "done",
      "ROLLBACK": "refused",
      "BEGIN": "unknown",
      "SELECT": "unknown",
      "PREPARE": "unknown",
      "": "unknown",
    };
    for (const [command, kind] of Object.entries(kinds)) {
      const { session, branch } = await begun({ [done]: tag(command) });
      assertEquals((await branch[vote]()).kind, kind, command);
      branch.release();
      assertEquals(session.releasedClean, kind !== "unknown", command);
    }
  });

  Deno.test(`PostgresqlBranch.${vote}() is unknown when the answer is lost`, async () => {
    for (const error of LOST) {
      const { session, branch } = await begun({ [done]: error });
      assertEquals(await branch[vote](), { kind: "unknown", error });
      branch.release();
      assertEquals(session.releasedClean, false);
    }
  });

  Deno.test(`PostgresqlBranch.${vote}() is refused by PostgreSQL's own error`, async () => {
    const error = answered("23503");
    const { session, branch } = await begun({ [done]: error });
    assertEquals(await branch[vote](), { kind: "refused", error, retryable: false });
    branch.release();
    assertEquals(session.releasedClean, true);
  });
}

for (const end of ["commitPrepared", "rollbackPrepared"] as const) {
  const done = end === "commitPrepared" ? "COMMIT PREPARED" : "ROLLBACK PREPARED";

  Deno.test(`PostgresqlBranch.${end}() goes by tag and state`, async () => {
    const kinds: [Answer, SettleAnswer["kind"]][] = [
      [tag(done), "done"],
      [tag(done.split(" ")[0]!), "later"],
      [tag("SELECT"), "later"],
      [answered("42704"), "absent"],
      [answered("42501"), "operator"],
      [answered("55000"), "later"],
    ];
    for (const [answer, kind] of kinds) {
      const { session, branch } = await begun({ [done]: answer });
      await branch.prepare();
      assertEquals((await branch[end]()).kind, kind);
      branch.release();
      assertEquals(session.releasedClean, true);
    }
  });

  Deno.test(`PostgresqlBranch.${end}() is to be tried later when the answer is lost`, async () => {
    for (const error of LOST) {
      const { branch } = await begun({ [done]: error });
      await branch.prepare();
      assertEquals(await branch[end](), { kind: "later", error });
    }
  });
}

Deno.test("PostgresqlBranch.rollback() never rejects, and tells whether it was done", async () => {
  const answers: [Answer, boolean][] = [
    [tag("ROLLBACK"), true],
    [tag("SELECT"), false],
    [answered("XX000"), false],
    [new Error("COPY_IN_PROGRESS"), false],
    ...LOST.map((error): [Answer, boolean] => [error, false]),
  ];
  for (const [answer, clean] of answers) {
    const { session, branch } = await begun({ "ROLLBACK": answer });
    await branch.rollback();
    branch.release();
    assertEquals(session.releasedClean, clean);
  }
});

Deno.test("PostgresqlBranch.release() ends a session whose branch has not ended", async () => {
  const { session, branch } = await begun();
  await branch.examine();
  branch.release();
  assertEquals(session.releasedClean, false);
  const unused = new ScriptedSession({});
  new PostgresqlBranch(unused).release();
  assertEquals(unused.releasedClean, true);
});

Deno.test("PostgresqlBranch.begin() that fails leaves a session to be ended", async () => {
  const session = new ScriptedSession({ "BEGIN; ": answered("25006") });
  const branch = new PostgresqlBranch(session);
  await assertRejects(() => branch.begin({ gid: GID, isolationLevel: "serializable" }));
  branch.release();
  assertEquals(session.releasedClean, false);
  assertEquals(session.ran, [
    `BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SET LOCAL indoubt.branch = '${GID}'`,
  ]);
});

Deno.test("outcomeOf() and listPrepared() pass on what is no answer", async () => {
  for (const error of [...LOST, answered("XX000")]) {
    const session = new ScriptedSession({ pg_xact_status: error, pg_prepared_xacts: error });
    assertStrictEquals(await assertRejects(() => outcomeOf(session, "731")), error);
    assertStrictEquals(await assertRejects(() => listPrepared(session, "")), error);
  }
});

Deno.test("outcomeOf() knows three words, and takes no other for one of them", async () => {
  const words: [string | null, string][] = [
    ["committed", "committed"],
    ["aborted", "aborted"],
    ["in progress", "in progress"],
    [null, "unknown"],
    ["", "unknown"],
    ["subcommitted", "unknown"],
  ];
  for (const [word, outcome] of words) {
    assertEquals(await outcomeOf(new ScriptedSession({ pg_xact_status: [word] }), "731"), outcome);
  }
});
