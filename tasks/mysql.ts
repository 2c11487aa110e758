/**
 * The tests of mysql2 on a real MySQL instead of MariaDB; then, if minutes are given, the torture of transactions
 * over PostgreSQL and MySQL. On the server that INDOUBT_MYSQL names, or on one version after the other, which
 * are brought.
 *
 *     deno run -A tasks/mysql.ts --version 8.4 --minutes 10
 *
 * @module
 */

import { parseArgs } from "node:util";
import { ensureMysql, MYSQL_VERSIONS, namedMysql } from "./mysql_server.ts";
import { chooseVersions } from "./packages.ts";
import { ROOT } from "./project.ts";
import { run, runTask, ToolChainError } from "./tool_chain.ts";

/** Those that know of no server but these two, and of PostgreSQL. */
const TESTS = ["participant", "branch", "check", "session", "coordinator", "cuts"];

await runTask(main);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { version: { type: "string" }, minutes: { type: "string", default: "0" } },
  });
  const minutes = Number(values.minutes);
  if (!(minutes >= 0)) {
    throw new ToolChainError(
      `Cannot test: --minutes is ${values.minutes}, it must be a number from 0`,
    );
  }
  const versions = chooseVersions(MYSQL_VERSIONS, values.version);
  const named = await namedMysql();
  if (named !== null) return await test(named, minutes);
  for (const version of versions) await test(await ensureMysql(version), minutes);
}

async function test(server: string, minutes: number): Promise<void> {
  const options = { cwd: ROOT, env: { INDOUBT_MYSQL: server } };
  const files = TESTS.map((name) => `tests/servers/mariadb_${name}_test.ts`);
  await run(Deno.execPath(), ["test", "-A", ...files], options);
  if (minutes > 0) {
    const torture = ["tasks/torture.ts", "--billing", "mariadb", "--minutes", String(minutes)];
    await run(Deno.execPath(), ["run", "-A", ...torture], options);
  }
}
