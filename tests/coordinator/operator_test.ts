/**
 * Guarantees what operators may do with a transaction in doubt: what contradicts a decision only by force,
 * everything on disk before it is done, and nothing that would make a decided transaction be rolled back
 * in silence.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { SettleAnswer } from "../../src/coordinator/participant.ts";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import { failedAndLost, refused, syncedAfter } from "./support/fake_log.ts";
import { answers, fails, hangs, hangsAfter, waitsFor } from "./support/faults.ts";
import { heuristicOf, prepare } from "./support/prepared.ts";

const action = { reason: "compared both databases", by: "ada" };
const ENDINGS = ["north commitPrepared", "north rollbackPrepared"];

for (const verdict of ["commit", "rollback", "operator"] as const) {
  for (const kind of ["commit", "rollback"] as const) {
    const against = verdict !== "operator" && verdict !== kind;
    Deno.test(`Operator.resolve() ${kind}s what is driven by ${verdict}${against ? ", if forced" : ""}`, async () => {
      const { bench, settlement } = await prepare(verdict, { names: ["north"] });
      if (against) {
        await assertRejects(
          () => bench.operator.resolve("5", "north", kind, action),
          TypeError,
          "the databases may disagree",
        );
        assertEquals([bench.log.verdicts, bench.trace.entries], [[], []]);
      }
      await bench.clock.run(
        bench.operator.resolve("5", "north", kind, { ...action, force: against }),
      );
      assertEquals(bench.rows(), { north: kind === "commit" ? ["row"] : [] });
      bench.trace.assertBefore(/log record synced/, /north (commit|rollback)Prepared/);
      assertEquals(bench.log.verdicts, [{
        kind,
        subject: "5",
        participant: "north",
        gid: "indoubt_fake_5_0",
        reason: "compared both databases",
        by: "ada",
        at: "2026-01-01T00:00:00.000Z",
      }]);
      const outcome = kind === "commit" ? "committed" : "rolled back";
      assertEquals(heuristicOf(settlement), against ? outcome : undefined);
      assertEquals(bench.ledger.unsettled.length, against ? 1 : 0);
      assertEquals(bench.trace.count("log end"), against ? 0 : 1);
      bench.assertQuiet();
    });
  }
}

for (const [verdict, advice] of [["log", "may be on disk"], ["ask", "one-phase COMMIT"]] as const) {
  Deno.test(`Operator.resolve() ends nothing where another knows better: ${verdict}`, async () => {
    const { bench } = await prepare(verdict, { names: ["north"] });
    for (const kind of ["commit", "rollback"] as const) {
      await assertRejects(
        () => bench.operator.resolve("5", "north", kind, { ...action, force: true }),
        TypeError,
        advice,
      );
    }
    assertEquals([bench.log.verdicts, bench.trace.entries], [[], []]);
  });
}

Deno.test("Operator.resolve() refuses what is not in doubt", async () => {
  const { bench } = await prepare("operator", { names: ["north"] });
  const { operator } = bench;
  await assertRejects(() => operator.resolve("6", "north", "commit", action), RangeError, '"6"');
  await assertRejects(
    () => operator.resolve("5", "south", "commit", action),
    RangeError,
    'only in ["north"]',
  );
  await bench.clock.run(operator.resolve("5", "north", "commit", action));
  await assertRejects(
    () => operator.resolve("5", "north", "commit", action),
    RangeError,
    "not in doubt",
  );
});

Deno.test("Operator.resolve() refuses a participant that was not given", async () => {
  const { bench } = await prepare("commit", { names: ["north"] });
  const branch = { participant: "removed", gid: "indoubt_fake_6_0", token: null };
  bench.ledger.settle({ txn: 6n, verdict: "commit", branches: [branch], logged: true });
  await assertRejects(
    () => bench.operator.resolve("6", "removed", "commit", action),
    RangeError,
    "open it with that participant",
  );
  assertEquals(bench.log.verdicts, []);
});

for (const reason of ["", "  ", "x".repeat(1001)]) {
  Deno.test(`Operator asks for a reason, not one of ${reason.length} characters`, async () => {
    const { bench } = await prepare("operator", { names: ["north"] });
    const { operator } = bench;
    for (
      const act of [
        () => operator.resolve("5", "north", "commit", { reason }),
        () => operator.forget("5", { reason, force: true }),
        () => operator.adopt("other", { reason }),
      ]
    ) await assertRejects(act, RangeError, "the reason must have 1 to 1000 characters");
    assertEquals([bench.log.verdicts, bench.trace.only(...ENDINGS)], [[], []]);
  });
}

Deno.test("Operator calls who does not say who operator, and no one with too long a name", async () => {
  const { bench } = await prepare("operator", { names: ["north"] });
  const long = { reason: "why not", by: "x".repeat(1001) };
  await assertRejects(() => bench.operator.resolve("5", "north", "commit", long), RangeError);
  await bench.clock.run(bench.operator.resolve("5", "north", "commit", { reason: "why not" }));
  assertEquals(bench.log.verdicts.map(({ by }) => by), ["operator"]);
});

for (const [what, fault] of [["refused", refused], ["lost", failedAndLost]] as const) {
  Deno.test(`Operator does nothing if its record is ${what}`, async () => {
    const { bench, settlement } = await prepare("operator", { names: ["north"] });
    const { operator } = bench;
    for (
      const act of [
        () => operator.resolve("5", "north", "commit", action),
        () => operator.forget("5", { ...action, force: true }),
        () => operator.adopt("other", action),
      ]
    ) {
      bench.log.next("record", fault);
      await assertRejects(() => bench.clock.run(act()), LogUnavailableError);
    }
    assertEquals([bench.trace.only("north"), settlement.outstanding.length], [[], 1]);
    assertEquals([bench.log.adopted.size, bench.ledger.unsettled.length], [0, 1]);
  });
}

const REFUSALS: [string, SettleAnswer | Error | "nothing", string][] = [
  ["absent", { kind: "absent" }, "not prepared there any more"],
  ["later", { kind: "later", error: new Error("busy") }, "busy"],
  ["operator", { kind: "operator", error: new Error("denied") }, "denied"],
  ["an error", new Error("connection reset"), "connection reset"],
  ["nothing", "nothing", "no answer within 30000 ms"],
];

for (const [what, answer, message] of REFUSALS) {
  Deno.test(`Operator.resolve() says what the database answered and keeps it in doubt: ${what}`, async () => {
    const { bench, settlement } = await prepare("operator", { names: ["north"] });
    const { script } = bench.database("north");
    script.next(
      "commitPrepared",
      answer === "nothing" ? hangs : answer instanceof Error ? fails(answer) : answers(answer),
    );
    const error = await assertRejects(
      () => bench.clock.run(bench.operator.resolve("5", "north", "commit", action)),
      Error,
      message,
    );
    assert(error.message.startsWith('Cannot commit indoubt_fake_5_0 in "north": '), error.message);
    assertEquals([settlement.outstanding.length, bench.clock.timers], [1, 0]);
    await bench.clock.run(bench.operator.resolve("5", "north", "commit", action));
    assertEquals([bench.rows(), bench.ledger.unsettled], [{ north: ["row"] }, []]);
    assertEquals(bench.log.verdicts.length, 2);
  });
}

Deno.test("Operator.resolve() takes a branch from the resolver, which leaves it alone", async () => {
  const { bench, take } = await prepare("commit", { names: ["north"] });
  const north = bench.database("north");
  north.disconnect();
  take();
  await bench.clock.pass(5000);
  north.reconnect();
  await bench.clock.run(bench.operator.resolve("5", "north", "commit", action));
  bench.trace.clear();
  await bench.clock.pass(600_000);
  assertEquals([bench.trace.entries, bench.resolver.pending, bench.clock.timers], [[], 0, 0]);
  assertEquals(bench.rows(), { north: ["row"] });
});

Deno.test("Operator.resolve() is content if the resolver came first with the same", async () => {
  const { bench, take } = await prepare("commit", { names: ["north"] });
  const synced = Promise.withResolvers<void>();
  bench.log.next("record", syncedAfter(synced.promise));
  const resolving = bench.operator.resolve("5", "north", "commit", action);
  take();
  await bench.clock.settle();
  assertEquals(bench.rows(), { north: ["row"] });
  synced.resolve();
  await bench.clock.run(resolving);
});

Deno.test("Operator.resolve() says so if the resolver came first with the opposite", async () => {
  const { bench, take } = await prepare("commit", { names: ["north"] });
  const synced = Promise.withResolvers<void>();
  bench.log.next("record", syncedAfter(synced.promise));
  const failing = assertRejects(
    () => bench.operator.resolve("5", "north", "rollback", { ...action, force: true }),
    Error,
    "not prepared there any more",
  );
  take();
  await bench.clock.settle();
  synced.resolve();
  await bench.clock.run(failing);
  assertEquals([bench.rows(), bench.ledger.unsettled], [{ north: ["row"] }, []]);
});

Deno.test("Operator.resolve() does not count an answer that the resolver got meanwhile", async () => {
  const { bench, settlement, take } = await prepare("commit", { names: ["north"] });
  const answered = Promise.withResolvers<void>();
  const { script } = bench.database("north");
  script.next("commitPrepared", async () => {
    await answered.promise;
    return { kind: "operator", error: new Error("denied") };
  });
  take();
  await bench.clock.settle();
  await bench.clock.run(
    bench.operator.resolve("5", "north", "rollback", { ...action, force: true }),
  );
  answered.resolve();
  await bench.clock.pass(600_000);
  assertEquals([heuristicOf(settlement), bench.resolver.pending], ["rolled back", 0]);
  assertEquals(bench.events, []);
});

Deno.test("Operator.forget() gives up a heuristic outcome, and the log with it", async () => {
  const { bench } = await prepare("commit", { names: ["north"] });
  await bench.clock.run(
    bench.operator.resolve("5", "north", "rollback", { ...action, force: true }),
  );
  assertEquals([bench.ledger.unsettled.length, bench.trace.count("log end")], [1, 0]);
  await bench.clock.run(bench.operator.forget("5", action));
  assertEquals([bench.ledger.unsettled, bench.trace.count("log end")], [[], 1]);
  bench.trace.assertBefore(/log record synced/, /log end/);
  assertEquals(bench.log.verdicts.map(({ kind, participant, gid }) => [kind, participant, gid]), [
    ["rollback", "north", "indoubt_fake_5_0"],
    ["forget", "", ""],
  ]);
});

Deno.test("Operator.forget() gives up a one-phase COMMIT that nobody knows about", async () => {
  const { bench, take } = await prepare("ask", { names: ["north"] });
  bench.database("north").script.always("outcomeOf", hangs);
  take();
  await bench.clock.pass(5000);
  await bench.clock.run(bench.operator.forget("5", action));
  assertEquals([bench.ledger.unsettled, bench.resolver.pending], [[], 0]);
});

for (const verdict of ["commit", "rollback", "operator"] as const) {
  Deno.test(`Operator.forget() refuses branches that may be prepared, unless forced: ${verdict}`, async () => {
    const { bench } = await prepare(verdict);
    await assertRejects(() => bench.operator.forget("5", action), TypeError, "2 of its branches");
    assertEquals([bench.log.verdicts, bench.ledger.unsettled.length], [[], 1]);
    await bench.clock.run(bench.operator.forget("5", { ...action, force: true }));
    assertEquals([bench.ledger.unsettled, bench.database("north").prepared.length], [[], 1]);
  });
}

Deno.test("Operator.forget() refuses what the disk may have decided, forced or not", async () => {
  const { bench } = await prepare("log");
  for (const force of [false, true]) {
    await assertRejects(
      () => bench.operator.forget("5", { ...action, force }),
      TypeError,
      "may be on disk",
    );
  }
  assertEquals([bench.log.verdicts, bench.ledger.isLive(5n)], [[], true]);
});

Deno.test("Operator.forget() calls back what waits for its turn at a participant that rests", async () => {
  const { bench, take } = await prepare("commit", { names: ["north"] });
  const north = bench.database("north");
  north.disconnect();
  const other = { participant: "north", gid: "indoubt_fake_6_0", token: "702" };
  const settlement = bench.ledger.settle({
    txn: 6n,
    verdict: "commit",
    branches: [other],
    logged: true,
  });
  void bench.resolver.take(settlement, other);
  await bench.clock.settle();
  // The participant rests after the first failure: this one is not even tried.
  take();
  await bench.clock.settle();
  await bench.clock.run(bench.operator.forget("5", { ...action, force: true }));
  north.reconnect();
  await bench.clock.pass(600_000);
  assertEquals([north.prepared, bench.rows()], [["indoubt_fake_5_0"], { north: [] }]);
});

Deno.test("Operator.forget() refuses what is not in doubt", async () => {
  const { bench } = await prepare("operator");
  await assertRejects(() => bench.operator.forget("6", action), RangeError, '"6"');
  await bench.clock.run(bench.operator.forget("5", { ...action, force: true }));
  await assertRejects(() => bench.operator.forget("5", { ...action, force: true }), RangeError);
});

for (const id of ["", "fake", "a b", "x_y", "x".repeat(33), "ünïcode", undefined!, 7 as never]) {
  Deno.test(`Operator.adopt() refuses ${Deno.inspect(id)}, which is no other coordinator's id`, async () => {
    const { bench } = await prepare("operator");
    await assertRejects(() => bench.operator.adopt(id, action), RangeError, "id of another");
    assertEquals([bench.log.verdicts, bench.trace.entries], [[], []]);
  });
}

for (const words of [{}, { reason: 7 }, { reason: "gone", by: null }]) {
  Deno.test(`Operator.adopt() refuses ${Deno.inspect(words)}, which is not who and why`, async () => {
    const { bench } = await prepare("operator");
    const acting = bench.operator.adopt("other", words as never);
    await assertRejects(() => acting, TypeError, "must be texts");
    assertEquals([bench.log.verdicts, bench.trace.entries], [[], []]);
  });
}

Deno.test("Operator.adopt() takes fifty coordinators at most, and one of them again", async () => {
  const { bench } = await prepare("operator");
  for (let index = 0; index < 50; index++) {
    await bench.clock.run(bench.operator.adopt(`other-${index}`, action));
  }
  await assertRejects(
    () => bench.operator.adopt("other-50", action),
    RangeError,
    "50 coordinators",
  );
  await bench.clock.run(bench.operator.adopt("other-0", action));
  assertEquals(bench.log.adopted.size, 50);
});

Deno.test("Operator.adopt() lists at once what the databases hold, and touches none of it", async () => {
  const { bench } = await prepare("operator", { names: ["north", "south"] });
  const gids = ["indoubt_other_7000000000001_0", "indoubt_other_7000000000001_1"] as const;
  bench.database("north").prepareByHand(gids[0], "adopted");
  bench.database("south").prepareByHand(gids[1], "adopted");
  bench.database("south").prepareByHand("indoubt_third_1_0", "foreign");
  await bench.clock.run(bench.operator.adopt("other", action));
  for (let sweep = 0; sweep < 3; sweep++) {
    await bench.clock.run(bench.membership.sweepAll());
    await bench.clock.pass(60_000);
  }
  const adopted = bench.ledger.find("other_7000000000001");
  assertEquals(adopted?.outstanding.map(({ gid }) => gid), [...gids]);
  assertEquals(bench.trace.only(...ENDINGS, "south commitPrepared", "south rollbackPrepared"), []);
  await bench.clock.run(bench.operator.resolve("other_7000000000001", "north", "commit", action));
  await bench.clock.run(bench.operator.resolve("other_7000000000001", "south", "rollback", action));
  assertEquals(bench.ledger.find("other_7000000000001"), undefined);
  assertEquals(bench.rows(), { north: ["adopted"], south: [] });
  assertEquals(bench.database("south").prepared, ["indoubt_fake_5_1", "indoubt_third_1_0"]);
});

Deno.test("Operator.resolve() ends every branch of a transaction in one participant, one at a time", async () => {
  const { bench } = await prepare("operator", { names: ["north"] });
  for (const place of [0, 1]) {
    bench.database("north").prepareByHand(`indoubt_other_9_${place}`, "row");
  }
  await bench.clock.run(bench.operator.adopt("other", action));
  for (const left of [1, 0]) {
    await bench.clock.run(bench.operator.resolve("other_9", "north", "rollback", action));
    assertEquals(bench.ledger.find("other_9")?.outstanding.length ?? 0, left);
  }
});

Deno.test("Operator works while its participant hangs for everyone else", async () => {
  const { bench } = await prepare("operator", { names: ["north"] });
  const gate = Promise.withResolvers<void>();
  bench.database("north").script.next("commitPrepared", waitsFor(gate.promise));
  const resolving = bench.operator.resolve("5", "north", "commit", action);
  await bench.clock.pass(10_000);
  gate.resolve();
  await bench.clock.run(resolving);
  assertEquals([bench.rows(), bench.clock.elapsed()], [{ north: ["row"] }, 10_000]);
});

Deno.test("Operator.resolve() may find its branch ended when it asks again after no answer", async () => {
  const { bench } = await prepare("operator", { names: ["north"] });
  bench.database("north").script.next("commitPrepared", hangsAfter);
  const resolve = () => bench.clock.run(bench.operator.resolve("5", "north", "commit", action));
  await assertRejects(resolve, Error, "no answer");
  await assertRejects(resolve, Error, "not prepared there any more");
  await bench.clock.run(bench.operator.forget("5", { ...action, force: true }));
  assertEquals([bench.rows(), bench.ledger.unsettled], [{ north: ["row"] }, []]);
});
