/**
 * Guarantees how a transaction gets its sessions: in the order of names, all begun or all given
 * back, and none kept that comes after time is up.
 */

import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { GidPrefix } from "../../src/coordinator/branch_facts.ts";
import { Deadline, DeadlineError } from "../../src/coordinator/deadline.ts";
import { enlist, EnlistmentError } from "../../src/coordinator/enlist.ts";
import type { EnlistedBranch } from "../../src/coordinator/enlisted_branch.ts";
import type { BranchOptions } from "../../src/coordinator/participant.ts";
import { fails, hangs, lostBefore, waitsFor } from "./support/faults.ts";
import { Workbench } from "./support/workbench.ts";

async function make(...names: string[]) {
  const bench = await Workbench.open({ names: names.length > 0 ? names : ["north", "south"] });
  const { clock } = bench;
  const start = (
    order: readonly string[],
    deadline: Deadline,
    options: Omit<BranchOptions, "gid"> = {},
  ) => {
    const members = order.map((name) => bench.members.get(name)!);
    const enlister = { id: "7", branches: [], branchOptions: options, deadline };
    const failed = (_: unknown, error: unknown) => error;
    const context = { gidPrefix: new GidPrefix("fake"), clock, failed };
    return new Promise<EnlistedBranch[]>((enlisted, notEnlisted) =>
      enlist(context, enlister, members, { enlisted, notEnlisted })
    );
  };
  return { bench, clock, start };
}

Deno.test("enlist() takes sessions by name and keeps the caller's order", async () => {
  const { bench, clock, start } = await make("delta", "alpha", "charlie", "bravo");
  using deadline = new Deadline(clock, 1000);
  const branches = await clock.run(start(["charlie", "delta", "alpha", "bravo"], deadline));
  assertEquals(bench.trace.entries.filter((entry) => entry.endsWith("acquire")), [
    "alpha acquire",
    "bravo acquire",
    "charlie acquire",
    "delta acquire",
  ]);
  assertEquals(branches.map(({ participant, gid }) => [participant, gid]), [
    ["charlie", "indoubt_fake_7_0"],
    ["delta", "indoubt_fake_7_1"],
    ["alpha", "indoubt_fake_7_2"],
    ["bravo", "indoubt_fake_7_3"],
  ]);
});

Deno.test("enlist() cannot deadlock two transactions over the last sessions", async () => {
  const { bench, clock, start } = await make();
  for (const database of bench.databases.values()) database.capacity = 1;
  using deadline = new Deadline(clock, 1000);
  const both = await Promise.all([["north", "south"], ["south", "north"]].map(async (order) => {
    const branches = await clock.run(start(order, deadline));
    for (const branch of branches) await branch.rollback();
    for (const branch of branches) branch.release();
    return branches.length;
  }));
  assertEquals([both, deadline.error], [[2, 2], null]);
});

Deno.test("enlist() begins every branch with its gid and the options", async () => {
  const { bench, clock, start } = await make();
  using deadline = new Deadline(clock, 1000);
  const level = { isolationLevel: "serializable" } as const;
  await clock.run(start(["north", "south"], deadline, level));
  const [north, south] = [bench.database("north"), bench.database("south")];
  assertEquals(north.begun, [{ ...level, gid: "indoubt_fake_7_0", identity: north.identity }]);
  assertEquals(south.begun, [{ ...level, gid: "indoubt_fake_7_1", identity: south.identity }]);
});

Deno.test("enlist() gives back what it has when a session cannot be had", async () => {
  const { bench, clock, start } = await make();
  const cause = new Error("too many clients");
  bench.database("south").script.next("acquire", fails(cause));
  using deadline = new Deadline(clock, 1000);
  const error = await assertRejects(
    () => clock.run(start(["south", "north"], deadline)),
    EnlistmentError,
    "too many clients",
  );
  assertEquals([error.participant, error.cause], ["south", cause]);
  assertEquals(bench.trace.count("north rollback"), 1);
  bench.assertQuiet();
});

Deno.test("enlist() rolls back what has begun when a branch cannot begin", async () => {
  const { bench, clock, start } = await make();
  bench.database("south").script.next("begin", lostBefore);
  using deadline = new Deadline(clock, 1000);
  const error = await assertRejects(
    () => clock.run(start(["north", "south"], deadline)),
    EnlistmentError,
  );
  assertEquals(error.participant, "south");
  assertEquals(bench.trace.count("north rollback"), 1);
  bench.assertQuiet();
});

Deno.test("enlist() gives a session back that comes when time is up", async () => {
  const { bench, clock, start } = await make();
  const free = Promise.withResolvers<void>();
  bench.database("south").script.next("acquire", waitsFor(free.promise));
  using deadline = new Deadline(clock, 1000);
  await assertRejects(() => clock.run(start(["north", "south"], deadline)), DeadlineError);
  assertEquals(clock.elapsed(), 1000);
  assertEquals(bench.database("north").sessions, 0);
  assertEquals(bench.database("south").sessions, 1, "the session is on its way");
  free.resolve();
  await clock.settle();
  bench.assertQuiet();
});

Deno.test("enlist() looks after a session that fails after time is up", async () => {
  const { bench, clock, start } = await make();
  const failing = Promise.withResolvers<void>();
  bench.database("north").script.next("acquire", async () => await failing.promise);
  using deadline = new Deadline(clock, 1000);
  await assertRejects(() => clock.run(start(["north", "south"], deadline)), DeadlineError);
  failing.reject(new Error("nobody waits for this"));
  await clock.settle();
  bench.assertQuiet();
});

Deno.test("enlist() gives sessions back that hang in BEGIN", async () => {
  const { bench, clock, start } = await make();
  bench.database("south").script.next("begin", hangs);
  bench.database("south").script.next("rollback", hangs);
  using deadline = new Deadline(clock, 1000);
  const error = await assertRejects(
    () => clock.run(start(["north", "south"], deadline)),
    DeadlineError,
    'its timeout of 1000 ms passed while waiting for BEGIN in "south"',
  );
  assertEquals([error.participant, error.retryable], ["south", true]);
  assertEquals(bench.trace.count("south interrupt"), 1);
  bench.assertQuiet();
});

Deno.test("enlist() names the first whose session does not come, not one that has answered", async () => {
  const { bench, clock, start } = await make("alpha", "bravo", "charlie");
  bench.database("bravo").script.next("acquire", hangs);
  using deadline = new Deadline(clock, 1000);
  const error = await assertRejects(
    () => clock.run(start(["charlie", "bravo", "alpha"], deadline)),
    DeadlineError,
    'while waiting for a session of "bravo"',
  );
  assertEquals(error.participant, "bravo");
});

Deno.test("enlist() blames nobody when the signal is aborted", async () => {
  const { bench, clock, start } = await make();
  bench.database("south").script.next("acquire", hangs);
  const controller = new AbortController();
  using deadline = new Deadline(clock, 1000, controller.signal);
  const failing = assertRejects(
    () => start(["north", "south"], deadline),
    DeadlineError,
  );
  await clock.settle();
  controller.abort();
  const error = await clock.run(failing);
  assertEquals([error.message, error.participant], ["its signal was aborted", null]);
});

Deno.test("enlist() takes nothing for long when the signal was aborted before", async () => {
  const { bench, clock, start } = await make();
  using deadline = new Deadline(clock, 1000, AbortSignal.abort());
  await assertRejects(() => clock.run(start(["north", "south"], deadline)), DeadlineError);
  await clock.settle();
  assertEquals(clock.elapsed(), 0);
  bench.assertQuiet();
});

Deno.test("EnlistmentError names the participant and what it said", () => {
  const error = new EnlistmentError("north", { cause: new Error("no route") });
  assertEquals(error.message, '"north" could not begin a branch (no route)');
  assertInstanceOf(error.cause, Error);
  assertEquals(
    new EnlistmentError("north", { cause: 5 }).message,
    '"north" could not begin a branch',
  );
});
