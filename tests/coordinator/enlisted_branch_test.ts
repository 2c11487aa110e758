/** Guarantees that a branch takes every answer of an adapter, in whatever form it comes. */

import { assertEquals, assertRejects } from "@std/assert";
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
  const branch = new EnlistedBranch(member, "g_0", new SteppedClock());
  branch.take(session);
  return branch;
}

Deno.test("EnlistedBranch.prepare() takes an answer that is no promise", async () => {
  assertEquals(await branchOf(() => DONE).prepare(), DONE);
});

Deno.test("EnlistedBranch.prepare() takes what is only like a promise", async () => {
  const answer = { then: (resolve: (value: PrepareAnswer) => void) => resolve(DONE) };
  assertEquals(await branchOf(() => answer).prepare(), DONE);
});

Deno.test("EnlistedBranch.prepare() rejects where the adapter throws", async () => {
  const branch = branchOf(() => {
    throw new TypeError("the adapter's own");
  });
  await assertRejects(() => branch.prepare(), TypeError, "the adapter's own");
  assertEquals(branch.progress, "maybe prepared");
});
