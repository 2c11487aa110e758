/**
 * Transactions over two real PostgreSQL servers while everything fails again and again, for as long
 * as one likes; afterwards all counts must agree. Ends with 1 if they do not.
 *
 *     deno run -A tasks/torture.ts --minutes 60 --seed 1
 *
 * @module
 */

import { parseArgs } from "node:util";
import { PostgresCluster } from "../tests/servers/cluster.ts";
import { torture } from "../tests/servers/torture/torture.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
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

const settings = { fsync: "off" };
await using orders = await PostgresCluster.start({ settings });
await using billing = await PostgresCluster.start({ settings });
console.log(`INDOUBT_SEED=${seed}`);
try {
  await torture({
    clusters: { orders, billing },
    seed,
    duration: minutes * 60_000,
    say: (line) => console.log(line),
  });
} catch (error) {
  console.error(error);
  Deno.exitCode = 1;
}
