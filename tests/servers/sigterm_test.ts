/**
 * The example that ends in order on SIGTERM, asked to in the middle of phase two: the caller still
 * gets its answer; at a deadline, or at a second signal, the rest is left to the next start, which
 * settles it.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { PostgresCluster } from "./cluster.ts";
import { connectAdmin, createDatabases, soon } from "./databases.ts";
import { ProxiedDatabases } from "./proxied_databases.ts";
import { Gate } from "./proxy/gate.ts";
import { first } from "./proxy/rules.ts";
import { Service } from "./sigterm_service.ts";
import type { Name } from "./two_databases.ts";

let clusters: Record<Name, PostgresCluster>;

Deno.test.beforeAll(async () => {
  const cluster = await PostgresCluster.start({ settings: { fsync: "off" } });
  clusters = { orders: cluster, billing: cluster };
  await createDatabases(cluster, "orders", "billing");
  await using orders = connectAdmin(cluster, "orders");
  await orders`CREATE TABLE orders (sku text)`;
  await using billing = connectAdmin(cluster, "billing");
  await billing`CREATE TABLE charges (sku text, cents int)`;
});

Deno.test.afterAll(() => clusters.orders[Symbol.asyncDispose]());

interface Subject {
  readonly service: Service;
  readonly proxied: ProxiedDatabases;
  /** Holds back the order's COMMIT PREPARED in "billing". */
  readonly gate: Gate;
  /** What the caller of the order gets. */
  readonly answer: Promise<string>;
}

function sigtermTest(
  behaviour: string,
  closeTimeout: number,
  body: (subject: Subject) => Promise<void>,
): void {
  Deno.test(`The SIGTERM example ${behaviour}`, async () => {
    await using proxied = await ProxiedDatabases.connect(clusters);
    const { both } = proxied;
    await both.clients.orders`TRUNCATE orders`;
    await both.clients.billing`TRUNCATE charges`;
    const gate = new Gate();
    proxied.proxies.billing.rule = first(/^COMMIT PREPARED/, { delay: gate });
    await using service = await Service.start({
      ORDERS_URL: proxied.url("orders"),
      BILLING_URL: proxied.url("billing"),
      LOG_DIRECTORY: both.directory,
      CLOSE_TIMEOUT: String(closeTimeout),
    });
    const answer = service.order("A1");
    answer.catch(() => {}); // Looked at by the test.
    await soon("phase two has begun", gate.reached);
    service.signal();
    await service.heard("draining");
    await body({ service, proxied, gate, answer });
    gate.open();
    // Whatever was left, the next start ends.
    await using opened = await both.open();
    assertEquals(opened.coordinator.unsettled, 0);
    assertEquals((await both.clients.orders`SELECT sku FROM orders`).length, 1);
    assertEquals((await both.clients.billing`SELECT sku FROM charges`).length, 1);
    await both.assertNothingPrepared();
  });
}

Deno.test("P73 SIGTERM after a transaction has ended leaves the next start nothing to recover", async () => {
  await using proxied = await ProxiedDatabases.connect(clusters);
  const { both } = proxied;
  {
    await using service = await Service.start({
      ORDERS_URL: proxied.url("orders"),
      BILLING_URL: proxied.url("billing"),
      LOG_DIRECTORY: both.directory,
    });
    assertEquals(await service.order("A1"), "ordered\n");
    service.signal();
    assertEquals(await service.heard("left to the next start: "), "0 running, 0 in doubt");
    assertEquals(await service.ended(), 0);
  }
  await using opened = await both.open();
  const { committed, rolledBack, pending } = opened.coordinator.recovery;
  assertEquals([committed, rolledBack, pending], [[], [], []]);
  await both.assertNothingPrepared();
});

sigtermTest("lets what is under way end, and answers it", 10_000, async (subject) => {
  const { service, gate, answer } = subject;
  await assertRejects(() => service.order("B2"), Error);
  gate.open();
  assertEquals(await soon("the answer", answer), "ordered\n");
  assertEquals(await service.heard("left to the next start: "), "0 running, 0 in doubt");
  assertEquals(await service.ended(), 0);
});

sigtermTest("leaves what hangs to the next start at its deadline", 300, async (subject) => {
  const { service, answer } = subject;
  assertEquals(await service.heard("left to the next start: "), "1 running, 1 in doubt");
  assertEquals(await service.ended(), 0);
  await assertRejects(() => answer);
});

sigtermTest("ends at once on the second signal", 20_000, async ({ service, answer }) => {
  const begun = performance.now();
  service.signal();
  assertEquals(await service.ended(), 143);
  assert(performance.now() - begun < 10_000, "it waited for its deadline");
  await assertRejects(() => answer);
});
