/** Guarantees that a branch takes every answer of an adapter, in whatever form it comes. */

import { assertEquals } from "@std/assert";
import { BranchFacts, GidPrefix } from "../../src/coordinator/branch_facts.ts";
import { EnlistedBranch } from "../../src/coordinator/enlisted_branch.ts";
import { Member } from "../../src/coordinator/member.ts";
import type { Branch, PrepareAnswer } from "../../src/coordinator/participant.ts";
import { NoOpParticipant } from "../../bench/load/no_op_participant.ts";
import { SteppedClock } from "./support/stepped_clock.ts";

const DONE: PrepareAnswer = { kind: "done", token: "7" };

/** A branch whose adapter is not what its types say. */
function branchOf(prepare: () => unknown): EnlistedBranch {
  const session = { prepare } as unknown as Branch<unknown>;
  const member = new Member("north", new NoOpParticipant("1"));
  const branch = new EnlistedBranch(
    member,
    new BranchFacts("north", new GidPrefix("fake"), "7", 0),
    new SteppedClock(),
  );
  branch.take(session);
  return branch;
}

/** What is heard of a branch that is asked to prepare. */
interface Heard {
  readonly answer?: unknown;
  readonly error?: unknown;
  /** Whether it was heard only when asking had come to its end. */
  readonly later: boolean;
}

function prepared(branch: EnlistedBranch): Promise<Heard> {
  return new Promise((resolve) => {
    let later = false;
    branch.answerTo({
      ask: () => branch.prepare(),
      hear: (_, answer) => resolve({ answer, later }),
      fail: (_, error) => resolve({ error, later }),
    });
    later = true;
  });
}

Deno.test("EnlistedBranch.answerTo() takes an answer that is no promise", async () => {
  assertEquals(await prepared(branchOf(() => DONE)), { answer: DONE, later: true });
});

Deno.test("EnlistedBranch.answerTo() takes what is only like a promise", async () => {
  const answer = { then: (resolve: (value: PrepareAnswer) => void) => resolve(DONE) };
  assertEquals(await prepared(branchOf(() => answer)), { answer: DONE, later: true });
});

Deno.test("EnlistedBranch.answerTo() tells of a failure where the adapter throws", async () => {
  const error = new TypeError("the adapter's own");
  const branch = branchOf(() => {
    throw error;
  });
  assertEquals(await prepared(branch), { error, later: true });
  assertEquals(branch.progress, "maybe prepared");
});
