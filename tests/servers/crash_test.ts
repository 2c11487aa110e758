/**
 * A coordinator's process is killed with SIGKILL at every place at which that makes a difference
 * (the numbers in the tests' names are those of the list of faults), over two servers and beside
 * other people's prepared transactions. Whatever the place: after the next opening the transaction
 * is in both databases or in neither, as the log says; nothing is left prepared; nothing of anybody
 * else's is touched; and the report says what was found.
 */

import { assert, assertEquals } from "@std/assert";
import { PROTOCOL_POINTS, type RecoveryReport } from "../../mod.ts";
import { bothClusters } from "./both_clusters.ts";
import { Child } from "./child.ts";
import type { ChildTask, DiskCrash } from "./coordinator_child.ts";
import { connectAdmin, soon, until, untilGone } from "./databases.ts";
import { ProxiedDatabases } from "./proxied_databases.ts";
import { Gate } from "./proxy/gate.ts";
import { first } from "./proxy/rules.ts";
import { writeBoth } from "./two_databases.ts";

const clusters = bothClusters();

/** More calls to the disk than a recovery or a rotation takes. */
const MAX_CALLS = 60;

type Found = "committed" | "rolledBack" | "nothing";

interface Crash {
  readonly place: string;
  /** What the child does; it dies of it, unless an answer is held back. */
  readonly task: Partial<ChildTask>;
  /** An answer of "billing" that is held back, and with which in the proxy's hands the child dies. */
  readonly held?: RegExp;
  /** How many branches the crash leaves prepared; several where that is not certain. */
  readonly left: readonly number[];
  /** What the next opening finds. */
  readonly found: Found;
}

const CRASHES: readonly Crash[] = [
  { place: "29 before any PREPARE", task: { killAt: "written" }, left: [0], found: "nothing" },
  {
    place: "30 after Begin is written, before it is synced",
    task: { forceBegin: true, crash: { from: "written", call: "syncData", nth: 1 } },
    left: [0],
    found: "rolledBack",
  },
  {
    place: "31 after one of two PREPAREs was sent",
    task: { killAt: "first-prepared", withhold: "prepare" },
    left: [1],
    found: "rolledBack",
  },
  {
    place: "31 after the first PREPARE was answered",
    task: { killAt: "first-prepared" },
    left: [1, 2],
    found: "rolledBack",
  },
  {
    place: "32 before a PREPARE's answer is heard",
    task: {},
    held: /PREPARE TRANSACTION/,
    left: [2],
    found: "rolledBack",
  },
  {
    place: "33 when all are prepared",
    task: { killAt: "all-prepared" },
    left: [2],
    found: "rolledBack",
  },
  {
    place: "33 before the decision is written",
    task: { crash: { from: "all-prepared", call: "write", nth: 1 } },
    left: [2],
    found: "rolledBack",
  },
  {
    // What was written outlives the process, though it might not outlive the machine.
    place: "34 after the decision is written, before it is synced",
    task: { crash: { from: "all-prepared", call: "syncData", nth: 1 } },
    left: [2],
    found: "committed",
  },
  {
    place: "35 when the decision is synced",
    task: { killAt: "decided" },
    left: [2],
    found: "committed",
  },
  {
    place: "36 after one of two COMMIT PREPAREDs was sent",
    task: { killAt: "first-committed", withhold: "commitPrepared" },
    left: [1],
    found: "committed",
  },
  {
    place: "36 after the first COMMIT PREPARED was answered",
    task: { killAt: "first-committed" },
    left: [0, 1],
    found: "committed",
  },
  {
    place: "37 before a COMMIT PREPARED's answer is heard",
    task: {},
    held: /^COMMIT PREPARED/,
    left: [0],
    found: "committed",
  },
  {
    place: "38 when all are committed, before End",
    task: { killAt: "all-committed" },
    left: [0],
    found: "committed",
  },
];

Deno.test("PROTOCOL_POINTS are all crashed at", () => {
  const points = CRASHES.map(({ task }) => task.killAt).filter((point) => point !== undefined);
  assertEquals([...new Set(points)], ["written", ...PROTOCOL_POINTS]);
});

function taskFor(proxied: ProxiedDatabases, options: Partial<ChildTask>): ChildTask {
  const { directory } = proxied.both;
  const urls = { orders: proxied.url("orders"), billing: proxied.url("billing") };
  return { directory, ...urls, ids: ["crashed"], ...options };
}

/** A PREPARE that was sent before a crash may be carried out after it. */
async function untilChildGone(): Promise<void> {
  for (const cluster of Object.values(clusters)) {
    await using admin = connectAdmin(cluster);
    await untilGone(admin, "child");
  }
}

/** Runs a child to its death and gives the transaction that it died in. */
async function crash(
  proxied: ProxiedDatabases,
  how: Pick<Crash, "task" | "held">,
): Promise<string> {
  const gate = new Gate();
  if (how.held !== undefined) proxied.proxies.billing.rule = first(how.held, { hold: gate });
  await using child = new Child(taskFor(proxied, how.task));
  const transaction = await child.heard("transaction");
  if (how.held !== undefined) {
    await soon("the answer is held back", gate.reached);
    // That of the other database comes at the same time, or before.
    const aim = how.held.test("COMMIT PREPARED") ? 0 : 2;
    const { both } = proxied;
    await until(`${aim} are prepared`, async () => (await both.branches()).length === aim);
    await child.kill();
    gate.open();
    proxied.pass();
  } else assertEquals(await child.ended(), "SIGKILL");
  assert(!child.said.includes("committed crashed"), "it had returned");
  await untilChildGone();
  return transaction;
}

function assertReport(report: RecoveryReport, found: Found, ...transactions: string[]): void {
  const { committed, rolledBack, pending } = report;
  const expected = { committed: [], rolledBack: [], pending: [] };
  if (found === "nothing") assertEquals({ committed, rolledBack, pending }, expected);
  else {
    assertEquals({ committed, rolledBack, pending }, { ...expected, [found]: transactions });
  }
}

/** Both databases, with an entry that is there and other people's prepared transactions. */
async function connectAll(): Promise<ProxiedDatabases> {
  const proxied = await ProxiedDatabases.connect(clusters);
  await using before = await proxied.both.open();
  await writeBoth(before, "before");
  await proxied.both.addBystanders(before.coordinator.id);
  return proxied;
}

for (const { place, task, held, left, found } of CRASHES) {
  Deno.test(`Coordinator.open() settles what SIGKILL left: ${place}`, async () => {
    await using proxied = await connectAll();
    const { both } = proxied;
    const transaction = await crash(proxied, held === undefined ? { task } : { task, held });
    const branches = await both.branches();
    assert(left.includes(branches.length), `${branches.length} branches are prepared`);
    assert(branches.every((gid) => gid.includes(`_${transaction}_`)), String(branches));

    const expected = found === "committed" ? ["before", "crashed"] : ["before"];
    {
      await using opened = await both.open();
      assertReport(opened.coordinator.recovery, found, transaction);
      assertEquals(opened.coordinator.unsettled, 0);
      await both.assertBoth(...expected);
    }
    // What was settled is not found again, and the next transaction goes through.
    await using again = await both.open();
    assertReport(again.coordinator.recovery, "nothing");
    await writeBoth(again, "next");
    await both.assertBoth(...expected, "next");
    await both.commitBystanders();
  });
}

for (const [killAt, found] of [["all-prepared", "rolledBack"], ["decided", "committed"]] as const) {
  Deno.test(`Coordinator.open() settles what SIGKILL left: 39 at every change to the disk of one recovery after another, ${found} in the end`, async () => {
    await using proxied = await connectAll();
    const { both } = proxied;
    await crash(proxied, { task: { killAt } });
    let deaths = 0;
    for (let signal: string | null = "SIGKILL"; signal !== null; deaths++) {
      assert(deaths < MAX_CALLS, "it dies for ever");
      const dying = { ids: [], crash: { from: "start", call: "change", nth: deaths + 1 } } as const;
      await using child = new Child(taskFor(proxied, dying));
      const opened = await child.heard("open").then(() => true, () => false);
      // What it writes when it closes is the recovery's too: the Ends of what was settled.
      if (opened) await child.end();
      signal = await child.ended();
      await untilChildGone();
    }
    assert(deaths > 10, `it died ${deaths - 1} times`);
    await using opened = await both.open();
    assertReport(opened.coordinator.recovery, "nothing");
    await both.assertBoth(...found === "committed" ? ["before", "crashed"] : ["before"]);
    await both.commitBystanders();
  });
}

for (const way of ["cut before", "cut after"] as const) {
  for (
    const [killAt, command] of [
      ["all-prepared", /^ROLLBACK PREPARED/],
      ["decided", /^COMMIT PREPARED/],
    ] as const
  ) {
    Deno.test(`Coordinator.open() settles what SIGKILL left: 39 in recoveries whose ${command.source.slice(1)} is ${way}`, async () => {
      await using proxied = await connectAll();
      const { both } = proxied;
      await crash(proxied, { task: { killAt } });
      for (let round = 0; round < 2; round++) {
        const left = await both.branches();
        // A gid ends with its branch's place in the transaction: 0 is "orders", 1 is "billing".
        const cut = Object.entries(proxied.proxies).map(([, proxy], index) => {
          const treated = Promise.withResolvers<void>();
          proxy.rule = ({ text }) => {
            if (!command.test(text)) return "pass";
            treated.resolve();
            return way;
          };
          return left.some((gid) => gid.endsWith(`_${index}`)) ? treated.promise : undefined;
        });
        await using child = new Child(taskFor(proxied, { ids: [] }));
        await soon("each that is left is cut", Promise.all(cut));
        await child.kill();
        proxied.pass();
        await untilChildGone();
      }
      await using opened = await both.open();
      assertEquals(opened.coordinator.unsettled, 0);
      await both.assertBoth(...killAt === "decided" ? ["before", "crashed"] : ["before"]);
      await both.commitBystanders();
    });
  }
}

/** Kills a child with many transactions under way while its log begins another segment. */
async function crashInRotation(
  proxied: ProxiedDatabases,
  rotation: NonNullable<ChildTask["rotation"]>,
  where: Omit<DiskCrash, "from">,
): Promise<string> {
  const { both } = proxied;
  // Enough to make a segment worth a checkpoint.
  const ids = Array.from({ length: 1000 }, (_, index) => `${where.call} ${where.nth} ${index}`);
  const task = { ids, callers: 8, rotation, crash: { from: "rotation", ...where } } as const;
  await using child = new Child(taskFor(proxied, task));
  assertEquals(await child.ended(), "SIGKILL", child.said.at(-1));
  await untilChildGone();
  await using opened = await both.open();
  assertEquals(opened.coordinator.unsettled, 0);
  const entries = await both.entries("orders");
  await both.assertBoth(...entries);
  const heard = child.said.filter((line) => line.startsWith("committed "));
  const lost = heard.filter((line) => !entries.includes(line.slice("committed ".length)));
  assertEquals(lost, []);
  return child.said.at(-1)?.split(" ")[2] ?? "";
}

/** The calls with which a segment is begun and an older one removed. */
const ROTATION = ["open", "write", "syncData", "rename", "syncDirectory", "list", "remove"];

Deno.test("Coordinator.open() settles what SIGKILL left: 40 at every call to the disk while the log begins another segment for a failed sync", async () => {
  await using proxied = await connectAll();
  const missing = new Set(ROTATION);
  for (let nth = 1; missing.size > 0; nth++) {
    assert(nth < MAX_CALLS, `it does not die at ${[...missing]}`);
    missing.delete(await crashInRotation(proxied, "a failed sync", { nth }));
  }
  await proxied.both.commitBystanders();
});

for (const call of ["syncData", "rename", "remove"] as const) {
  Deno.test(`Coordinator.open() settles what SIGKILL left: 40 at ${call} while the log begins another segment for its age`, async () => {
    await using proxied = await connectAll();
    assertEquals(await crashInRotation(proxied, "its age", { call, nth: 1 }), call);
    await proxied.both.commitBystanders();
  });
}

Deno.test("Coordinator.open() settles crash after crash, under other numbers", async () => {
  await using proxied = await connectAll();
  const transactions = [
    await crash(proxied, { task: { killAt: "decided" } }),
    await crash(proxied, { task: { killAt: "all-prepared" } }),
    await crash(proxied, { task: { killAt: "first-committed", withhold: "commitPrepared" } }),
  ];
  assertEquals(new Set(transactions).size, 3);
  await using opened = await proxied.both.open();
  assertReport(opened.coordinator.recovery, "committed", ...transactions.slice(2));
  await proxied.both.assertBoth("before", "crashed", "crashed");
});
