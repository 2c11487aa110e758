/**
 * Proves on real servers that this coordinator does not go wrong where pgdog's did: D26, D27, D33,
 * D40. D28 and D29 are in `late_prepare_test.ts`, the others in `tests/defects/`.
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  HeuristicOutcomeError,
  ParticipantConfigurationError,
  TransactionAbortedError,
} from "../../mod.ts";
import { sqlStateOf } from "../../src/participants/postgresql/answers.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import { bothClusters } from "./both_clusters.ts";
import { Child } from "./child.ts";
import type { ChildTask } from "./coordinator_child.ts";
import { connect, connectAdmin, createDatabases, soon, until, untilGone } from "./databases.ts";
import { ProxiedDatabases } from "./proxied_databases.ts";
import { Gate } from "./proxy/gate.ts";
import { first } from "./proxy/rules.ts";
import { type Opened, TwoDatabases, writeBoth } from "./two_databases.ts";

const clusters = bothClusters();

/** A crash that leaves a transaction in both databases; gives its id. */
async function crash(
  both: TwoDatabases,
  killAt: NonNullable<ChildTask["killAt"]>,
): Promise<string> {
  const { directory } = both;
  const urls = { orders: clusters.orders.url("orders"), billing: clusters.billing.url("billing") };
  await using child = new Child({ directory, ...urls, ids: ["crashed"], killAt });
  const transaction = await child.heard("transaction");
  assertEquals(await child.ended(), "SIGKILL");
  for (const cluster of Object.values(clusters)) {
    await using admin = connectAdmin(cluster);
    await untilGone(admin, "child");
  }
  return transaction;
}

/** Ways in which a session comes to have nothing to prepare. */
const NOTHING_TO_PREPARE: readonly (readonly [string, string])[] = [
  ["the transaction has failed", "SELECT 1 / 0"],
  ["no transaction is open", "ROLLBACK"],
];

for (const [how, statement] of NOTHING_TO_PREPARE) {
  Deno.test(`D26 PREPARE that did nothing looked like success when ${how}: here the others are not committed`, async () => {
    await using sql = connect(clusters.billing.url("billing"), "plain", { max: 1 });
    await sql`BEGIN; INSERT INTO entry VALUES ('x', 1)`.simple();
    await sql.unsafe(statement).simple().catch(() => {});
    // What the model saw: no error.
    const answer = await sql`PREPARE TRANSACTION 'nothing'`.simple();
    assertEquals(answer.command, "ROLLBACK");

    await using both = await TwoDatabases.connect(clusters);
    await using opened = await both.open();
    const error = await assertRejects(() =>
      opened.coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
        await orders`INSERT INTO entry VALUES ('x', 1)`;
        await billing`INSERT INTO entry VALUES ('x', 1)`;
        await billing.unsafe(statement).simple().catch(() => {});
      })
    );
    if (error instanceof HeuristicOutcomeError) {
      assertEquals(error.branches.map(({ participant }) => participant), ["billing"]);
    } else assertInstanceOf(error, TransactionAbortedError);
    await until("it is settled", () => opened.coordinator.unsettled === 0);
    await both.assertBoth();
  });
}

function heuristics({ events }: Opened): unknown[] {
  return events
    .filter((event) => event.type === "heuristic-outcome")
    .map(({ participant, outcome }) => [participant, outcome]);
}

Deno.test("D27 'no such name' right after a PREPARE counted as done: here somebody's roll-back is told, kept and told again", async () => {
  await using proxied = await ProxiedDatabases.connect(clusters);
  const { both } = proxied;
  const gate = new Gate();
  {
    await using opened = await proxied.open();
    proxied.proxies.billing.rule = first(/^COMMIT PREPARED/, { delay: gate });
    const writing = assertRejects(() => writeBoth(opened, "x"), HeuristicOutcomeError);
    await soon("COMMIT PREPARED is on its way", gate.reached);
    await until("orders has committed", async () => (await both.branches()).length === 1);
    const [gid = ""] = await both.branches();
    await both.clients.billing.unsafe(`ROLLBACK PREPARED '${gid}'`);
    gate.open();
    const error = await soon("the caller hears of it", writing);
    const [branch, ...others] = error.branches;
    assertEquals([branch?.participant, branch?.gid, branch?.outcome, others], [
      "billing",
      gid,
      "rolled back",
      [],
    ]);
    assertEquals(heuristics(opened), [["billing", "rolled back"]]);
  }
  assertEquals([await both.entries("orders"), await both.entries("billing")], [["x"], []]);
  for (let opening = 0; opening < 2; opening++) {
    await using again = await both.open();
    assertEquals(heuristics(again), [["billing", "rolled back"]], `opening ${opening}`);
    assertEquals(again.coordinator.recovery.committed, []);
    await writeBoth(again, `next ${opening}`);
  }
});

Deno.test("D27 'no such name' after a lost answer is told from that: here the database proves that it has committed", async () => {
  await using proxied = await ProxiedDatabases.connect(clusters);
  await using opened = await proxied.open();
  proxied.proxies.billing.rule = first(/^COMMIT PREPARED/, "cut after");
  await soon("the transaction ends", writeBoth(opened, "x"));
  await until("it is settled", () => opened.coordinator.unsettled === 0);
  assertEquals(heuristics(opened), []);
  await proxied.both.assertBoth("x");
});

Deno.test("D33 what no retry heals was retried for ever or dropped: here another role's branch is shown, kept, and ended by the right role", async () => {
  await using both = await TwoDatabases.connect(clusters);
  await using admin = connectAdmin(clusters.billing, "billing");
  await admin.unsafe("CREATE ROLE clerk; CREATE ROLE teller LOGIN SUPERUSER IN ROLE clerk");
  await using sql = connect(clusters.billing.url("billing", "teller"), "teller", { max: 2 });
  const participants = { orders: postgres(both.clients.orders), billing: postgres(sql) };
  let transaction = "";
  {
    await using opened = await both.open({ participants, settleTimeout: 500 });
    await opened.coordinator.transaction(["orders", "billing"], async (clients, { id }) => {
      transaction = id;
      await clients.orders`INSERT INTO entry VALUES ('x', 1)`;
      // What is prepared belongs to the role of that moment; the setting ends with PREPARE.
      await clients.billing`SET LOCAL ROLE clerk`;
      await clients.billing`INSERT INTO entry VALUES ('x', 1)`;
      // A superuser might have ended it.
      await admin`ALTER ROLE teller NOSUPERUSER`;
    });
    const stuck = opened.events.filter((event) => event.type === "branch-stuck");
    assertEquals(stuck.map(({ participant }) => participant), ["billing"]);
    assertEquals(sqlStateOf(stuck[0]?.error), "42501");
    assertEquals(opened.coordinator.unsettled, 1);
    // It keeps nobody from working.
    await writeBoth(opened, "y");
  }
  const refused = await assertRejects(
    () => both.open({ participants }),
    ParticipantConfigurationError,
  );
  assert(refused.message.includes('"clerk"'), refused.message);
  await using opened = await both.open();
  assertEquals(opened.coordinator.recovery.committed, [transaction]);
  await both.assertBoth("x", "y");
});

Deno.test("D33 what no retry heals is not begun: a branch that its participant's role could not end is not prepared", async () => {
  await using both = await TwoDatabases.connect(clusters);
  await using admin = connectAdmin(clusters.billing, "billing");
  await admin.unsafe('CREATE ROLE tenant; CREATE ROLE "it\'s \\ hers" LOGIN IN ROLE tenant');
  await using sql = connect(clusters.billing.url("billing"), "hers", {
    max: 2,
    user: "it's \\ hers",
  });
  const participants = { orders: postgres(both.clients.orders), billing: postgres(sql) };
  await using opened = await both.open({ participants });
  const write = (...statements: string[]) =>
    opened.coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
      await orders`INSERT INTO entry VALUES ('x', 1)`;
      for (const statement of statements) await billing.unsafe(statement);
    });
  const insert = "INSERT INTO entry VALUES ('x', 1)";
  const call = "DO $$ BEGIN INSERT INTO entry VALUES ('x', 1); END $$";
  // Known to have written and asked; in the transaction only, and for longer.
  for (const set of ["SET LOCAL ROLE tenant", "SET ROLE tenant"]) {
    for (const statement of [insert, call]) {
      const error = await assertRejects(() => write(set, statement), TransactionAbortedError);
      assert(error.message.includes('as role "tenant"'), error.message);
      assert(error.message.includes("RESET ROLE"), error.message);
      assertEquals([error.retryable, opened.coordinator.unsettled], [false, 0]);
      await both.assertBoth();
    }
  }
  await write("SET LOCAL ROLE tenant", insert, "RESET ROLE");
  await both.assertBoth("x");
  for (const [statements, count] of [[[insert], 2], [[call], 3]] as const) {
    await write(...statements);
    assertEquals((await both.entries("billing")).length, count);
  }
  // In one phase nothing has to be ended by somebody else.
  await opened.coordinator.transaction(["billing"], async ({ billing }) => {
    await billing`SET LOCAL ROLE tenant`;
    await billing.unsafe(insert);
  });
  assertEquals((await both.entries("billing")).length, 4);
});

Deno.test("D33 a gid of another database of the same server is not ended from here: it needs a person", async () => {
  await createDatabases(clusters.billing, "elsewhere");
  await using elsewhere = connectAdmin(clusters.billing, "elsewhere");
  const gid = "indoubt_somebody_1000000000001_9";
  await elsewhere.unsafe(`BEGIN; INSERT INTO entry VALUES ('x', 1); PREPARE TRANSACTION '${gid}'`);
  await using sql = connect(clusters.billing.url("billing"), "plain", { max: 1 });
  const participant = postgres(sql);
  for (const settle of [participant.commitPrepared, participant.rollbackPrepared]) {
    const answer = await settle(gid);
    assert(answer.kind === "operator", answer.kind);
    assertEquals(sqlStateOf(answer.error), "0A000");
  }
  assertEquals(await participant.listPrepared("indoubt_somebody_"), []);
  await elsewhere.unsafe(`ROLLBACK PREPARED '${gid}'`);
});

Deno.test("D40 a cleanup by prefix rolled back another node's transactions: here a coordinator ends its own and no other's", async () => {
  await using one = await TwoDatabases.connect(clusters);
  await using other = await TwoDatabases.connect(clusters);
  const transaction = await crash(one, "all-prepared");
  // The same number, in the same databases, at the same point: only the coordinator is another.
  assertEquals(await crash(other, "all-prepared"), transaction);
  const all = await one.branches();
  assertEquals(all.length, 4);

  await using opened = await other.open({ sweepInterval: 20 });
  assertEquals(opened.coordinator.recovery.rolledBack, [transaction]);
  const left = await one.branches();
  assert(left.every((gid) => !gid.includes(opened.coordinator.id)), String(left));
  assertEquals(left.length, 2);
  for (let round = 0; round < 20; round++) await writeBoth(opened, `${round}`);
  assertEquals((await one.branches()).sort(), left.sort());

  await using owner = await one.open();
  assertEquals(owner.coordinator.recovery.rolledBack, [transaction]);
  await one.assertNothingPrepared();
});
