/**
 * A coordinator's process is killed with SIGKILL at every named point of the protocol. Whatever the
 * point: after the next opening the transaction is in both databases or in neither, nothing is left
 * prepared, and the report says what was found. And a log directory has one owner at a time.
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { LogLockedError, PROTOCOL_POINTS, type ProtocolPoint } from "../../mod.ts";
import { Child } from "./child.ts";
import { PostgresCluster } from "./cluster.ts";
import type { ChildTask } from "./coordinator_child.ts";
import { connectAdmin, createDatabases, preparedGids, until, untilGone } from "./databases.ts";
import { TwoDatabases, writeBoth } from "./two_databases.ts";

let cluster: PostgresCluster;

Deno.test.beforeAll(async () => {
  cluster = await PostgresCluster.start({ settings: { fsync: "off" } });
  await createDatabases(cluster, "orders", "billing");
});

Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

const connectBoth = () => TwoDatabases.connect({ orders: cluster, billing: cluster });

function taskFor({ directory }: TwoDatabases, options: Partial<ChildTask> = {}): ChildTask {
  const urls = { orders: cluster.url("orders"), billing: cluster.url("billing") };
  return { directory, ...urls, ids: [], ...options };
}

/** What must be found after a crash at each point. */
const OUTCOMES: Readonly<Record<ProtocolPoint, "committed" | "rolledBack">> = {
  "first-prepared": "rolledBack",
  "all-prepared": "rolledBack",
  "decided": "committed",
  "first-committed": "committed",
  "all-committed": "committed",
};

interface Crash {
  readonly killAt: ProtocolPoint;
  readonly withhold?: "prepare" | "commitPrepared";
  /** How many branches the crash leaves prepared, where that is not certain each that may be. */
  readonly left: readonly number[];
}

const CRASHES: readonly Crash[] = [
  { killAt: "first-prepared", left: [1, 2] },
  { killAt: "first-prepared", withhold: "prepare", left: [1] },
  { killAt: "all-prepared", left: [2] },
  { killAt: "decided", left: [2] },
  { killAt: "first-committed", left: [0, 1] },
  { killAt: "first-committed", withhold: "commitPrepared", left: [1] },
  { killAt: "all-committed", left: [0] },
];

Deno.test("PROTOCOL_POINTS are all crashed at", () => {
  assertEquals([...new Set(CRASHES.map(({ killAt }) => killAt))], [...PROTOCOL_POINTS]);
});

/** Runs a child to its death and gives the transaction that it died in. */
async function crash(both: TwoDatabases, options: Partial<ChildTask>): Promise<string> {
  await using child = new Child(taskFor(both, { ...options, ids: ["crashed"] }));
  const transaction = await child.heard("transaction");
  assertEquals(await child.ended(), "SIGKILL");
  assertEquals(child.said.at(-1), options.killAt);
  // A PREPARE that was sent before the crash may be carried out after it.
  await using admin = connectAdmin(cluster);
  await untilGone(admin, "child");
  return transaction;
}

for (const { killAt, withhold, left } of CRASHES) {
  const how = withhold === undefined ? "" : `, without the second ${withhold}`;
  Deno.test(`Coordinator.open() settles what SIGKILL at ${killAt} left${how}`, async () => {
    await using both = await connectBoth();
    await using before = await both.open();
    await writeBoth(before, "before");
    await before.coordinator.close();

    const transaction = await crash(
      both,
      withhold === undefined ? { killAt } : { killAt, withhold },
    );
    const prepared = await preparedGids(both.clients.orders);
    assert(left.includes(prepared.length), `${prepared.length} branches are prepared`);
    assert(prepared.every((gid) => gid.includes(`_${transaction}_`)), String(prepared));

    await using opened = await both.open();
    const { milliseconds, ...report } = opened.coordinator.recovery;
    const nothing = { committed: [], rolledBack: [], pending: [] };
    assertEquals(report, { ...nothing, [OUTCOMES[killAt]]: [transaction] });
    assert(milliseconds > 0 && milliseconds < 10_000, `it took ${milliseconds} ms`);
    assertEquals(opened.coordinator.unsettled, 0);
    const expected = OUTCOMES[killAt] === "committed" ? ["before", "crashed"] : ["before"];
    await both.assertBoth(...expected);

    // What was settled is not found again, and the next transaction goes through.
    await opened.coordinator.close();
    await using again = await both.open();
    const { committed, rolledBack, pending } = again.coordinator.recovery;
    assertEquals([committed, rolledBack, pending], [[], [], []]);
    await writeBoth(again, "next");
    await both.assertBoth(...expected, "next");
  });
}

Deno.test("Coordinator.open() settles what a crash during recovery left", async () => {
  await using both = await connectBoth();
  const transaction = await crash(both, { killAt: "decided" });
  {
    // Its recovery settles one branch, hangs at the other, and is killed there.
    await using child = new Child(taskFor(both, { withhold: "recovery" }));
    const { orders } = both.clients;
    await until("one is settled", async () => (await preparedGids(orders)).length === 1);
    await child.kill();
  }
  await using opened = await both.open();
  assertEquals(opened.coordinator.recovery.committed, [transaction]);
  await both.assertBoth("crashed");
});

Deno.test("Coordinator.open() settles crash after crash, under other numbers", async () => {
  await using both = await connectBoth();
  const transactions = [
    await crash(both, { killAt: "decided" }),
    await crash(both, { killAt: "all-prepared" }),
    await crash(both, { killAt: "first-committed", withhold: "commitPrepared" }),
  ];
  assertEquals(new Set(transactions).size, 3);
  await using opened = await both.open();
  assertEquals(opened.coordinator.recovery.committed, transactions.slice(2));
  await both.assertBoth("crashed", "crashed");
});

Deno.test("Coordinator.open() fails at once while another process has the directory", async () => {
  await using both = await connectBoth();
  const before = Date.now();
  await using child = new Child(taskFor(both, { ids: ["child"] }));
  await child.heard("waiting");
  const asked = performance.now();
  const error = await assertRejects(() => both.open(), LogLockedError);
  assert(performance.now() - asked < 1_000, "it should not have waited");
  const { pid, started } = error.holder ?? {};
  assertEquals(pid, child.pid);
  assert(Date.parse(started!) >= before - 1_000 && Date.parse(started!) <= Date.now(), started);
  assertStringIncludes(error.message, String(pid));
  assertStringIncludes(error.message, started!);

  await child.kill();
  await using opened = await both.open();
  assertEquals(opened.coordinator.recovery.pending, []);
  await writeBoth(opened, "after");
  await both.assertBoth("after", "child");
});
