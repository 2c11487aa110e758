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
import { minutesOf, testMariadb } from "./mariadb_tests.ts";
import { ensureMysql, MYSQL_VERSIONS, namedMysql } from "./mysql_server.ts";
import { chooseVersions } from "./packages.ts";
import { runTask } from "./tool_chain.ts";

await runTask(async () => {
  const { values } = parseArgs({
    options: { version: { type: "string" }, minutes: { type: "string", default: "0" } },
  });
  const minutes = minutesOf(values.minutes);
  const versions = chooseVersions(MYSQL_VERSIONS, values.version);
  const named = await namedMysql();
  if (named !== null) return await testMariadb({ INDOUBT_MYSQL: named }, minutes);
  for (const version of versions) {
    await testMariadb({ INDOUBT_MYSQL: await ensureMysql(version) }, minutes);
  }
});
