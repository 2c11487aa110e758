/** A log directory has one owner at a time, and a dead owner does not count. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { LogLockedError } from "../../mod.ts";
import { Child } from "./child.ts";
import { PostgresCluster } from "./cluster.ts";
import { createDatabases } from "./databases.ts";
import { TwoDatabases, writeBoth } from "./two_databases.ts";

let cluster: PostgresCluster;

Deno.test.beforeAll(async () => {
  cluster = await PostgresCluster.start({ settings: { fsync: "off" } });
  await createDatabases(cluster, "orders", "billing");
});

Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

Deno.test("P73 a second process is refused at once while another has the directory", async () => {
  await using both = await TwoDatabases.connect({ orders: cluster, billing: cluster });
  const { directory } = both;
  const urls = { orders: cluster.url("orders"), billing: cluster.url("billing") };
  const before = Date.now();
  await using child = new Child({ directory, ...urls, ids: ["child"] });
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
