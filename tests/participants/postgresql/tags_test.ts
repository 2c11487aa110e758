/**
 * A command tag shows that something was written only where it cannot mean anything else.
 */

import { assertEquals } from "@std/assert";
import { showsWriting, wholeTag } from "../../../src/participants/postgresql/tags.ts";

const TAGS: readonly [string | undefined, number | null | undefined, boolean][] = [
  ["INSERT", 1, true],
  ["UPDATE", 2, true],
  ["DELETE", 3, true],
  ["MERGE", 1, true],
  ["INSERT", 0, false],
  ["UPDATE", null, false],
  ["DELETE", undefined, false],
  ["CREATE TABLE", null, true],
  ["CREATE", undefined, true],
  ["ALTER TABLE", null, true],
  ["DROP INDEX", null, true],
  ["TRUNCATE TABLE", null, true],
  ["GRANT", null, true],
  ["REVOKE", null, true],
  ["COMMENT", null, true],
  ["REFRESH MATERIALIZED VIEW", null, true],
  ["REINDEX", null, true],
  ["SECURITY LABEL", null, true],
  ["NOTIFY", null, true],
  ["LISTEN", null, false],
  ["UNLISTEN", null, false],
  ["SELECT", 5, false],
  ["COPY", 5, false],
  ["FETCH", 5, false],
  ["SHOW", null, false],
  ["SET", null, false],
  ["BEGIN", null, false],
  ["SAVEPOINT", null, false],
  ["LOCK TABLE", null, false],
  ["DECLARE CURSOR", null, false],
  ["CALL", null, false],
  ["DO", null, false],
  ["EXPLAIN", null, false],
  ["PREPARE", null, false],
  ["", 1, false],
  [undefined, 1, false],
];

Deno.test("showsWriting() goes by the first word and the count", () => {
  for (const [command, count, writes] of TAGS) {
    assertEquals(showsWriting(command, count), writes, `${command} ${count}`);
  }
});

Deno.test("wholeTag() completes the first word of what the text's last statement answers", () => {
  assertEquals(wholeTag("PREPARE TRANSACTION 'a'", "PREPARE"), "PREPARE TRANSACTION");
  assertEquals(wholeTag("SELECT 1; PREPARE TRANSACTION 'a'", "PREPARE"), "PREPARE TRANSACTION");
  assertEquals(wholeTag("SELECT 1; PREPARE TRANSACTION 'a'", "SELECT"), "SELECT");
  assertEquals(wholeTag("PREPARE TRANSACTION 'a'", "ROLLBACK"), "ROLLBACK");
  assertEquals(wholeTag("COMMIT PREPARED 'a'", "COMMIT"), "COMMIT PREPARED");
  assertEquals(wholeTag("ROLLBACK PREPARED 'a'", "ROLLBACK"), "ROLLBACK PREPARED");
  assertEquals(wholeTag("COMMIT", "COMMIT"), "COMMIT");
  assertEquals(wholeTag("ROLLBACK", "ROLLBACK"), "ROLLBACK");
});
