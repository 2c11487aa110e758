/**
 * The example that ends in order on SIGTERM, asked to in the middle of phase two: the caller still
 * gets its answer; at a deadline, or at a second signal, the rest is left to the next start, which
 * settles it.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { readLines } from "../../examples/demo/lines.ts";
import { PostgresCluster } from "./cluster.ts";
import { connectAdmin, createDatabases, soon } from "./databases.ts";
import { ProxiedDatabases } from "./proxied_databases.ts";
import { Gate } from "./proxy/gate.ts";
import { first } from "./proxy/rules.ts";
import type { Name } from "./two_databases.ts";

const PROGRAM = new URL("../../examples/sigterm/main.ts", import.meta.url).pathname;

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

/** The example's process. */
class Service implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: AsyncGenerator<string>;
  #port = 0;

  private constructor(env: Record<string, string>) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", PROGRAM],
      env: { ...env, PORT: "0", NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = readLines(this.#process.stdout);
  }

  static async start(env: Record<string, string>): Promise<Service> {
    const service = new Service(env);
    service.#port = Number(await service.heard("listening on "));
    return service;
  }

  /** Waits until it says a line that begins like this; gives the rest of the line. */
  async heard(beginning: string): Promise<string> {
    while (true) {
      const { value, done } = await soon(`it says "${beginning}"`, this.#lines.next(), 30_000);
      if (done) throw new Error(`The service ended before "${beginning}"`);
      if (value.startsWith(beginning)) return value.slice(beginning.length);
    }
  }

  async order(sku: string): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/${sku}`, { method: "POST" });
    return await response.text();
  }

  signal(): void {
    this.#process.kill("SIGTERM");
  }

  async ended(): Promise<number> {
    return (await soon("it ends", this.#process.status, 30_000)).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    for await (const _ of this.#lines);
    await this.#process.status;
  }
}

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
