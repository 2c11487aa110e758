/**
 * Guarantees that "committed" is believed of a transaction only in the life of the server in which its id cannot
 * have been given to another, and that what certainly did not happen is called aborted.
 */

import { assertEquals } from "@std/assert";
import { idIn, outcomeIn, tokenOfPrepared } from "../../../src/participants/postgresql/token.ts";

const SAYS = ["committed", "aborted", "in progress", "future", null] as const;

const CASES: [string, string, string, (string | null)[]][] = [
  ["in one phase, the same life", "731@1.0-7A", "1.0-7A", [
    "committed",
    "aborted",
    "in progress",
    "unknown",
    "unknown",
  ]],
  ["in one phase, never recovered", "731@1.", "1.", [
    "committed",
    "aborted",
    "in progress",
    "unknown",
    "unknown",
  ]],
  ["in one phase, after a crash", "731@1.", "1.0-7A", [
    "unknown",
    "aborted",
    "aborted",
    "aborted",
    "unknown",
  ]],
  ["in one phase, after a clean restart behind a crash", "731@1.0-7A", "1.", [
    "unknown",
    "aborted",
    "aborted",
    "aborted",
    "unknown",
  ]],
  ["prepared, after a crash", "731@1", "1.0-7A", [
    "committed",
    "aborted",
    "in progress",
    "unknown",
    "unknown",
  ]],
  ["prepared, on the next timeline", "731@1", "2.0-7A", [
    "unknown",
    "aborted",
    "unknown",
    "aborted",
    "unknown",
  ]],
  ["in one phase, on the next timeline", "731@A.", "B.", [
    "unknown",
    "aborted",
    "unknown",
    "aborted",
    "unknown",
  ]],
];

for (const [name, token, life, outcomes] of CASES) {
  Deno.test(`outcomeIn() goes by the id, and by where it was given: ${name}`, () => {
    assertEquals(SAYS.map((said) => outcomeIn(token, said, life)), outcomes);
  });
}

Deno.test("A token of PostgreSQL is an id and a life, and nothing else", () => {
  for (
    const token of ["", "731", "@1", "731@1/0", "731@1.x", "731@1.0-7A ", "a@1", "731@0x1"]
  ) {
    const all = [idIn(token), tokenOfPrepared(token), outcomeIn(token, "committed", "1.")];
    assertEquals(all, [null, null, "unknown"], token);
  }
  assertEquals(["731@1", "731@1.", "731@1.0-7A"].map(idIn), ["731", "731", "731"]);
  assertEquals(["731@1", "731@1.", "731@1.0-7A"].map(tokenOfPrepared), Array(3).fill("731@1"));
  // Of a process that remembers being a standby.
  assertEquals([tokenOfPrepared("731@.0-7A"), outcomeIn("731@", "committed", "2.")], [
    "731@",
    "unknown",
  ]);
});
