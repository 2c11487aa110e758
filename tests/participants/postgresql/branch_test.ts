/**
 * A branch says *done* only for the command tag that means it, and gives back a session as clean
 * only if PostgreSQL itself has said that its transaction is over. Whatever else comes is
 * *unknown*, and the session is ended.
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import {
  BranchEndedError,
  BranchLostError,
  ParticipantConfigurationError,
} from "../../../src/coordinator/errors.ts";
import type { SettleAnswer, VoteAnswer } from "../../../src/coordinator/participant.ts";
import { PostgresqlBranch } from "../../../src/participants/postgresql/branch.ts";
import type { StatementResult } from "../../../src/participants/postgresql/session.ts";
import { listPrepared, outcomeOf } from "../../../src/participants/postgresql/questions.ts";
import { type Answer, answered, ScriptedSession } from "./scripted_runner.ts";

const IDENTITY = "postgresql:77/5/orders";
const GID = "indoubt_branch_1_0";

function tag(command: string): StatementResult {
  return { command, rows: [] };
}

/** What the text with the question and PREPARE is answered with. */
const PREPARED = {
  results: [{ command: "SELECT", rows: [["731@77/5/9/1."]] }, tag("PREPARE TRANSACTION")],
};

/** Everything goes well. */
const GOOD: Record<string, Answer> = {
  "BEGIN; ": tag("SET"),
  "pg_current_xact_id_if_assigned": ["731", GID, "///1."],
  "PREPARE TRANSACTION": PREPARED,
  "COMMIT PREPARED": tag("COMMIT PREPARED"),
  "ROLLBACK PREPARED": tag("ROLLBACK PREPARED"),
  "COMMIT": tag("COMMIT"),
  "ROLLBACK": tag("ROLLBACK"),
  "SELECT 1": ["1"],
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
      if (vote === "prepare") await branch.examine();
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

Deno.test("PostgresqlBranch.prepare() asks for the token and checks the mark in one text", async () => {
  const { session, branch } = await begun();
  assertEquals(await branch.prepare(), { kind: "done", token: "731@1" });
  const [, text, ...more] = session.ran;
  assertEquals(more, []);
  assertMatch(text!, /^SELECT .*indoubt\.branch.*pg_current_xact_id\(\).*; PREPARE TRANSACTION '/);
});

Deno.test("PostgresqlBranch.prepare() reads a token that was asked for in two steps", async () => {
  const rows = [["<table>\n\n<row>\n  <answer>731@77/5/9/1.0-7A</answer>\n</row>\n\n</table>\n"]];
  const results = [{ command: "SELECT", rows }, tag("PREPARE TRANSACTION")];
  const { branch } = await begun({ "PREPARE TRANSACTION": { results } });
  assertEquals(await branch.prepare(), { kind: "done", token: "731@1" });
});

Deno.test("PostgresqlBranch.prepare() is unknown without tag or token", async () => {
  const answers: Answer[] = [
    tag("PREPARE TRANSACTION"),
    { results: [{ command: "SELECT", rows: [[null]] }, tag("PREPARE TRANSACTION")] },
    { results: [{ command: "SELECT", rows: [["<answer/>"]] }, tag("PREPARE TRANSACTION")] },
    { results: [{ command: "SELECT", rows: [["731"]] }, tag("PREPARE TRANSACTION")] },
    { results: [{ command: "SELECT", rows: [["731@77/5/9/1."]] }] },
    { results: [{ command: "SELECT", rows: [["731@77/5/9/1."]] }, tag("COMMIT")] },
    { results: [] },
  ];
  for (const answer of answers) {
    const { session, branch } = await begun({ "PREPARE TRANSACTION": answer });
    assertEquals((await branch.prepare()).kind, "unknown");
    branch.release();
    assertEquals(session.releasedClean, false);
  }
});

Deno.test("PostgresqlBranch.prepare() tells a wrong mark from every other bad value", async () => {
  const wrongMark = answered("22P02");
  wrongMark.message = 'invalid input syntax for type integer: "indoubt.branch is now "';
  const { branch } = await begun({ "PREPARE TRANSACTION": wrongMark });
  const answer = await branch.prepare();
  assert(answer.kind === "refused" && answer.error instanceof BranchEndedError);
  // A deferred trigger of the application's may fail with the same state.
  const error = answered("22P02");
  const other = await begun({ "PREPARE TRANSACTION": error });
  assertEquals(await other.branch.prepare(), { kind: "refused", error, retryable: false });
});

Deno.test("PostgresqlBranch.prepare() tells a wrong mark in the server's own language", async () => {
  // As node-postgres gives it: the severity, too, is translated.
  const wrongMark = answered("22P02", "ERREUR");
  wrongMark.message =
    "syntaxe en entr\u00e9e invalide pour le type integer : \u00ab indoubt.branch is now \u00bb";
  const { session, branch } = await begun({ "PREPARE TRANSACTION": wrongMark });
  const answer = await branch.prepare();
  assert(answer.kind === "refused" && answer.error instanceof BranchEndedError, answer.kind);
  assertEquals(answer.retryable, false);
  branch.release();
  assertEquals(session.releasedClean, true);
});

Deno.test("PostgresqlBranch.prepare() asks for the role in the same text, if not everyone will do", async () => {
  for (const examined of [false, true]) {
    const session = new ScriptedSession(GOOD);
    const branch = new PostgresqlBranch(session, "it's");
    await branch.begin({ gid: GID });
    if (examined) await branch.examine();
    assertEquals(await branch.prepare(), { kind: "done", token: "731@1" });
    const text = session.ran.at(-1)!;
    assertMatch(text, /^SELECT .*current_user.*E'it''s'.*; PREPARE TRANSACTION '[^;]*'$/);
    assertEquals(text.includes("pg_current_xact_id()"), !examined);
  }
  const wrongRole = answered("22P02", "ERREUR");
  wrongRole.message =
    "syntaxe en entr\u00e9e invalide : \u00ab indoubt.role is now <tenant> \u00bb";
  const { branch } = await begun({ "PREPARE TRANSACTION": wrongRole });
  const answer = await branch.prepare();
  assert(answer.kind === "refused" && !answer.retryable, answer.kind);
  assertMatch(String(answer.error), /as role "tenant".*use RESET ROLE/);
});

Deno.test("a vote that was cancelled before it was reached leaves no failed transaction", async () => {
  for (
    const [vote, statement] of [["prepare", "PREPARE TRANSACTION"], ["commit", "COMMIT"]] as const
  ) {
    const ends: [Record<string, Answer>, boolean][] = [
      [{ "SELECT 1": answered("25P02") }, true],
      [{ "SELECT 1": answered("25P02"), "ROLLBACK": answered("57P01", "FATAL") }, false],
      [{ "SELECT 1": answered("25P02"), "ROLLBACK": tag("COMMIT") }, false],
      [{ "SELECT 1": answered("57014") }, false],
      [{ "SELECT 1": LOST[0]! }, false],
    ];
    for (const [script, clean] of ends) {
      const { session, branch } = await begun({ ...script, [statement]: answered("57014") });
      assertEquals((await branch[vote]()).kind, "refused");
      branch.release();
      assertEquals(session.releasedClean, clean);
    }
  }
});

Deno.test("a session known to be lost refuses the vote: nothing was sent", async () => {
  const lost = new BranchLostError();
  for (
    const [vote, statement] of [["prepare", "PREPARE TRANSACTION"], ["commit", "COMMIT"]] as const
  ) {
    const { session, branch } = await begun({ [statement]: lost, "SELECT 1": lost });
    assertEquals(await branch[vote](), { kind: "refused", error: lost, retryable: true });
    branch.release();
    assertEquals(session.releasedClean, false);
  }
});

Deno.test("begin() and examine() say that the session was lost, and nothing else of it", async () => {
  for (const cause of LOST) {
    const failing = new ScriptedSession({ "BEGIN; ": cause });
    const error = await assertRejects(
      () => new PostgresqlBranch(failing).begin({ gid: GID }),
      BranchLostError,
    );
    assertStrictEquals(error.cause, cause);
    const { branch } = await begun({ "pg_current_xact_id_if_assigned": cause });
    assertStrictEquals((await assertRejects(() => branch.examine(), BranchLostError)).cause, cause);
  }
  const failed = answered("25P02");
  const { branch } = await begun({ "pg_current_xact_id_if_assigned": failed });
  assertStrictEquals(await assertRejects(() => branch.examine()), failed);
});

Deno.test("begin() with every option is one text", async () => {
  const session = new ScriptedSession(GOOD);
  const options = { gid: GID, isolationLevel: "repeatable read", readOnly: true } as const;
  await new PostgresqlBranch(session).begin(options);
  assertEquals(session.ran, [
    "BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; " +
    `SET LOCAL indoubt.branch = '${GID}'`,
  ]);
});

Deno.test("outcomeOf() asks who answers, and names the right that is missing", async () => {
  const session = new ScriptedSession({
    pg_xact_status: ["78", "5", "orders", "false", "1.", null],
  });
  assertEquals(await outcomeOf(session, "731@1", IDENTITY), "other database");
  for (
    const row of [["77", "6", "orders", "false", "1.", "committed"], [
      "77",
      "5",
      "billing",
      "false",
      "1.",
      "committed",
    ]]
  ) {
    const other = new ScriptedSession({ pg_xact_status: row });
    assertEquals(await outcomeOf(other, "731@1", IDENTITY), "other database");
  }
  assertEquals(session.ran.length, 1, "one round trip");
  const cause = answered("42501");
  const forbidden = new ScriptedSession({ pg_xact_status: cause });
  const error = await assertRejects(
    () => outcomeOf(forbidden, "731@1", IDENTITY),
    ParticipantConfigurationError,
  );
  assertStrictEquals(error.cause, cause);
  assertStringIncludes(error.reason, "GRANT EXECUTE ON FUNCTION pg_control_system()");
});

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
    assertStrictEquals(await assertRejects(() => outcomeOf(session, "731@1", IDENTITY)), error);
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
    const session = new ScriptedSession({
      pg_xact_status: ["77", "5", "orders", "false", "1.", word],
    });
    assertEquals(await outcomeOf(session, "731@1", IDENTITY), outcome);
  }
});
