/**
 * A commit of this library over two PostgreSQL servers: one INSERT in each.
 *
 * @module
 */

import driver from "postgres";
import { Coordinator } from "../../../mod.ts";
import { postgres } from "../../../src/participants/postgresql/postgres.ts";
import type { Contender, ContenderSettings } from "../contender.ts";
import { countedPlatform, noCounts } from "../counted_platform.ts";

/** Connects and opens a coordinator. */
export async function openPostgres(settings: ContenderSettings): Promise<Contender> {
  const { directory, concurrency, urls } = settings;
  const counts = noCounts();
  // As many sessions as by hand: the driver uses all in turn, and the more there are the colder is each.
  const [orders, billing] = urls.map((url) =>
    driver(url, { max: concurrency, onnotice: () => {} })
  );
  if (orders === undefined || billing === undefined) {
    throw new TypeError("Cannot measure PostgreSQL: the URLs of two servers would be right");
  }
  const coordinator = await Coordinator.open({
    directory,
    participants: { orders: postgres(orders), billing: postgres(billing) },
    requireAll: true,
    platform: countedPlatform(counts),
  });
  let count = 0;
  return {
    counts,
    operate: () =>
      coordinator.transaction(["orders", "billing"], async (clients) => {
        const value = ++count;
        await Promise.all([
          clients.orders`INSERT INTO entry VALUES ('bench', ${value})`,
          clients.billing`INSERT INTO entry VALUES ('bench', ${value})`,
        ]);
      }),
    [Symbol.asyncDispose]: async () => {
      await coordinator.close();
      await Promise.all([orders.end(), billing.end()]);
    },
  };
}
