/**
 * A transaction over PostgreSQL and MariaDB whose connection to MariaDB is cut at every single
 * command, once before the server gets it and once after it has carried it out. Whatever the
 * command: what the caller hears and what both databases hold agree, and nothing stays in doubt.
 */

import { assert, assertEquals } from "@std/assert";
import { Coordinator, TransactionAbortedError } from "../../mod.ts";
import { mysql } from "../../src/participants/mysql/mysql.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import { preparedGids, soon, type TestSql, until } from "./databases.ts";
import { brand } from "./brand.ts";
import { connectPool, firstColumn, type TestPool } from "./mariadb_databases.ts";
import { type Mixed, MixedServers, OUTCOMES } from "./mariadb_mixed.ts";
import { MysqlWire } from "./proxy/mysql_wire.ts";
import { Proxy } from "./proxy/proxy.ts";
import { NthCommand } from "./proxy/rules.ts";

/** More commands than a transaction has. */
const MAX_COMMANDS = 50;

const servers = new MixedServers();

async function write(coordinator: Coordinator<Mixed>, id: string): Promise<void> {
  await coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
    await orders`INSERT INTO entry VALUES (${id}, 1)`;
    await billing.query("INSERT INTO entry VALUES (?)", [id]);
  });
}

/** Both databases, past the proxy. */
interface Direct {
  readonly sql: TestSql;
  readonly pool: TestPool;
}

/** Sees that both hold the same entries, and nothing prepared; gives the entries. */
async function agreed({ sql, pool }: Direct): Promise<string[]> {
  const rows = await sql`SELECT id FROM entry ORDER BY id`;
  const entries = await firstColumn(pool, "SELECT id FROM entry ORDER BY id");
  assertEquals(rows.map(({ id }) => id as string), entries);
  assertEquals([await preparedGids(sql), await brand.preparedXids(pool)], [[], []]);
  return entries;
}

/** What the caller hears; statements of its own fail with the driver's error. */
async function outcomeOf(writing: Promise<void>): Promise<"committed" | "aborted"> {
  try {
    await soon("the transaction ends", writing);
    return "committed";
  } catch (error) {
    const failed = error instanceof TransactionAbortedError || (error as { code?: unknown }).code;
    assert(failed, String(error));
    return "aborted";
  }
}

for (const way of ["cut before", "cut after"] as const) {
  Deno.test(`PostgreSQL and ${brand.name} agree, each command of ${brand.name} ${way}`, async () => {
    await using proxy = Proxy.start(() => servers.server.port, () => new MysqlWire());
    await using sql = servers.orders();
    await using direct = servers.billing();
    const seen: string[] = [];
    for (let nth = 1, cut; nth === 1 || cut?.done; nth++) {
      assert(nth < MAX_COMMANDS, seen.join("\n"));
      await sql`TRUNCATE entry`;
      await direct.query("TRUNCATE entry");
      await using proxied = connectPool(servers.server, "billing", { port: proxy.port });
      const directory = await Deno.makeTempDir({ prefix: "indoubt_mixed_test_" });
      try {
        await using coordinator = await Coordinator.open<Mixed>({
          directory,
          participants: {
            orders: postgres(sql),
            billing: mysql(proxied, { outcomeTable: OUTCOMES }),
          },
          settleTimeout: 2000,
          sweepInterval: 200,
          onEvent: (event) => assert(event.type !== "heuristic-outcome", JSON.stringify(event)),
        });
        cut = new NthCommand(nth, way);
        proxy.rule = cut.rule;
        const outcome = await outcomeOf(write(coordinator, "cut"));
        proxy.rule = () => "pass";
        await until("it is settled", () => coordinator.unsettled === 0);
        await until(
          "nothing is prepared",
          async () => (await brand.preparedXids(direct)).length === 0,
        );
        const entries = await agreed({ sql, pool: direct });
        const command = cut.texts[nth - 1];
        assertEquals(entries, outcome === "committed" ? ["cut"] : [], command);
        if (command === undefined) assertEquals(outcome, "committed", "it was not cut");
        else seen.push(command);
        await until("the next goes through", () => {
          return write(coordinator, "next").then(() => true, () => false);
        });
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    }
    for (const pattern of [/XA START/, /INSERT INTO entry/, /XA PREPARE/, /XA COMMIT/]) {
      assert(seen.some((text) => pattern.test(text)), `${pattern} in ${seen.join("\n")}`);
    }
  });
}
