/**
 * The connection of a node-postgres client is cut at every single command of a transaction, once before
 * the server gets it and once after it has carried it out: what the caller hears and what both databases
 * hold agree, nothing stays in doubt, and the pool is of use again.
 */

import { assert, assertEquals } from "@std/assert";
import { Coordinator, TransactionAbortedError } from "../../mod.ts";
import { nodePostgres } from "../../src/participants/postgresql/node_postgres.ts";
import { bothClusters } from "./both_clusters.ts";
import { soon, until } from "./databases.ts";
import { makePool, usableClients } from "./node_postgres.ts";
import { ProxiedDatabases } from "./proxied_databases.ts";
import { NthCommand } from "./proxy/rules.ts";
import type { Name } from "./two_databases.ts";

const NAMES: readonly Name[] = ["orders", "billing"];
const WAYS = ["cut before", "cut after"] as const;
/** More commands than a transaction has. */
const MAX_COMMANDS = 20;

const clusters = bothClusters();

/** A coordinator on pools through the proxies. */
async function open(proxied: ProxiedDatabases) {
  const pools = {
    orders: makePool(proxied.url("orders"), "proxied", { max: 2 }),
    billing: makePool(proxied.url("billing"), "proxied", { max: 2 }),
  };
  const coordinator = await Coordinator.open({
    directory: proxied.both.directory,
    participants: { orders: nodePostgres(pools.orders), billing: nodePostgres(pools.billing) },
    settleTimeout: 2_000,
    onEvent: () => {},
  });
  return {
    coordinator,
    pools,
    /** Writes to both databases, and says whether the application's own statements went well. */
    async write(id: string): Promise<"committed" | "aborted"> {
      let written = false;
      try {
        await coordinator.transaction(["orders", "billing"], async (clients) => {
          for (const name of NAMES) {
            await clients[name].query("INSERT INTO entry VALUES ($1, 1)", [id]);
          }
          written = true;
        });
        return "committed";
      } catch (error) {
        // The application's own statement has failed with the driver's error, or the coordinator's.
        assert(error instanceof TransactionAbortedError || !written, String(error));
        if (error instanceof TransactionAbortedError) assert(error.retryable, String(error));
        return "aborted";
      }
    },
    async [Symbol.asyncDispose]() {
      await coordinator.close();
      for (const name of NAMES) await pools[name].end();
    },
  };
}

for (const name of NAMES) {
  for (const way of WAYS) {
    Deno.test(`node-postgres: a transaction agrees with both, each command of ${name} ${way}`, async () => {
      await using proxied = await ProxiedDatabases.connect(clusters);
      const commands: string[] = [];
      const outcomes = new Set<string>();
      for (let nth = 1; nth < MAX_COMMANDS; nth++) {
        await using opened = await open(proxied);
        const cut = new NthCommand(nth, way);
        proxied.proxies[name].rule = cut.rule;
        const outcome = await soon("the transaction ends", opened.write("cut"));
        proxied.pass();
        await until("everything is settled", () => opened.coordinator.unsettled === 0);
        const command = cut.texts[nth - 1];
        if (command === undefined) {
          assertEquals(outcome, "committed", "it was not cut");
          break;
        }
        commands.push(command);
        outcomes.add(outcome);
        await proxied.both.assertBoth(...outcome === "committed" ? ["cut"] : []);
        assertEquals(await usableClients(opened.pools[name], 2), 2);
        assertEquals(await opened.write("next"), "committed");
        for (const sql of Object.values(proxied.both.clients)) await sql`TRUNCATE entry`;
      }
      for (const part of [/^BEGIN/, /INSERT/, /PREPARE TRANSACTION/, /^COMMIT PREPARED/]) {
        assert(commands.some((text) => part.test(text)), `${part} in ${commands.join("\n")}`);
      }
      assertEquals(outcomes, new Set(["aborted", "committed"]));
    });
  }
}
