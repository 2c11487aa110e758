/**
 * Guarantees how branches in doubt come to an end: each until its database has truly answered; "no
 * such branch" is asked further, and what someone else did is told.
 */

import { assertEquals } from "@std/assert";
import type { TokenOutcome } from "../../src/coordinator/participant.ts";
import { answers, fails } from "./support/faults.ts";
import { heuristicOf, prepare } from "./support/prepared.ts";

Deno.test("Resolver.take() commits what is to be committed", async () => {
  const { bench, settlement, take } = await prepare("commit");
  assertEquals(bench.resolver.pending, 0);
  const tried = take();
  assertEquals(bench.resolver.pending, 2);
  await bench.clock.run(Promise.all(tried));
  await settlement.done;
  assertEquals(bench.rows(), { north: ["row"], south: ["row"] });
  assertEquals(bench.events, [
    {
      type: "branch-settled",
      transactionId: "5",
      participant: "north",
      gid: "indoubt_fake_5_0",
      outcome: "committed",
    },
    {
      type: "branch-settled",
      transactionId: "5",
      participant: "south",
      gid: "indoubt_fake_5_1",
      outcome: "committed",
    },
  ]);
  bench.assertQuiet();
});

Deno.test("Resolver.take() rolls back what is to be rolled back", async () => {
  const { bench, settlement, take } = await prepare("rollback");
  take();
  await bench.clock.run(settlement.done);
  assertEquals(bench.rows(), { north: [], south: [] });
  bench.assertQuiet();
});

Deno.test("Resolver.take() takes a branch once", async () => {
  const { bench, branches, settlement, take } = await prepare("commit", { names: ["north"] });
  const [first] = take();
  const again = bench.resolver.take(settlement, branches[0]!);
  assertEquals(bench.resolver.pending, 1);
  await bench.clock.run(Promise.all([first, again]));
  assertEquals(bench.trace.count("north commitPrepared"), 1);
});

Deno.test("Resolver.take() resolves after the first try, though it failed", async () => {
  const { bench, take } = await prepare("commit", { names: ["north"] });
  bench.database("north").disconnect();
  await bench.clock.run(Promise.all(take()));
  assertEquals([bench.clock.elapsed(), bench.resolver.pending], [0, 1]);
  assertEquals(bench.events.map(({ type }) => type), ["branch-delayed"]);
});

const OUTCOMES: [TokenOutcome, string | undefined, string][] = [
  ["committed", undefined, "branch-settled"],
  ["aborted", "rolled back", "heuristic-outcome"],
  ["unknown", "unknown", "heuristic-outcome"],
];

for (const [outcome, heuristic, event] of OUTCOMES) {
  Deno.test(`Resolver.take() asks the token about an absent branch: ${outcome}`, async () => {
    const { bench, settlement, take } = await prepare("commit", { names: ["north"] });
    const { script } = bench.database("north");
    script.next("commitPrepared", answers({ kind: "absent" }));
    script.next("outcomeOf", answers(outcome));
    take();
    await bench.clock.run(settlement.done);
    assertEquals([heuristicOf(settlement), bench.events.at(-1)?.type], [heuristic, event]);
    assertEquals(bench.trace.count("log end"), heuristic === undefined ? 1 : 0);
  });
}

Deno.test("Resolver.take() asks again while an absent branch is in progress", async () => {
  const { bench, settlement, take } = await prepare("commit", { names: ["north"] });
  const { script } = bench.database("north");
  script.next("commitPrepared", answers({ kind: "absent" }));
  script.next("outcomeOf", answers("in progress"));
  take();
  await bench.clock.settle();
  assertEquals([bench.resolver.pending, bench.events.at(-1)?.type], [1, "branch-delayed"]);
  await bench.clock.run(settlement.done);
  assertEquals([heuristicOf(settlement), bench.rows()], [undefined, { north: ["row"] }]);
});

Deno.test("Resolver.take() asks again when the outcome cannot be asked", async () => {
  const { bench, settlement, take } = await prepare("commit", { names: ["north"] });
  const { script } = bench.database("north");
  script.next("commitPrepared", answers({ kind: "absent" }));
  script.next("outcomeOf", fails(new Error("connection reset")));
  take();
  await bench.clock.run(settlement.done);
  assertEquals([heuristicOf(settlement), bench.rows()], [undefined, { north: ["row"] }]);
});

Deno.test("Resolver.take() cannot prove an absent branch without a token", async () => {
  const { bench } = await prepare("commit", { names: ["north"] });
  const branch = { participant: "north", gid: "indoubt_fake_6_0", token: null };
  const settlement = bench.ledger.settle({
    txn: 6n,
    verdict: "commit",
    branches: [branch],
    logged: true,
  });
  void bench.resolver.take(settlement, branch);
  await bench.clock.run(settlement.done);
  assertEquals([heuristicOf(settlement), bench.trace.count("log end")], ["unknown", 0]);
});

Deno.test("Resolver.take() has nothing to roll back where there is nothing", async () => {
  const { bench, settlement, take } = await prepare("rollback", { names: ["north"] });
  bench.database("north").endByHand("indoubt_fake_5_0", "aborted");
  take();
  await bench.clock.run(settlement.done);
  assertEquals([heuristicOf(settlement), settlement.outcome], [undefined, "rolled back"]);
});

Deno.test("Resolver.take() believes earlier answers, but asks about absence", async () => {
  const { bench, branches, settlement } = await prepare("commit");
  void bench.resolver.take(settlement, branches[0]!, { kind: "later", error: new Error("busy") });
  void bench.resolver.take(settlement, branches[1]!, { kind: "absent" });
  await bench.clock.settle();
  assertEquals([bench.trace.count("north"), bench.trace.count("south commitPrepared")], [0, 1]);
  await bench.clock.run(settlement.done);
  assertEquals(bench.rows(), { north: ["row"], south: ["row"] });
});
