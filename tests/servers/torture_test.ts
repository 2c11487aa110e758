/**
 * Some rounds of the torture: concurrent transactions while connections, servers and the coordinator
 * itself fail again and again. Afterwards all counts agree. `deno task torture` runs it for longer.
 */

import { assert } from "@std/assert";
import { PostgresCluster } from "./cluster.ts";
import { MariadbServer } from "./mariadb_server.ts";
import type { TortureDatabases } from "./torture/databases.ts";
import { mixedDatabases } from "./torture/mixed_databases.ts";
import { postgresqlDatabases } from "./torture/postgresql_databases.ts";
import { torture } from "./torture/torture.ts";

/** For how long new rounds are begun. */
const DURATION_MS = 25_000;

const SETTINGS = { fsync: "off" };

async function run(databases: TortureDatabases): Promise<void> {
  const given = Deno.env.get("INDOUBT_SEED");
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  const lines = [`INDOUBT_SEED=${seed}`];
  try {
    const account = await torture({
      databases,
      seed,
      duration: DURATION_MS,
      say: (line) => lines.push(line),
    });
    const { committed, aborted } = account.summary;
    assert(committed > 100 && aborted > 0, JSON.stringify(account.summary));
    console.log(`INDOUBT_SEED=${seed}: ${JSON.stringify(account.summary)}`);
  } catch (error) {
    throw new Error(lines.join("\n"), { cause: error });
  }
}

Deno.test("Coordinator.transaction() keeps all counts alike on PostgreSQL, whatever fails", async () => {
  await using orders = await PostgresCluster.start({ settings: SETTINGS });
  await using billing = await PostgresCluster.start({ settings: SETTINGS });
  await using databases = await postgresqlDatabases({ orders, billing });
  await run(databases);
});

Deno.test("Coordinator.transaction() keeps all counts alike on PostgreSQL and MariaDB, whatever fails", async () => {
  await using orders = await PostgresCluster.start({ settings: SETTINGS });
  await using billing = await MariadbServer.start();
  await using databases = await mixedDatabases({ orders, billing });
  await run(databases);
});
