/**
 * The recipes for Kysely and Drizzle: a transaction over two databases commits in both or in neither, and a
 * query builder kept after the end of its branch is of no use.
 */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { integer, pgTable, text } from "drizzle-orm/pg-core";
import { eq, sql as drizzleSql } from "drizzle-orm";
import { sql as kyselySql } from "kysely";
import { Coordinator, type Participant } from "../../mod.ts";
import { drizzleOn, drizzleOnPostgresJs } from "../../examples/recipes/drizzle.ts";
import { kyselyOn } from "../../examples/recipes/kysely.ts";
import { nodePostgres } from "../../src/participants/postgresql/node_postgres.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import { PostgresCluster } from "./cluster.ts";
import { connect, connectAdmin, createDatabases, preparedGids } from "./databases.ts";
import { makePool } from "./node_postgres.ts";

const NAMES = ["north", "south"] as const;

/** The tables, for Kysely. */
interface Tables {
  entry: { id: string; value: number };
}

/** The table, for Drizzle. */
const entry = pgTable("entry", { id: text(), value: integer() });

let cluster: PostgresCluster;

Deno.test.beforeAll(async () => {
  cluster = await PostgresCluster.start({ settings: { fsync: "off" } });
  await createDatabases(cluster, ...NAMES);
});

Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

/** What a recipe is used for in these tests. */
interface Work {
  insert(id: string): Promise<unknown>;
  update(id: string, value: number): Promise<unknown>;
  read(): Promise<{ id: string | null; value: number | null }[]>;
  fail(): Promise<unknown>;
  nested(): Promise<unknown>;
}

function kyselyWork(client: Parameters<typeof kyselyOn>[0]): Work {
  const db = kyselyOn<Tables>(client);
  return {
    insert: (id) => db.insertInto("entry").values({ id, value: 1 }).execute(),
    update: (id, value) => db.updateTable("entry").set({ value }).where("id", "=", id).execute(),
    read: () => db.selectFrom("entry").selectAll().orderBy("id").execute(),
    fail: () => kyselySql`SELECT 1 / 0`.execute(db),
    nested: () => db.transaction().execute((inner) => inner.selectFrom("entry").execute()),
  };
}

function drizzleWork(
  db: ReturnType<typeof drizzleOn> | ReturnType<typeof drizzleOnPostgresJs>,
): Work {
  return {
    insert: async (id) => await db.insert(entry).values({ id, value: 1 }),
    update: async (id, value) => await db.update(entry).set({ value }).where(eq(entry.id, id)),
    read: async () => await db.select().from(entry).orderBy(entry.id),
    fail: async () => await db.execute(drizzleSql`SELECT 1 / 0`),
    nested: async () => await db.transaction((inner) => inner.select().from(entry)),
  };
}

/** Two databases through one driver and one query builder. */
interface Kitchen<Client> extends AsyncDisposable {
  readonly participants: Readonly<Record<typeof NAMES[number], Participant<Client>>>;
  work(name: typeof NAMES[number], client: Client): Work;
}

function onNodePostgres(work: (client: Parameters<typeof drizzleOn>[0]) => Work) {
  const pools = NAMES.map((name) => makePool(cluster.url(name), "recipes"));
  return {
    participants: { north: nodePostgres(pools[0]!), south: nodePostgres(pools[1]!) },
    work: (_: string, client: Parameters<typeof drizzleOn>[0]) => work(client),
    [Symbol.asyncDispose]: async () => {
      for (const pool of pools) await pool.end();
    },
  };
}

function onPostgresJs() {
  const clients = {
    north: connect(cluster.url("north"), "recipes"),
    south: connect(cluster.url("south"), "recipes"),
  };
  return {
    participants: { north: postgres(clients.north), south: postgres(clients.south) },
    work: (name: typeof NAMES[number], reserved: Parameters<typeof drizzleOnPostgresJs>[1]) =>
      drizzleWork(drizzleOnPostgresJs(clients[name], reserved)),
    [Symbol.asyncDispose]: async () => {
      for (const name of NAMES) await clients[name][Symbol.asyncDispose]();
    },
  };
}

function recipeTests<Client>(name: string, open: () => Kitchen<Client>): void {
  function recipeTest(
    behaviour: string,
    body: (
      coordinator: Coordinator<Kitchen<Client>["participants"]>,
      kitchen: Kitchen<Client>,
    ) => Promise<void>,
  ): void {
    Deno.test(`${name}: ${behaviour}`, async () => {
      const directory = await Deno.makeTempDir({ prefix: "indoubt_recipes_" });
      {
        await using kitchen = open();
        for (const database of NAMES) {
          await using admin = connectAdmin(cluster, database);
          await admin`TRUNCATE entry`;
        }
        await using coordinator = await Coordinator.open({
          directory,
          participants: kitchen.participants,
        });
        await body(coordinator, kitchen);
      }
      await Deno.remove(directory, { recursive: true });
    });
  }

  recipeTest("a transaction commits in both databases", async (coordinator, kitchen) => {
    await coordinator.transaction(NAMES, async (clients) => {
      for (const database of NAMES) {
        const work = kitchen.work(database, clients[database]);
        await work.insert("a");
        await work.update("a", 7);
        assertEquals(await work.read(), [{ id: "a", value: 7 }]);
      }
    });
    await assertEntries(["a"]);
  });

  recipeTest("a transaction is rolled back in both databases", async (coordinator, kitchen) => {
    const error = await assertRejects(() =>
      coordinator.transaction(NAMES, async (clients) => {
        await kitchen.work("north", clients.north).insert("a");
        await kitchen.work("south", clients.south).insert("a");
        await kitchen.work("south", clients.south).fail();
      })
    );
    assertStringIncludes(String((error as Error).cause ?? error), "division by zero");
    await assertEntries([]);
  });

  recipeTest("what is kept after the end is refused", async (coordinator, kitchen) => {
    const kept: Work[] = [];
    await coordinator.transaction(NAMES, async (clients) => {
      for (const database of NAMES) {
        kept.push(kitchen.work(database, clients[database]));
        await kept.at(-1)!.insert("a");
      }
    });
    for (const work of kept) {
      const error = await assertRejects(() => work.insert("late"));
      const cause = (error as Error).cause ?? error;
      assertStringIncludes(String(cause), "Cannot use this client: its branch has ended");
    }
    await assertEntries(["a"]);
  });

  recipeTest(
    "a transaction of the query builder's own is refused",
    async (coordinator, kitchen) => {
      await coordinator.transaction(NAMES, async (clients) => {
        for (const database of NAMES) {
          const work = kitchen.work(database, clients[database]);
          await work.insert("a");
          await assertRejects(
            async () => await work.nested(),
            TypeError,
            "Cannot begin a transaction",
          );
        }
      });
      await assertEntries(["a"]);
    },
  );
}

/** Sees that both databases hold these entries, and nothing prepared. */
async function assertEntries(ids: string[]): Promise<void> {
  for (const database of NAMES) {
    await using admin = connectAdmin(cluster, database);
    assertEquals((await admin`SELECT id FROM entry ORDER BY id`).map(({ id }) => id), ids);
    assertEquals(await preparedGids(admin), []);
  }
}

recipeTests("Kysely on node-postgres", () => onNodePostgres(kyselyWork));
recipeTests(
  "Drizzle on node-postgres",
  () => onNodePostgres((client) => drizzleWork(drizzleOn(client))),
);
recipeTests("Drizzle on postgres.js", onPostgresJs);
