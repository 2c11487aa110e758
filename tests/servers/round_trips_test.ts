/**
 * What a commit costs each server, as a proxy before it counts: one round trip for BEGIN, one for each
 * statement of the application, and two more: the question with PREPARE, and COMMIT PREPARED.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { Coordinator, type Participant } from "../../mod.ts";
import { nodePostgres } from "../../src/participants/postgresql/node_postgres.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import { PostgresCluster } from "./cluster.ts";
import { connect, createDatabases, type TestSql } from "./databases.ts";
import { type Client, makePool, type TestPool } from "./node_postgres.ts";
import { Proxy } from "./proxy/proxy.ts";

const NAMES = ["orders", "billing"] as const;

type Name = typeof NAMES[number];

let clusters: Record<Name, PostgresCluster>;

Deno.test.beforeAll(async () => {
  const [orders, billing] = await Promise.all(
    NAMES.map(() => PostgresCluster.start({ settings: { fsync: "off" } })),
  );
  clusters = { orders: orders!, billing: billing! };
  for (const name of NAMES) await createDatabases(clusters[name], name);
});

Deno.test.afterAll(async () => {
  for (const name of NAMES) await clusters[name][Symbol.asyncDispose]();
});

/** A command on its way to one of the servers. */
interface Command {
  readonly name: Name;
  readonly connection: number;
  readonly text: string;
}

/** A driver: how it makes a participant of an address, and how it runs a statement in a branch. */
interface Driver<Client, Pool extends AsyncDisposable> {
  connect(url: string): Pool;
  participant(pool: Pool): Participant<Client>;
  write(client: Client): PromiseLike<unknown>;
  read(client: Client): PromiseLike<unknown>;
}

const WRITE = "INSERT INTO entry VALUES ('a', 1)";
const READ = "SELECT count(*) FROM entry";

const postgresJs: Driver<Awaited<ReturnType<TestSql["reserve"]>>, TestSql> = {
  connect: (url) => connect(url, "counted", { max: 2 }),
  participant: (sql) => postgres(sql),
  write: (sql) => sql.unsafe(WRITE),
  read: (sql) => sql.unsafe(READ),
};

const nodePg: Driver<Client, TestPool> = {
  connect: (url) => makePool(url, "counted", { max: 2 }),
  participant: (pool) => nodePostgres(pool),
  write: (client) => client.query(WRITE),
  read: (client) => client.query(READ),
};

type Work<Client> = (clients: Readonly<Record<Name, Client>>) => Promise<void>;

/** Runs a transaction and gives the commands that its connection to each server carried. */
async function commandsOf<Client, Pool extends AsyncDisposable>(
  driver: Driver<Client, Pool>,
  work: Work<Client>,
): Promise<Record<Name, string[]>> {
  const directory = await Deno.makeTempDir({ prefix: "indoubt_round_trips_" });
  const commands: Command[] = [];
  await using orders = Proxy.start(() => clusters.orders.port);
  await using billing = Proxy.start(() => clusters.billing.port);
  const proxies = { orders, billing };
  {
    await using ordersPool = driver.connect(orders.through(clusters.orders.url("orders")));
    await using billingPool = driver.connect(billing.through(clusters.billing.url("billing")));
    await using coordinator = await Coordinator.open({
      directory,
      participants: {
        orders: driver.participant(ordersPool),
        billing: driver.participant(billingPool),
      },
    });
    // The first one connects, and has the driver fetch what it wants to know.
    await coordinator.transaction(NAMES, work);
    for (const name of NAMES) {
      proxies[name].rule = (command) => {
        commands.push({ name, ...command });
        return "pass";
      };
    }
    await coordinator.transaction(NAMES, work).catch((error) => {
      if (!(error instanceof Deno.errors.Interrupted)) throw error;
    });
    for (const name of NAMES) proxies[name].rule = () => "pass";
  }
  await Deno.remove(directory, { recursive: true });
  const textsOf = (name: Name) => {
    const own = commands.filter((command) => command.name === name);
    const begun = own.find(({ text }) => text.startsWith("BEGIN"));
    return own.filter(({ connection }) => connection === begun?.connection).map(({ text }) => text);
  };
  return { orders: textsOf("orders"), billing: textsOf("billing") };
}

/** Sees that the commands are these and no others, by how they begin and end. */
function assertCommands(commands: readonly string[], expected: readonly RegExp[]): void {
  assertEquals(commands.length, expected.length, commands.join("\n"));
  for (const [number, pattern] of expected.entries()) assertMatch(commands[number]!, pattern);
}

const BEGIN = /^BEGIN; SET LOCAL indoubt\.branch = '[^']+'$/;
const QUESTION = /^SELECT [^;]+$/;
const VOTE = /^SELECT [^;]+; PREPARE TRANSACTION '[^']+'$/;
const COMMIT_PREPARED = /^COMMIT PREPARED '[^']+'$/;

function roundTripTests<Client, Pool extends AsyncDisposable>(
  driverName: string,
  driver: Driver<Client, Pool>,
): void {
  Deno.test(`${driverName}: a commit costs two round trips after the statements`, async () => {
    const commands = await commandsOf(driver, async ({ orders, billing }) => {
      await driver.write(orders);
      await driver.write(billing);
    });
    for (const name of NAMES) {
      assertCommands(commands[name], [BEGIN, /^INSERT/, VOTE, COMMIT_PREPARED]);
    }
  });

  Deno.test(`${driverName}: a commit costs two round trips where only one wrote`, async () => {
    const commands = await commandsOf(driver, async ({ orders, billing }) => {
      await driver.write(orders);
      await driver.read(billing);
    });
    assertCommands(commands.orders, [BEGIN, /^INSERT/, QUESTION, /^COMMIT$/]);
    assertCommands(commands.billing, [BEGIN, /^SELECT count/, QUESTION, /^COMMIT$/]);
  });

  Deno.test(`${driverName}: a roll-back costs one round trip`, async () => {
    let rounds = 0;
    const commands = await commandsOf(driver, async ({ orders, billing }) => {
      await driver.write(orders);
      await driver.write(billing);
      if (++rounds === 2) throw new Deno.errors.Interrupted();
    });
    for (const name of NAMES) assertCommands(commands[name], [BEGIN, /^INSERT/, /^ROLLBACK$/]);
  });
}

roundTripTests("postgres.js", postgresJs);
roundTripTests("node-postgres", nodePg);
