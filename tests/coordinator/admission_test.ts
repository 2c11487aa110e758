/**
 * Guarantees that only so many transactions run at once, that the others get their turn in the order in
 * which they came or learn in time that they will not, and that no failure keeps a place taken.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Admission, OverloadError } from "../../src/coordinator/admission.ts";
import { Deadline, DeadlineError } from "../../src/coordinator/deadline.ts";
import { CoordinatorClosedError, TransactionAbortedError } from "../../src/coordinator/errors.ts";
import { fails, hangs, lostBefore, refuses } from "./support/faults.ts";
import { type Name, Site, write } from "./support/site.ts";
import { SteppedClock } from "./support/stepped_clock.ts";
import { Workbench } from "./support/workbench.ts";

const BOTH: Name[] = ["north", "south"];

/** An admission with as many running as may, and a clock. */
function full(limit: number) {
  const clock = new SteppedClock();
  const admission = new Admission(limit);
  const patient = () => new Deadline(clock, 1_000_000);
  for (let index = 0; index < limit; index++) assertEquals(admission.enter(patient()), null);
  return { clock, admission, patient };
}

Deno.test("Admission.enter() lets as many run as may", () => {
  const { admission, patient } = full(3);
  assertEquals(admission.running, 3);
  assert(admission.enter(patient()) !== null);
  assertEquals(admission.running, 3);
});

Deno.test("Admission.leave() lets those in that wait, in the order in which they came", async () => {
  const { clock, admission, patient } = full(2);
  const order: number[] = [];
  for (const place of [1, 2, 3]) void admission.enter(patient())?.then(() => order.push(place));
  await clock.settle();
  assertEquals(order, []);
  admission.leave();
  // Whoever comes now finds the place taken by the one whose turn it is.
  void admission.enter(patient())?.then(() => order.push(4));
  for (let ended = 0; ended < 3; ended++) admission.leave();
  await clock.settle();
  assertEquals([order, admission.running], [[1, 2, 3, 4], 2]);
  admission.leave();
  admission.leave();
  assertEquals(admission.running, 0);
});

Deno.test("Admission.enter() waits no longer than the deadline, and gives up its turn", async () => {
  const { clock, admission, patient } = full(1);
  const order: string[] = [];
  const waiting = assertRejects(
    () => admission.enter(new Deadline(clock, 300))!,
    DeadlineError,
    "its timeout of 300 ms passed while waiting for its turn",
  );
  void admission.enter(patient())?.then(() => order.push("patient"));
  await clock.pass(300);
  await waiting;
  admission.leave();
  await clock.settle();
  assertEquals([order, admission.running], [["patient"], 1]);
});

Deno.test("Admission.enter() hands a turn on that comes together with the end of time", async () => {
  const { clock, admission, patient } = full(1);
  const order: string[] = [];
  const deadline = new Deadline(clock, 300);
  const waiting = assertRejects(() => admission.enter(deadline)!, DeadlineError);
  void admission.enter(patient())?.then(() => order.push("patient"));
  clock.advance(300);
  admission.leave();
  await clock.settle();
  await waiting;
  assertEquals([order, admission.running], [["patient"], 1]);
  admission.leave();
  assertEquals(admission.running, 0);
});

Deno.test("Admission.enter() refuses at once when too many wait", async () => {
  const { admission, patient, clock } = full(1);
  const waiting = Array.from({ length: 100 }, () => admission.enter(patient()));
  assertThrows(() => admission.enter(patient()), OverloadError, "100 transactions are waiting");
  admission.leave();
  await clock.settle();
  assert(waiting.every((one) => one !== null));
  assert(admission.enter(patient()) !== null, "one fewer waits now");
});

Deno.test("Admission.close() turns away all that wait", async () => {
  const { admission, patient, clock } = full(1);
  const waiting = [1, 2].map(() =>
    assertRejects(() => admission.enter(patient())!, CoordinatorClosedError)
  );
  admission.close();
  await Promise.all(waiting);
  admission.leave();
  await clock.settle();
  assertEquals(admission.running, 0);
});

Deno.test("Admission.close() ends a turn, too, of which its owner has not heard yet", async () => {
  const { admission, patient } = full(1);
  const turn = admission.enter(patient())!;
  admission.assertOpen();
  admission.leave();
  admission.close();
  await turn;
  assertThrows(() => admission.assertOpen(), CoordinatorClosedError);
});

Deno.test("Admission hands turns on in their order whoever has given up before", async () => {
  const { clock, admission, patient } = full(1);
  const order: number[] = [];
  const timeouts = [300, 1_000_000, 300, 300, 1_000_000, 300];
  const waiting = timeouts.map((timeout, place) => {
    const turn = admission.enter(timeout === 300 ? new Deadline(clock, timeout) : patient())!;
    return turn.then(() => void order.push(place), (error) => error);
  });
  await clock.pass(300);
  void admission.enter(patient())?.then(() => order.push(6));
  for (let ended = 0; ended < 3; ended++) admission.leave();
  assertEquals((await Promise.all(waiting)).map((error) => error instanceof DeadlineError), [
    true,
    false,
    true,
    true,
    false,
    true,
  ]);
  await clock.settle();
  assertEquals([order, admission.running], [[1, 4, 6], 1]);
});

Deno.test("Coordinator.transaction() runs a function that has waited in its own caller's context", async () => {
  const site = new Site();
  const coordinator = await site.open({ maxConcurrentTransactions: 1 });
  const caller = new AsyncLocalStorage<number>();
  const found = await site.clock.run(
    Promise.all(
      [1, 2, 3].map((number) =>
        caller.run(number, () =>
          coordinator.transaction(BOTH, ({ north, south }, { id }) => {
            north.write(id);
            south.write(id);
            return caller.getStore();
          }))
      ),
    ),
  );
  assertEquals(found, [1, 2, 3]);
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.transaction() keeps to maxConcurrentTransactions", async () => {
  const site = new Site();
  const coordinator = await site.open({ maxConcurrentTransactions: 3 });
  let running = 0;
  let most = 0;
  const ids = await site.clock.run(
    Promise.all(
      Array.from(
        { length: 20 },
        () =>
          coordinator.transaction(BOTH, async ({ north, south }, { id }) => {
            most = Math.max(most, ++running);
            await Promise.resolve();
            north.write(id);
            south.write(id);
            running--;
            return id;
          }),
      ),
    ),
  );
  assertEquals([most, ids.length, site.north.rows.length], [3, 20, 20]);
  assertEquals(ids, ids.toSorted(), "first come, first served");
  await site.clock.run(coordinator.close());
  site.assertQuiet();
});

for (
  const [what, options, retryable] of [
    ["time", { timeout: 400 }, true],
    ["the signal", { signal: AbortSignal.abort(new Error("the caller left")) }, false],
  ] as const
) {
  Deno.test(`Coordinator.begin() waits for its turn no longer than ${what} allows`, async () => {
    const site = new Site();
    const coordinator = await site.open({ maxConcurrentTransactions: 1 });
    await using first = await site.clock.run(coordinator.begin(BOTH));
    const error = await assertRejects(
      () => site.clock.run(coordinator.begin(BOTH, options)),
      TransactionAbortedError,
    );
    // It never began, so there is nothing that could be asked about it.
    assertEquals([error.transactionId, error.retryable], [null, retryable]);
    assertEquals(site.trace.count("north begin"), 1);
    await site.clock.run(first.rollback());
    await site.commit(coordinator, ...BOTH);
    await site.clock.run(coordinator.close());
    site.assertQuiet();
  });
}

Deno.test("Coordinator.begin() says that too many wait, and that trying again may help", async () => {
  const site = new Site();
  const coordinator = await site.open({ maxConcurrentTransactions: 1 });
  const first = await site.clock.run(coordinator.begin(BOTH));
  const waiting = Array.from({ length: 100 }, () => write(coordinator, BOTH));
  await site.clock.settle();
  const error = await assertRejects(
    () => site.clock.run(coordinator.begin(BOTH)),
    TransactionAbortedError,
    "100 transactions are waiting",
  );
  assertEquals([error.transactionId, error.retryable], [null, true]);
  await site.clock.run(first.rollback());
  assertEquals((await site.clock.run(Promise.all(waiting))).length, 100);
  await site.clock.run(coordinator.close());
});

Deno.test("Coordinator.close() turns away who waits, and lets those finish who run", async () => {
  const site = new Site();
  const coordinator = await site.open({ maxConcurrentTransactions: 1 });
  const work = Promise.withResolvers<void>();
  const running = coordinator.transaction(BOTH, async ({ north, south }, { id }) => {
    await work.promise;
    north.write(id);
    south.write(id);
  });
  const waiting = [1, 2, 3].map(() =>
    assertRejects(() => write(coordinator, BOTH), CoordinatorClosedError)
  );
  await site.clock.settle();
  const closing = coordinator.close();
  await site.clock.run(Promise.all(waiting));
  assertEquals(site.clock.elapsed(), 0);
  work.resolve();
  await site.clock.run(running);
  await site.clock.run(closing);
  assertEquals(site.north.rows.length, 1);
  assertEquals([site.processClock.timers, site.disk.openFiles], [0, []]);
  site.assertQuiet();
});

/** Ways in which a transaction can fail, each of which must give its place back. */
const FAILURES: Record<string, (bench: Workbench) => Promise<unknown>> = {
  "a session cannot be had": (bench) => {
    bench.database("north").script.next("acquire", fails(new Error("too many clients")));
    return bench.start();
  },
  "a branch cannot begin": (bench) => {
    bench.database("south").script.next("begin", fails(new Error("shutting down")));
    return bench.start();
  },
  "a session is waited for in vain": (bench) => {
    bench.database("south").script.next("acquire", hangs);
    return bench.start(undefined, { timeout: 100 });
  },
  "one more cannot be enlisted": async (bench) => {
    bench.database("south").script.next("begin", fails(new Error("shutting down")));
    await (await bench.start(["north"])).enlist("south");
  },
  "PREPARE is refused": async (bench) => {
    bench.database("south").script.next("prepare", refuses(new Error("no")));
    await (await bench.write()).commit();
  },
  "a roll-back fails": async (bench) => {
    bench.database("south").script.next("rollback", fails(new Error("gone")));
    await (await bench.write()).rollback();
  },
  "the answer to a one-phase COMMIT is lost": async (bench) => {
    bench.database("north").script.next("commit", lostBefore);
    await (await bench.write(["north"])).commit();
  },
  "a branch is ended by hand": async (bench) => {
    const transaction = await bench.write();
    transaction.clients["north"]!.commitByHand();
    await transaction.commit();
  },
};

for (const [what, fail] of Object.entries(FAILURES)) {
  Deno.test(`Beginning gives the place back when ${what}`, async () => {
    const bench = await Workbench.open({ options: { maxConcurrentTransactions: 1 } });
    for (let round = 0; round < 3; round++) {
      await assertRejects(() => bench.clock.run(fail(bench)));
      const transaction = await bench.write();
      await bench.clock.run(transaction.commit());
    }
    assertEquals(bench.rows()["south"]?.length, 3);
    await bench.clock.pass(100_000);
    await bench.clock.run(bench.ledger.idle);
  });
}

Deno.test("Beginning takes no place for names and options that cannot be", async () => {
  const bench = await Workbench.open({ options: { maxConcurrentTransactions: 1 } });
  await assertRejects(() => bench.start([]), TypeError);
  await assertRejects(() => bench.start(["nowhere"]), RangeError);
  await assertRejects(() => bench.start(["north"], { timeout: -1 }), RangeError);
  await assertRejects(() => bench.start(["north"], { label: "x".repeat(201) }), RangeError, "201");
  const isolationLevel = "SERIALIZABLE" as never;
  await assertRejects(() => bench.start(["north"], { isolationLevel }), RangeError, "must be one");
  await assertRejects(() => bench.start(["north"], { readOnly: "no" as never }), TypeError);
  assertEquals([bench.timers, bench.trace.count("north acquire")], [0, 0]);
  const transaction = await bench.clock.run(bench.start(["north"], { label: "x".repeat(200) }));
  assertEquals([transaction.label?.length, bench.timers], [200, 1]);
  await bench.clock.run(transaction.rollback());
  assertEquals(bench.timers, 0);
});
