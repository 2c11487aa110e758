/**
 * One transaction over PostgreSQL and MariaDB: in both or in neither, also when MariaDB or the
 * coordinator goes away at any point; and what somebody did to a branch by hand comes to light.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Pool } from "mysql2/promise";
import {
  Coordinator,
  type CoordinatorEvent,
  type CoordinatorOptions,
  HeuristicOutcomeError,
  PROTOCOL_POINTS,
  type ProtocolPoint,
  TransactionAbortedError,
} from "../../mod.ts";
import { mysql, type MysqlOptions } from "../../src/participants/mysql/mysql.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import { preparedGids, type TestSql, until } from "./databases.ts";
import { brand } from "./brand.ts";
import type { MariadbChildTask } from "./mariadb_child.ts";
import { connectPool, firstColumn, rollBackAll, runApart } from "./mariadb_databases.ts";
import { type Mixed, MixedServers, OUTCOMES } from "./mariadb_mixed.ts";

const servers = new MixedServers();

interface Opened extends AsyncDisposable {
  readonly coordinator: Coordinator<Mixed>;
  readonly events: readonly CoordinatorEvent[];
  readonly points: readonly ProtocolPoint[];
}

/** Both databases, emptied, and a log directory. */
class Databases implements AsyncDisposable {
  readonly sql: TestSql;
  readonly pool: Pool;
  readonly directory: string;

  private constructor(sql: TestSql, pool: Pool, directory: string) {
    this.sql = sql;
    this.pool = pool;
    this.directory = directory;
  }

  static async connect(): Promise<Databases> {
    const sql = servers.orders();
    const pool = servers.billing();
    await sql`TRUNCATE entry`;
    await rollBackAll(pool);
    await pool.query("TRUNCATE entry");
    return new Databases(sql, pool, await Deno.makeTempDir({ prefix: "indoubt_mixed_test_" }));
  }

  async open(
    options: Partial<CoordinatorOptions<Mixed>> = {},
    proof: MysqlOptions = {},
  ): Promise<Opened> {
    const events: CoordinatorEvent[] = [];
    const points: ProtocolPoint[] = [];
    const coordinator = await Coordinator.open<Mixed>({
      directory: this.directory,
      participants: { orders: postgres(this.sql), billing: mysql(this.pool, proof) },
      settleTimeout: 500,
      closeTimeout: 500,
      ...options,
      onEvent: (event) => events.push(event),
      onProtocolPoint: (point, id) => {
        points.push(point);
        options.onProtocolPoint?.(point, id);
      },
    });
    return {
      coordinator,
      events,
      points,
      [Symbol.asyncDispose]: () => coordinator[Symbol.asyncDispose](),
    };
  }

  /** Sees that both databases hold these entries and no others, and nothing prepared. */
  async assertBoth(...expected: string[]): Promise<void> {
    const rows = await this.sql`SELECT id FROM entry ORDER BY id`;
    assertEquals(rows.map(({ id }) => id), expected);
    assertEquals(await firstColumn(this.pool, "SELECT id FROM entry ORDER BY id"), expected);
    assertEquals(await preparedGids(this.sql), []);
    assertEquals(await brand.preparedXids(this.pool), []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sql[Symbol.asyncDispose]();
    await this.pool.end();
    await Deno.remove(this.directory, { recursive: true });
  }
}

async function writeBoth({ coordinator }: Opened, id: string, retry = 0): Promise<void> {
  await coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
    await orders`INSERT INTO entry VALUES (${id}, 1)`;
    await billing.execute("INSERT INTO entry VALUES (?)", [id]);
  }, { retry });
}

async function untilSettled({ coordinator }: Opened): Promise<void> {
  await until("every branch is settled", () => coordinator.unsettled === 0, 40_000);
}

Deno.test(`PostgreSQL and ${brand.name} commit together, or not at all`, async () => {
  await using databases = await Databases.connect();
  await using opened = await databases.open();
  await writeBoth(opened, "x");
  assertEquals(opened.points, PROTOCOL_POINTS);
  await databases.assertBoth("x");
  // The key is there already.
  await assertRejects(() => writeBoth(opened, "x"));
  const failure = new Error("changed my mind");
  const thrown = await assertRejects(() =>
    opened.coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
      await orders`INSERT INTO entry VALUES ('y', 1)`;
      await billing.query("INSERT INTO entry VALUES ('y')");
      throw failure;
    })
  );
  assertEquals(thrown, failure);
  await databases.assertBoth("x");
});

Deno.test(`a ${brand.name} that was only read has no part in the vote`, async () => {
  await using databases = await Databases.connect();
  await using opened = await databases.open();
  await opened.coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
    await billing.query("SELECT id FROM entry");
    await orders`INSERT INTO entry VALUES ('x', 1)`;
  });
  assertEquals(opened.points, []);
  assertEquals((await databases.sql`SELECT id FROM entry`).length, 1);
});

Deno.test(`many transactions over PostgreSQL and ${brand.name} at once`, async () => {
  await using databases = await Databases.connect();
  await using opened = await databases.open({ maxConcurrentTransactions: 3 }, {
    outcomeTable: OUTCOMES,
  });
  const ids = Array.from({ length: 40 }, (_, index) => `id ${String(index).padStart(2, "0")}`);
  await Promise.all(ids.map((id) => writeBoth(opened, id)));
  await databases.assertBoth(...ids);
});

for (const point of PROTOCOL_POINTS) {
  Deno.test(`PostgreSQL and ${brand.name} agree after ${brand.name} was killed at ${point}`, async () => {
    await using databases = await Databases.connect();
    let killing: Promise<void> | undefined;
    await using opened = await databases.open({
      // Its first part runs at once: the server does nothing after this line.
      onProtocolPoint: (reached) => {
        if (reached === point) killing ??= servers.server.kill();
      },
    }, { outcomeTable: OUTCOMES });
    const outcome = await writeBoth(opened, "x").then(() => "committed", (error) => error);
    await killing;
    await servers.server.start();
    await untilSettled(opened);
    if (outcome === "committed") await databases.assertBoth("x");
    else {
      assert(outcome instanceof TransactionAbortedError, String(outcome));
      assertEquals(outcome.retryable, true);
      assertEquals(point, "first-prepared");
      await databases.assertBoth();
    }
    assertEquals(opened.events.filter(({ type }) => type === "heuristic-outcome"), []);
    // A check may have found that it cannot be reached; the next one is tried later.
    await writeBoth(opened, "y", 8);
  });
}

/** Kills the process of a coordinator at a point of its transaction. */
async function crash(
  { directory }: Databases,
  killAt: MariadbChildTask["killAt"],
  proof: MysqlOptions,
): Promise<void> {
  const task: MariadbChildTask = {
    directory,
    orders: servers.cluster.url("orders"),
    billing: servers.server.options("billing"),
    proof,
    id: "x",
    killAt,
  };
  const program = new URL("./mariadb_child.ts", import.meta.url).pathname;
  const { signal } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", program, JSON.stringify(task)],
  }).output();
  assertEquals(signal, "SIGKILL");
}

const DECIDED: readonly string[] = ["decided", "first-committed", "all-committed"];

for (const proof of [{}, { outcomeTable: OUTCOMES }]) {
  const how = proof.outcomeTable === undefined ? "without" : "with";
  for (const point of ["written", ...PROTOCOL_POINTS] as const) {
    Deno.test(`the coordinator is killed at ${point}, ${how} an outcome table`, async () => {
      await using databases = await Databases.connect();
      await crash(databases, point, proof);
      // A PREPARE that was on its way at the end may arrive after the first sweep.
      await using opened = await databases.open({ sweepInterval: 250 }, proof);
      await untilSettled(opened);
      // What was not even begun to be prepared is rolled back by the servers, when they hear of the end.
      await until(
        "nothing is locked",
        async () => {
          // The server answers out of a cache, and makes that anew only if nobody has asked for 0.1 s.
          await new Promise((resolve) => setTimeout(resolve, 150));
          const open = "SELECT COUNT(*) FROM information_schema.INNODB_TRX";
          return (await firstColumn(databases.pool, open)).includes("0");
        },
      );
      await databases.assertBoth(...(DECIDED.includes(point) ? ["x"] : []));
      assertEquals(opened.events.filter(({ type }) => type === "heuristic-outcome"), []);
      await writeBoth(opened, "y");
    });
  }
}

/** Leaves a decided branch prepared in MariaDB, whose server was killed right after the decision. */
async function leaveDecided(databases: Databases, proof: MysqlOptions): Promise<string> {
  let killing: Promise<void> | undefined;
  await using opened = await databases.open({
    onProtocolPoint: (reached) => {
      if (reached === "decided") killing ??= servers.server.kill();
    },
  }, proof);
  await writeBoth(opened, "x");
  await killing;
  await opened.coordinator.close();
  await servers.server.start();
  const [xid, ...others] = await brand.preparedXids(databases.pool);
  assertEquals(others, []);
  assert(xid !== undefined);
  return xid;
}

Deno.test(`a decided branch in ${brand.name} is committed by the coordinator's next opening`, async () => {
  await using databases = await Databases.connect();
  await leaveDecided(databases, {});
  await using opened = await databases.open();
  await untilSettled(opened);
  await databases.assertBoth("x");
});

/** What a person does to the branch, with and without proof, and what the coordinator then says. */
const BY_HAND: readonly (readonly [verb: string, proof: MysqlOptions, heuristics: number])[] = [
  ["COMMIT", { outcomeTable: OUTCOMES }, 0],
  ["ROLLBACK", { outcomeTable: OUTCOMES }, 1],
  ["COMMIT", {}, 0],
  // Nobody can tell, and a decided branch that is gone counts as committed: documented.
  ["ROLLBACK", {}, 0],
];

for (const [verb, proof, heuristics] of BY_HAND) {
  const how = proof.outcomeTable === undefined ? "without" : "with";
  Deno.test(`${verb} by hand in ${brand.name}, ${how} an outcome table`, async () => {
    await using databases = await Databases.connect();
    const xid = await leaveDecided(databases, proof);
    await databases.pool.query(`XA ${verb} ${xid}`);
    await using opened = await databases.open({}, proof);
    const found = () =>
      opened.events.filter(({ type }) => type === "heuristic-outcome" || type === "branch-settled");
    await until(
      "the branch is looked at",
      () => found().some((one) => "participant" in one && one.participant === "billing"),
    );
    assertEquals(
      opened.events.filter(({ type }) => type === "heuristic-outcome").length,
      heuristics,
    );
  });
}

Deno.test(`a branch of ${brand.name} that the application ends by hand is heuristic`, async () => {
  await using databases = await Databases.connect();
  await using opened = await databases.open();
  await using transaction = await opened.coordinator.begin(["orders", "billing"]);
  const { orders, billing } = transaction.clients;
  await orders`INSERT INTO entry VALUES ('x', 1)`;
  await billing.query("INSERT INTO entry VALUES ('x')");
  const xid = `'indoubt_${opened.coordinator.id}_${transaction.id}_1','',${0x696e6474}`;
  await billing.query(`XA END ${xid}`);
  await billing.query(`XA ROLLBACK ${xid}`);
  await assertRejects(() => transaction.commit(), HeuristicOutcomeError);
  await databases.assertBoth();
});

Deno.test(`two databases of one ${brand.name} server take part in one transaction`, async () => {
  await using databases = await Databases.connect();
  const { pool } = databases;
  await pool.query("DROP DATABASE IF EXISTS shop");
  await pool.query("CREATE DATABASE shop");
  await pool.query("CREATE TABLE shop.entry (id varchar(20)) ENGINE = InnoDB");
  await using shopPool = connectPool(servers.server, "shop");
  const events: CoordinatorEvent[] = [];
  await using coordinator = await Coordinator.open({
    directory: databases.directory,
    participants: { billing: mysql(pool), shop: mysql(shopPool) },
    sweepInterval: 100,
    onEvent: (event) => events.push(event),
  });
  await coordinator.transaction(["billing", "shop"], async ({ billing, shop }) => {
    await billing.query("INSERT INTO entry VALUES ('x')");
    await shop.query("INSERT INTO entry VALUES ('x')");
  });
  for (const one of [pool, shopPool]) {
    assertEquals(await firstColumn(one, "SELECT id FROM entry"), ["x"]);
  }
  // Both list the branches that a transaction has left behind: each is rolled back all the same.
  const transaction = await coordinator.begin(["billing", "shop"]);
  await transaction.rollback();
  for (const branch of [0, 1]) {
    const xid = `'indoubt_${coordinator.id}_${transaction.id}_${branch}','',${0x696e6474}`;
    const insert = "INSERT INTO entry VALUES ('left')";
    await runApart(pool, `XA START ${xid}; ${insert}; XA END ${xid}; XA PREPARE ${xid}`);
  }
  await until("nothing is prepared", async () => (await brand.preparedXids(pool)).length === 0);
  await until("all is settled", () => coordinator.unsettled === 0);
  assertEquals(await firstColumn(pool, "SELECT id FROM entry"), ["x"]);
  assertEquals(events.filter(({ type }) => type === "heuristic-outcome"), []);
});
