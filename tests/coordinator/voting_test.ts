/**
 * Guarantees how branches vote: those that their databases have called writers already are prepared
 * without being asked, but only if there are two of them; everyone else is asked first; and whoever
 * says no, at whatever moment, ends the transaction everywhere.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  BranchEndedError,
  HeuristicOutcomeError,
  ParticipantIdentityError,
  TransactionAbortedError,
} from "../../src/coordinator/errors.ts";
import { failedAndLost, refused } from "./support/fake_log.ts";
import { fails, hangs, hangsAfter, hangsBefore, lostAfter, refuses } from "./support/faults.ts";
import { type BenchTransaction, Workbench, type WorkbenchOptions } from "./support/workbench.ts";

const NAMES = ["north", "south", "west"];
const EMPTY = { north: [], south: [], west: [] };
const ENDINGS = /commitPrepared|rollbackPrepared/;

/** What each database's branch has done: nothing, written, or written and said so. */
type Work = "read" | "write" | "tell";

/** A transaction over three databases, with what its branches have done. */
async function begin(works: readonly Work[], setup: WorkbenchOptions = {}, timeout = 60_000) {
  const bench = await Workbench.open({ names: NAMES, ...setup });
  const transaction = await bench.begin(NAMES, timeout);
  work(transaction, works);
  bench.trace.clear();
  return { bench, transaction };
}

function work(transaction: BenchTransaction, works: readonly Work[]): void {
  for (const [place, name] of NAMES.entries()) {
    const client = transaction.clients[name]!;
    if (works[place] !== "read") client.write(transaction.id);
    if (works[place] === "tell") client.tell();
  }
}

/** Commands that the databases got, each database's in their order. */
function commands(bench: Workbench): Record<string, string[]> {
  return Object.fromEntries(NAMES.map((name) => [
    name,
    bench.trace.only(`${name} `).map((entry) => entry.slice(name.length + 1)),
  ]));
}

const ORDERS: [readonly Work[], Record<string, string[]>][] = [
  [["tell", "tell", "tell"], {
    north: ["prepare", "commitPrepared"],
    south: ["prepare", "commitPrepared"],
    west: ["prepare", "commitPrepared"],
  }],
  [["tell", "tell", "read"], {
    north: ["prepare", "commitPrepared"],
    south: ["prepare", "commitPrepared"],
    west: ["examine", "commit"],
  }],
  [["tell", "tell", "write"], {
    north: ["prepare", "commitPrepared"],
    south: ["prepare", "commitPrepared"],
    west: ["examine", "prepare", "commitPrepared"],
  }],
  [["tell", "write", "read"], {
    north: ["examine", "prepare", "commitPrepared"],
    south: ["examine", "prepare", "commitPrepared"],
    west: ["examine", "commit"],
  }],
  [["tell", "read", "read"], {
    north: ["examine", "commit"],
    south: ["examine", "commit"],
    west: ["examine", "commit"],
  }],
];

for (const [works, expected] of ORDERS) {
  Deno.test(`vote() asks no more than it must: ${works.join(", ")}`, async () => {
    const { bench, transaction } = await begin(works);
    await bench.clock.run(transaction.commit());
    assertEquals(commands(bench), expected);
    const written = NAMES.map((
      name,
      place,
    ) => [name, works[place] === "read" ? [] : ["1000000000001"]]);
    assertEquals(bench.rows(), Object.fromEntries(written));
    bench.assertQuiet();
  });
}

Deno.test("vote() decides over a branch that had not been called a writer, with its token", async () => {
  const { bench, transaction } = await begin(["tell", "write", "tell"]);
  bench.database("south").script.always("commitPrepared", hangs);
  await bench.clock.run(transaction.commit());
  const [decided] = bench.log.unfinished;
  assertEquals(decided?.branches.map(({ participant }) => participant), NAMES);
  assert(decided?.branches.every(({ token }) => token !== null), "a token is missing");
});

Deno.test("vote() prepares the known writers while the others are asked", async () => {
  const { bench, transaction } = await begin(["tell", "write", "tell"]);
  const asked = Promise.withResolvers<void>();
  bench.database("south").script.next("examine", async ({ effect }) => {
    await asked.promise;
    return effect();
  });
  const committing = transaction.commit();
  await bench.clock.settle();
  assertEquals(["north", "south", "west"].map((name) => bench.database(name).prepared.length), [
    1,
    0,
    1,
  ]);
  assertEquals(bench.trace.count("log"), 0, "decided before everyone had voted");
  asked.resolve();
  await bench.clock.run(committing);
  bench.trace.assertBefore(/ prepare$/, /log decide$/);
  bench.assertQuiet();
});

Deno.test("vote() passes first-prepared and all-prepared once when it is eager", async () => {
  const { bench, transaction } = await begin(["tell", "write", "tell"]);
  await bench.clock.run(transaction.commit());
  assertEquals(bench.points, [
    "first-prepared",
    "all-prepared",
    "decided",
    "first-committed",
    "all-committed",
  ]);
});

const REFUSALS: [string, readonly Work[], (bench: Workbench) => void][] = [
  ["a known writer refuses PREPARE", ["tell", "tell", "write"], (bench) => {
    bench.database("north").script.next("prepare", refuses(new Error("no")));
  }],
  ["every known writer refuses PREPARE", ["tell", "tell", "read"], (bench) => {
    for (const name of ["north", "south"]) {
      bench.database(name).script.next("prepare", refuses(new Error("no")));
    }
  }],
  ["a silent branch fails when it is asked", ["tell", "tell", "write"], (bench) => {
    bench.database("west").script.next("examine", fails(new Error("no")));
  }],
  ["a silent writer refuses PREPARE", ["tell", "tell", "write"], (bench) => {
    bench.database("west").script.next("prepare", refuses(new Error("no")));
  }],
  ["a reader refuses COMMIT beside known writers", ["tell", "tell", "read"], (bench) => {
    bench.database("west").script.next("commit", refuses(new Error("no")));
  }],
  ["a reader refuses COMMIT beside writers that were asked", ["tell", "write", "read"], (bench) => {
    bench.database("west").script.next("commit", refuses(new Error("no")));
  }],
  ["a branch fails when all are asked", ["tell", "write", "read"], (bench) => {
    bench.database("west").script.next("examine", fails(new Error("no")));
  }],
  ["a reader refuses COMMIT beside one writer", ["tell", "read", "read"], (bench) => {
    bench.database("west").script.next("commit", refuses(new Error("no")));
  }],
  ["the only writer refuses COMMIT", ["tell", "read", "read"], (bench) => {
    bench.database("north").script.next("commit", refuses(new Error("no")));
  }],
];

for (const [what, works, plan] of REFUSALS) {
  Deno.test(`vote() ends the transaction everywhere when ${what}`, async () => {
    const { bench, transaction } = await begin(works);
    plan(bench);
    const error = await assertRejects(
      () => bench.clock.run(transaction.commit()),
      TransactionAbortedError,
      "(no)",
    );
    assertEquals([error.retryable, transaction.state], [false, "aborted"]);
    assertEquals([bench.rows(), bench.trace.count("log decide")], [EMPTY, 0]);
    bench.assertQuiet();
  });
}

for (
  const [what, works, place] of [
    ["a known writer", ["tell", "tell", "write"], 0],
    ["a silent branch beside known writers", ["tell", "tell", "write"], 2],
    ["a branch among silent ones", ["tell", "write", "read"], 1],
    ["the only writer", ["tell", "read", "read"], 0],
  ] as const
) {
  Deno.test(`vote() tells of a branch that was ended by hand: ${what}`, async () => {
    const { bench, transaction } = await begin(works);
    const name = NAMES[place]!;
    transaction.clients[name]!.commitByHand();
    const error = await assertRejects(
      () => bench.clock.run(transaction.commit()),
      HeuristicOutcomeError,
    );
    assertEquals([error.decision, error.cause instanceof BranchEndedError], ["rolled back", true]);
    assertEquals(error.branches.map(({ participant, outcome }) => [participant, outcome]), [
      [name, "unknown"],
    ]);
    assertEquals(bench.rows(), { ...EMPTY, [name]: [transaction.id] });
    bench.assertQuiet();
  });
}

Deno.test("vote() tells of a branch ended by hand rather than of a refusal beside it", async () => {
  const { bench, transaction } = await begin(["tell", "tell", "write"]);
  bench.database("north").script.next("prepare", refuses(new Error("no")));
  transaction.clients["west"]!.commitByHand();
  await assertRejects(() => bench.clock.run(transaction.commit()), HeuristicOutcomeError);
  bench.assertQuiet();
});

Deno.test("vote() has a Begin on disk before anything is prepared without being asked", async () => {
  const { bench, transaction } = await begin(["tell", "write", "tell"], {
    options: { forceBegin: true },
  });
  await bench.clock.run(transaction.commit());
  bench.trace.assertBefore(/log begin synced/, / prepare$/);
  assertEquals(bench.trace.only("log"), [
    "log begin",
    "log begin synced",
    "log decide",
    "log decide synced",
    "log end",
  ]);
  bench.assertQuiet();
});

for (const [what, fault, ends] of [["refused", refused, 0], ["lost", failedAndLost, 1]] as const) {
  Deno.test(`vote() prepares nothing if the Begin is ${what}`, async () => {
    const { bench, transaction } = await begin(["tell", "tell", "read"], {
      options: { forceBegin: true },
    });
    bench.log.next("begin", fault);
    await assertRejects(() => bench.clock.run(transaction.commit()), TransactionAbortedError);
    assertEquals(bench.trace.only("north prepare", "south prepare", "log end").length, ends);
    bench.assertQuiet();
  });
}

for (const fault of [hangsBefore, hangsAfter]) {
  for (const works of [["tell", "tell", "read"], ["write", "write", "read"]] as const) {
    const what = `${fault.name}, ${works[0]}`;
    Deno.test(`vote() gives up a PREPARE that hangs when time is up: ${what}`, async () => {
      const { bench, transaction } = await begin(works, {}, 500);
      bench.database("south").script.next("prepare", fault);
      const error = await assertRejects(
        () => bench.clock.run(transaction.commit()),
        TransactionAbortedError,
        "500 ms",
      );
      assertEquals([error.retryable, bench.clock.elapsed()], [true, 500]);
      await bench.clock.pass(100_000);
      assertEquals(bench.rows(), EMPTY);
      bench.assertQuiet();
    });
  }
}

Deno.test("vote() gives up a PREPARE that hangs when the signal comes, and has it looked for", async () => {
  const controller = new AbortController();
  const bench = await Workbench.open({ names: NAMES });
  const transaction = await bench.begin(NAMES, 60_000, controller.signal);
  work(transaction, ["tell", "tell", "read"]);
  const south = bench.database("south");
  south.script.next("prepare", hangsAfter);
  south.script.next("rollbackPrepared", lostAfter);
  const failing = assertRejects(() => transaction.commit(), TransactionAbortedError, "signal");
  await bench.clock.settle();
  assertEquals(bench.trace.entries.filter((entry) => ENDINGS.test(entry)), []);
  controller.abort();
  await bench.clock.settle();
  const error = await failing;
  assertEquals([error.retryable, bench.clock.elapsed()], [false, 0]);
  assertEquals([...bench.unsettled].map(({ id, verdict }) => [id, verdict]), [
    [transaction.id, "rollback"],
  ]);
  await bench.clock.pass(1000);
  assertEquals(bench.rows(), EMPTY);
  bench.assertQuiet();
});

for (
  const works of [["tell", "tell", "read"], ["write", "write", "read"], [
    "write",
    "read",
    "read",
  ]] as const
) {
  Deno.test(`vote() gives up a reader whose COMMIT hangs when time is up: ${works.join(", ")}`, async () => {
    const { bench, transaction } = await begin(works, {}, 500);
    bench.database("west").script.next("commit", hangs);
    const error = await assertRejects(
      () => bench.clock.run(transaction.commit()),
      TransactionAbortedError,
      "500 ms",
    );
    assertEquals([error.retryable, bench.clock.elapsed(), bench.rows()], [true, 500, EMPTY]);
    bench.assertQuiet();
  });
}

Deno.test("vote() gives up a question that hangs beside prepared branches when time is up", async () => {
  const { bench, transaction } = await begin(["tell", "tell", "write"], {}, 500);
  bench.database("west").script.next("examine", hangs);
  await assertRejects(
    () => bench.clock.run(transaction.commit()),
    TransactionAbortedError,
    "500 ms",
  );
  assertEquals([bench.trace.count("log decide"), bench.rows()], [0, EMPTY]);
  bench.assertQuiet();
});

Deno.test("vote() refuses a database that has taken another's place, and asks it who it is", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.write();
  bench.database("south").identity = "fake:another";
  const error = await assertRejects(
    () => bench.clock.run(transaction.commit()),
    TransactionAbortedError,
  );
  assert(error.cause instanceof ParticipantIdentityError);
  assertEquals(error.participant, "south");
  await bench.clock.settle();
  assert(bench.members.get("south")?.error instanceof ParticipantIdentityError);
  assertEquals([bench.database("north").prepared, bench.database("south").prepared], [[], []]);
});
