/**
 * A question that PostgreSQL reads only when it is needed is asked then and not before, fails as it would
 * by itself, and its answer is found.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { PGlite } from "@electric-sql/pglite";
import { answerIn, whenNeeded } from "../../../src/participants/postgresql/when_needed.ts";

async function answer(db: PGlite, expression: string): Promise<string | null> {
  const { rows } = await db.query<{ text: string | null }>(`SELECT ${expression} AS text`);
  return rows[0]!.text;
}

Deno.test("whenNeeded() asks when it is needed, and answerIn() finds what was said", async () => {
  const db = await PGlite.create();
  for (const question of ["concat('it', '''', 's/', 5)", "pg_current_xact_id()::text"]) {
    const asked = answerIn((await answer(db, whenNeeded(question)))!);
    assertEquals(asked.replace(/^[0-9]+$/, "id"), question.startsWith("concat") ? "it's/5" : "id");
  }
  // Not even read: there is no such function.
  const never = whenNeeded("no_such_function()");
  assertEquals(await answer(db, `CASE 1 WHEN 1 THEN 'known' ELSE ${never} END`), "known");
  await assertRejects(() => answer(db, never), Error, "no_such_function() does not exist");
  const words = "concat('indoubt is now ', 5)::int::text";
  await assertRejects(() => answer(db, whenNeeded(words)), Error, '"indoubt is now 5"');
  await db.close();
});

Deno.test("answerIn() leaves what was answered at once as it is", () => {
  for (const text of ["", "731", "77/5/99", "<answer>"]) assertEquals(answerIn(text), text);
});
