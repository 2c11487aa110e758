/**
 * The outcome table: a row proves a commit for ever, a missing one proves the opposite only while no row of
 * that age may have been deleted, whoever did that and whatever his clock said.
 */

import {
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ParticipantConfigurationError } from "../../../src/coordinator/errors.ts";
import { OutcomeTable } from "../../../src/participants/mysql/outcome_table.ts";
import { type Answer, answered, lost, ScriptedSession } from "./scripted_session.ts";

const GID = "indoubt_outcome_1_0";
const NOW = 1_800_000_000_000;
const DAY = 86_400_000;

const table = new OutcomeTable("outcome", 2, () => NOW);

function script(answers: Record<string, Answer>): ScriptedSession {
  return new ScriptedSession({
    "SELECT ENGINE": [["InnoDB"]],
    "SELECT gid": [],
    "SELECT written": [],
    "INSERT INTO": { inTurn: [1, answered(1062)] },
    "DELETE FROM": 1,
    "START TRANSACTION": 0,
    "ROLLBACK": 0,
    ...answers,
  });
}

Deno.test("OutcomeTable takes plain names and whole days only", () => {
  for (const name of ["", "a b", "a`b", "a.b", "a'b", "é", "t".repeat(65)]) {
    assertThrows(() => new OutcomeTable(name, 7, Date.now), RangeError, "as the outcome table");
  }
  for (const days of [0, -1, 1.5, 366, NaN, Infinity]) {
    assertThrows(() => new OutcomeTable("outcome", days, Date.now), RangeError, "whole number");
  }
});

Deno.test("outcomeOf() goes by the row, and by its lock", async () => {
  const answers: [Answer, string][] = [
    [[[GID]], "committed"],
    [[], "aborted"],
    [answered(1205), "in progress"],
    [answered(3572), "in progress"],
  ];
  for (const [answer, outcome] of answers) {
    const session = script({ "SELECT gid": answer });
    assertEquals(await table.outcomeOf(session, GID, NOW), outcome);
    assertStringIncludes(session.ran.join(), `gid = '${GID}' FOR UPDATE NOWAIT`);
  }
  for (const error of [lost(), answered(1146)]) {
    const session = script({ "SELECT gid": error });
    assertStrictEquals(await assertRejects(() => table.outcomeOf(session, GID, NOW)), error);
  }
});

Deno.test("outcomeOf() does not call aborted what may have lost its row", async () => {
  const found: [Answer, string][] = [
    [[], "aborted"],
    [[[String(NOW - 1)]], "aborted"],
    [[[String(NOW)]], "aborted"],
    [[[String(NOW + 1)]], "unproven"],
    [[[String(NOW + 30 * DAY)]], "unproven"],
  ];
  for (const [upTo, outcome] of found) {
    const deleted = { "SELECT written": upTo };
    assertEquals(await table.outcomeOf(script(deleted), GID, NOW), outcome);
    const there = script({ ...deleted, "SELECT gid": [[GID]] });
    assertEquals(await table.outcomeOf(there, GID, NOW), "committed");
  }
  const error = lost();
  const session = script({ "SELECT written": error });
  assertStrictEquals(await assertRejects(() => table.outcomeOf(session, GID, NOW)), error);
});

Deno.test("outcomeOf() looks up to when rows were deleted after it has missed the row", async () => {
  const session = script({});
  await table.outcomeOf(session, GID, NOW);
  assertEquals(session.ran.map((text) => text.split(" ", 2).join(" ")), [
    "SELECT gid",
    "SELECT written",
  ]);
});

Deno.test("clean() deletes what is old enough, in batches, and not for ever", async () => {
  const full = Array.from({ length: 1_000 }, (_, index) => [`${GID}${index}`]);
  const some = script({ "SELECT gid": { inTurn: [full, full, [[GID]], full] }, "INSERT INTO": 1 });
  await table.clean(some);
  assertEquals(some.ran.filter((text) => text.startsWith("DELETE")).length, 3);
  const old = `written < ${NOW - 2 * DAY} AND gid <> 'deleted' ORDER BY written LIMIT 1000`;
  assertStringIncludes(some.ran[0]!, old);
  assertEquals(some.ran.at(-1), `DELETE FROM outcome WHERE gid IN ('${GID}')`);
  const none = script({});
  await table.clean(none);
  assertEquals(none.ran.length, 1);
  const endless = script({ "SELECT gid": full, "INSERT INTO": 1 });
  await table.clean(endless);
  assertEquals(endless.ran.length, 201);
});

Deno.test("clean() says up to when it deletes before it does, and deletes nothing if it cannot", async () => {
  const some = script({ "SELECT gid": [[GID]], "INSERT INTO": 1 });
  await table.clean(some);
  assertEquals(some.ran.slice(1), [
    `INSERT INTO outcome (gid, written) VALUES ('deleted', ${NOW - 2 * DAY}) ` +
    `ON DUPLICATE KEY UPDATE written = GREATEST(written, ${NOW - 2 * DAY})`,
    `DELETE FROM outcome WHERE gid IN ('${GID}')`,
  ]);
  const error = lost();
  const failing = script({ "SELECT gid": [[GID]], "INSERT INTO": error });
  assertStrictEquals(await assertRejects(() => table.clean(failing)), error);
  assertEquals(failing.ran.length, 2);
});

Deno.test("check() leaves nothing, and tries the longest name", async () => {
  const session = script({ "SELECT gid": [[GID]] });
  await table.check(session, "indoubt_x_");
  assertEquals(session.ran.at(-1), "ROLLBACK");
  assertStringIncludes(session.ran.join(), `'${"indoubt_x_".padEnd(64, "x")}'`);
});

Deno.test("check() says how to create what is missing or wrong", async () => {
  const wrong: [Record<string, Answer>, string][] = [
    [{ "SELECT ENGINE": [], "INSERT INTO": answered(1146) }, "does not exist"],
    [{ "INSERT INTO": answered(1054) }, "has other columns"],
    [{ "SELECT ENGINE": [["Aria"]] }, "is not of engine InnoDB but Aria"],
    [{ "SELECT ENGINE": [[null]] }, "is not of engine InnoDB but null"],
    [{ "INSERT INTO": 1 }, "takes the same gid twice"],
  ];
  for (const [answers, words] of wrong) {
    const session = script(answers);
    const error = await assertRejects(
      () => table.check(session, "indoubt_x_"),
      ParticipantConfigurationError,
    );
    assertStringIncludes(error.reason, words);
    assertStringIncludes(error.reason, `create it with ${table.definition}`);
  }
});

Deno.test("check() says what to grant, and passes on every other error", async () => {
  for (const statement of ["INSERT INTO", "SELECT gid", "DELETE FROM"]) {
    const session = script({ [statement]: answered(1142) });
    const error = await assertRejects(
      () => table.check(session, "indoubt_x_"),
      ParticipantConfigurationError,
    );
    assertStringIncludes(error.reason, "grant it SELECT, INSERT, UPDATE and DELETE");
    assertEquals(session.ran.at(-1), "ROLLBACK");
  }
  const error = answered(1406);
  const session = script({ "INSERT INTO": error });
  assertStrictEquals(await assertRejects(() => table.check(session, "indoubt_x_")), error);
});
