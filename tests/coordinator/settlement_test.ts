/**
 * Guarantees that a settling is over when every branch has answered, once, and remembers the
 * branches that ended otherwise.
 */

import { assert, assertEquals } from "@std/assert";
import { Settlement, type UnsettledBranch } from "../../src/coordinator/settlement.ts";

const north: UnsettledBranch = { participant: "north", gid: "g_0", token: "701" };
const south: UnsettledBranch = { participant: "south", gid: "g_1", token: null };

function make(branches: readonly UnsettledBranch[]) {
  const seen = { over: 0, resolved: false };
  const settlement = new Settlement(
    { id: "5", txn: 5n, verdict: "commit", branches, since: 0 },
    () => seen.over++,
  );
  void settlement.done.then(() => seen.resolved = true);
  return { settlement, seen };
}

Deno.test("Settlement.settle() is over after the last branch", async () => {
  const { settlement, seen } = make([north, south]);
  assertEquals(settlement.outstanding, [north, south]);
  assert(settlement.settle("g_0", "committed"));
  await Promise.resolve();
  assertEquals([settlement.outstanding, seen], [[south], { over: 0, resolved: false }]);
  assert(settlement.settle("g_1", "committed"));
  await settlement.done;
  assertEquals([settlement.outstanding, seen.over], [[], 1]);
});

Deno.test("Settlement.settle() counts a branch once", () => {
  const { settlement, seen } = make([north, south]);
  assert(settlement.settle("g_0", "committed"));
  assert(!settlement.settle("g_0", "committed"));
  assert(!settlement.settle("unknown", "committed"));
  assertEquals([settlement.outstanding.length, seen.over], [1, 0]);
});

Deno.test("Settlement.settle() keeps a branch that ended otherwise", async () => {
  const { settlement } = make([north, south]);
  const heuristic = { participant: "south", gid: "g_1", outcome: "rolled back" } as const;
  settlement.settle("g_1", "rolled back", heuristic);
  settlement.settle("g_1", "unknown", { ...heuristic, outcome: "unknown" });
  settlement.settle("g_0", "committed");
  await settlement.done;
  assertEquals(settlement.heuristics, [heuristic]);
});

Deno.test("Settlement of no branches is over at once", async () => {
  const { settlement, seen } = make([]);
  await settlement.done;
  assertEquals(seen.over, 1);
});

Deno.test("Settlement.outcome is what its branches agree on", () => {
  const { settlement } = make([north, south]);
  assertEquals(settlement.outcome, null);
  settlement.settle("g_0", "committed");
  assertEquals(settlement.outcome, "committed");
  settlement.settle("g_1", "rolled back");
  assertEquals(settlement.outcome, null);
});

Deno.test("Settlement.add() takes a branch once", () => {
  const { settlement } = make([north]);
  settlement.add(south);
  settlement.add({ ...south, token: "another" });
  assertEquals(settlement.outstanding, [north, south]);
});
