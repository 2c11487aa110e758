/**
 * Some rounds of the torture: concurrent transactions while connections, servers and the coordinator
 * itself fail again and again. Afterwards all counts agree. `deno task torture` runs it for longer.
 */

import { assert } from "@std/assert";
import { PostgresCluster } from "./cluster.ts";
import { torture } from "./torture/torture.ts";

/** For how long new rounds are begun. */
const DURATION_MS = 25_000;

Deno.test("Coordinator.transaction() keeps all counts alike, whatever fails", async () => {
  const given = Deno.env.get("INDOUBT_SEED");
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  const settings = { fsync: "off" };
  await using orders = await PostgresCluster.start({ settings });
  await using billing = await PostgresCluster.start({ settings });
  const lines = [`INDOUBT_SEED=${seed}`];
  try {
    const account = await torture({
      clusters: { orders, billing },
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
});
