/**
 * The tests of mysql2 on a real MySQL instead of MariaDB; then, if minutes are given, the torture of transactions
 * over PostgreSQL and MySQL. Brings the server if INDOUBT_MYSQL does not name the program of one.
 *
 *     deno run -A tasks/mysql.ts --minutes 10
 *
 * @module
 */

import { parseArgs } from "node:util";
import { ensureMysql } from "./mysql_server.ts";
import { ROOT } from "./project.ts";
import { run, ToolChainError } from "./tool_chain.ts";

/** Those that know of no server but these two, and of PostgreSQL. */
const TESTS = ["participant", "branch", "check", "session", "coordinator", "cuts"];

try {
  await main();
} catch (error) {
  if (!(error instanceof ToolChainError)) throw error;
  console.error(error.message);
  Deno.exitCode = 1;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { minutes: { type: "string", default: "0" } } });
  const minutes = Number(values.minutes);
  if (!(minutes >= 0)) {
    throw new RangeError(`Cannot test: --minutes is ${values.minutes}, it must be a number from 0`);
  }
  const options = { cwd: ROOT, env: { INDOUBT_MYSQL: await ensureMysql() } };
  const files = TESTS.map((name) => `tests/servers/mariadb_${name}_test.ts`);
  await run(Deno.execPath(), ["test", "-A", ...files], options);
  if (minutes > 0) {
    const torture = ["tasks/torture.ts", "--billing", "mariadb", "--minutes", String(minutes)];
    await run(Deno.execPath(), ["run", "-A", ...torture], options);
  }
}
