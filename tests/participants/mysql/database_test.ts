/**
 * The database of a session: whatever its name, a statement names it right, and a session is brought back to it.
 */

import { assertEquals } from "@std/assert";
import { askDatabase, isIn, moveTo, quoteName } from "../../../src/participants/mysql/database.ts";
import { identify } from "../../../src/participants/mysql/check.ts";
import { OutcomeTable } from "../../../src/participants/mysql/outcome_table.ts";
import { rowCountersIn } from "../../../src/participants/mysql/statements.ts";
import { counters, ScriptedSession } from "./scripted_session.ts";

Deno.test("askDatabase() reads any name, and none", async () => {
  const digits = [["C3A462"], ["62616E6B"], [null]];
  const names = ["\u00e4b", "bank", null];
  for (const [index, answer] of digits.entries()) {
    const session = new ScriptedSession({ "SELECT HEX": [answer] });
    assertEquals(await askDatabase(session), names[index]);
  }
});

Deno.test("isIn() and quoteName() write any name", async () => {
  assertEquals(isIn("\u00e4b"), "HEX(DATABASE()) = 'C3A462'");
  assertEquals(quoteName("a`b c"), "`a``b c`");
  const session = new ScriptedSession({ "USE": 0 });
  await moveTo(session, "a`b");
  assertEquals(session.ran, ["USE `a``b`"]);
});

Deno.test("rowCountersIn() asks one question where the session is at home", async () => {
  const session = new ScriptedSession();
  await rowCountersIn(session, "bank");
  assertEquals(session.ran.length, 1);
  const away = new ScriptedSession({
    "SHOW SESSION STATUS": { inTurn: [[], counters(3)] },
    "USE": 0,
  });
  const found = await rowCountersIn(away, "bank");
  assertEquals(found, await rowCountersIn(new ScriptedSession({ "SHOW": counters(3) }), null));
  assertEquals(away.ran[1], "USE `bank`");
});

Deno.test("identify() brings back a session that was moved", async () => {
  const script = { "SELECT HEX": [["73"]], "SHOW VARIABLES": [["version", "8.4"]], "USE": 0 };
  const session = new ScriptedSession(script);
  const { identity } = await identify(session, { server: "one", database: "bank" });
  assertEquals(identity, "mysql:one/bank");
  assertEquals(session.ran[1], "USE `bank`");
  const home = new ScriptedSession(script);
  await identify(home, { server: "one", database: "s" });
  assertEquals(home.ran.length, 2);
});

Deno.test("OutcomeTable.in() names the table in full", async () => {
  const table = new OutcomeTable("outcome", 7, () => 5);
  const session = new ScriptedSession({ "DELETE": 1 });
  const there = table.in("bank");
  await there.write(session, "indoubt_1_0");
  await there.takeBack(session, "indoubt_1_0");
  await there.in(null).takeBack(session, "indoubt_1_0");
  assertEquals(session.ran, [
    "INSERT INTO `bank`.outcome (gid, written) VALUES ('indoubt_1_0', 5)",
    "DELETE FROM `bank`.outcome WHERE gid IN ('indoubt_1_0')",
    "DELETE FROM outcome WHERE gid IN ('indoubt_1_0')",
  ]);
  assertEquals(there.in("bank"), there);
  assertEquals(there.definition, table.definition);
});
