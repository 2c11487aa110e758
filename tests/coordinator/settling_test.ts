/**
 * Guarantees what each answer of a database means for a branch that has to end: a table of who says how it
 * ends, what the database said about its name, and what became of its outcome token.
 */

import { assertEquals } from "@std/assert";
import type { SettleAnswer, TokenOutcome } from "../../src/coordinator/participant.ts";
import type { Verdict } from "../../src/coordinator/settlement.ts";
import { type TryAnswer, tryToSettle } from "../../src/coordinator/settling.ts";
import { answers } from "./support/faults.ts";
import { Workbench } from "./support/workbench.ts";

type Told = SettleAnswer["kind"] | TokenOutcome;

/** One row: who says how it ends, what is heard in turn, whether there is a token, what it comes to. */
type Row = [Verdict, Told[], "token" | "no token", string];

const ROWS: Row[] = [
  ["commit", ["done"], "token", "done committed"],
  ["commit", ["later"], "token", "later"],
  ["commit", ["operator"], "token", "operator"],
  ["commit", ["absent"], "no token", "heuristic unknown"],
  ["commit", ["absent", "committed"], "token", "done committed"],
  ["commit", ["absent", "unproven"], "token", "done committed"],
  ["commit", ["absent", "aborted"], "token", "heuristic rolled back"],
  ["commit", ["absent", "unknown"], "token", "heuristic unknown"],
  ["commit", ["absent", "in progress"], "token", "later"],
  ["commit", ["absent", "other database"], "token", "operator suspect"],
  ["rollback", ["done"], "token", "done rolled back"],
  ["rollback", ["later"], "token", "later"],
  ["rollback", ["operator"], "token", "operator"],
  ["rollback", ["absent"], "no token", "done absent"],
  ["rollback", ["absent", "committed"], "token", "heuristic committed"],
  ["rollback", ["absent", "unproven"], "token", "done absent"],
  ["rollback", ["absent", "aborted"], "token", "done rolled back"],
  ["rollback", ["absent", "unknown"], "token", "done absent"],
  ["rollback", ["absent", "in progress"], "token", "later"],
  ["rollback", ["absent", "other database"], "token", "operator suspect"],
  ["ask", [], "no token", "heuristic unknown"],
  ["ask", ["committed"], "token", "done committed"],
  ["ask", ["aborted"], "token", "done rolled back"],
  ["ask", ["in progress"], "token", "later"],
  ["ask", ["unknown"], "token", "heuristic unknown"],
  ["ask", ["unproven"], "token", "heuristic unknown"],
  ["ask", ["other database"], "token", "operator suspect"],
];

/** The answer that has no more to it than its kind. */
function settleAnswer(kind: SettleAnswer["kind"]): SettleAnswer {
  return kind === "done" || kind === "absent" ? { kind } : { kind, error: new Error(kind) };
}

function words(answer: TryAnswer): string {
  if ("outcome" in answer) return `${answer.kind} ${answer.outcome}`;
  return answer.suspect ? `${answer.kind} suspect` : answer.kind;
}

for (const [verdict, heard, what, expected] of ROWS) {
  const told = heard.length === 0 ? "nothing" : heard.join(", then ");
  Deno.test(`tryToSettle() by ${verdict}, told ${told}, with ${what}: ${expected}`, async () => {
    const bench = await Workbench.open({ names: ["north"] });
    const { script } = bench.database("north");
    const [first, outcome] = verdict === "ask" ? [undefined, heard[0]] : heard;
    if (first !== undefined) {
      const answer = answers(settleAnswer(first as SettleAnswer["kind"]));
      script.next(verdict === "commit" ? "commitPrepared" : "rollbackPrepared", answer);
    }
    if (outcome !== undefined) script.next("outcomeOf", answers(outcome as TokenOutcome));
    const branch = {
      participant: "north",
      gid: "indoubt_fake_5_0",
      token: what === "token" ? "701" : null,
    };
    const answer = await tryToSettle(verdict, bench.members.get("north")!, branch);
    assertEquals(words(answer), expected);
    assertEquals(bench.trace.entries.length, heard.length, "it asked more or less than planned");
  });
}
