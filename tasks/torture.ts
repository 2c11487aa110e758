/**
 * Transactions over two real servers, both PostgreSQL or the second MariaDB, while everything fails again and
 * again, for as long as one likes; afterwards all counts must agree. Ends with 1 if they do not.
 *
 *     deno run -A tasks/torture.ts --minutes 60 --seed 1 --billing mariadb
 *
 * @module
 */

import { parseArgs } from "node:util";
import { PostgresCluster } from "../tests/servers/cluster.ts";
import { MariadbServer } from "../tests/servers/mariadb_server.ts";
import { mixedDatabases } from "../tests/servers/torture/mixed_databases.ts";
import { postgresqlDatabases } from "../tests/servers/torture/postgresql_databases.ts";
import { torture } from "../tests/servers/torture/torture.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    billing: { type: "string", default: "postgresql" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0)) {
  throw new RangeError(`Cannot torture: --minutes is ${values.minutes}, it must be above 0`);
}
if (!Number.isSafeInteger(seed) || seed < 0) {
  throw new RangeError(`Cannot torture: --seed is ${values.seed}, it must be a whole number`);
}

if (values.billing !== "postgresql" && values.billing !== "mariadb") {
  throw new RangeError(
    `Cannot torture: --billing is ${values.billing}, it must be postgresql or mariadb`,
  );
}

const settings = { fsync: "off" };
await using stack = new AsyncDisposableStack();
const orders = stack.use(await PostgresCluster.start({ settings }));
const databases = stack.use(
  values.billing === "postgresql"
    ? await postgresqlDatabases({
      orders,
      billing: stack.use(await PostgresCluster.start({ settings })),
    })
    : await mixedDatabases({ orders, billing: stack.use(await MariadbServer.start()) }),
);
console.log(`INDOUBT_SEED=${seed}`);
try {
  await torture({
    databases,
    seed,
    duration: minutes * 60_000,
    say: (line) => console.log(line),
  });
} catch (error) {
  console.error(error);
  Deno.exitCode = 1;
}
