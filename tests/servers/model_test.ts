/**
 * The integration scenarios with which pgdog's own crash recovery is tested (P73), for this
 * coordinator. Two of the four are elsewhere: SIGTERM in `sigterm_test.ts`, the second process in
 * `lock_test.ts`.
 */

import { assertEquals } from "@std/assert";
import { WalDecisionLog } from "../../src/coordinator/wal_decision_log.ts";
import { gidPrefix, makeGid } from "../../src/coordinator/gid.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import { denoPlatform } from "../../src/platform/platform.ts";
import { bothClusters } from "./both_clusters.ts";
import { Child } from "./child.ts";
import { connectAdmin, soon, until } from "./databases.ts";
import { ProxiedDatabases } from "./proxied_databases.ts";
import { Gate } from "./proxy/gate.ts";
import { first } from "./proxy/rules.ts";
import { type Name, TwoDatabases } from "./two_databases.ts";

const NAMES: readonly Name[] = ["orders", "billing"];

/** The model's specification: everything is gone after that time. */
const RECOVERY_MS = 30_000;

const clusters = bothClusters();

Deno.test("P73 SIGKILL while a PREPARE's answer is held back: prepared transactions are left, counted at the next start, gone within 30 s, and no row of them is there", async () => {
  await using proxied = await ProxiedDatabases.connect(clusters);
  const { both, proxies } = proxied;
  const gate = new Gate();
  proxies.billing.rule = first(/PREPARE TRANSACTION/, { hold: gate });
  const { directory } = both;
  const urls = { orders: proxied.url("orders"), billing: proxied.url("billing") };
  await using child = new Child({ directory, ...urls, ids: ["x"] });
  const transaction = await child.heard("transaction");
  await soon("the answer is held back", gate.reached);
  await until("both are prepared", async () => (await both.branches()).length === 2);
  await child.kill();
  gate.open();

  await using opened = await both.open();
  assertEquals(opened.coordinator.recovery.rolledBack, [transaction]);
  await until("all are gone", async () => (await both.branches()).length === 0, RECOVERY_MS);
  await both.assertBoth();
});

Deno.test("P73 a Begin and a decision in the log, and prepared transactions in the databases: they are committed at the next start", async () => {
  await using both = await TwoDatabases.connect(clusters);
  // Written by hand, as if by a process that did nothing else.
  const txn = 1_000_000_000_042n;
  const log = await WalDecisionLog.open(both.directory, denoPlatform, 100);
  try {
    const branches = [];
    for (const [index, name] of NAMES.entries()) {
      const participant = postgres(both.clients[name]);
      const { identity } = await participant.check(gidPrefix(log.coordinator));
      await log.register({ name, kind: participant.kind, identity });
      const gid = makeGid(gidPrefix(log.coordinator), String(txn), index);
      await using admin = connectAdmin(clusters[name], name);
      await admin.unsafe("BEGIN; INSERT INTO entry VALUES ('x', 1)");
      const [row] = await admin`SELECT pg_current_xact_id()::text AS token`;
      await admin.unsafe(`PREPARE TRANSACTION '${gid}'`);
      branches.push({ participant: name, gid, token: row?.token as string });
    }
    await log.begin(txn, branches);
    await log.decide(txn, branches);
  } finally {
    await log.close();
  }
  assertEquals((await both.branches()).length, 2);
  await using opened = await both.open();
  assertEquals(opened.coordinator.recovery.committed, [String(txn)]);
  await both.assertBoth("x");
});
