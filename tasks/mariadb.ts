/**
 * The tests of MariaDB on a newer version than this machine's Debian has, which is brought.
 *
 *     deno run -A tasks/mariadb.ts --version 11.8 --minutes 10
 *
 * @module
 */

import { parseArgs } from "node:util";
import { ensureMariadb, MARIADB_VERSIONS } from "./mariadb_server.ts";
import { minutesOf, testMariadb } from "./mariadb_tests.ts";
import { chooseVersions } from "./packages.ts";
import { runTask } from "./tool_chain.ts";

await runTask(async () => {
  const { values } = parseArgs({
    options: { version: { type: "string" }, minutes: { type: "string", default: "0" } },
  });
  const minutes = minutesOf(values.minutes);
  for (const version of chooseVersions(MARIADB_VERSIONS, values.version)) {
    await testMariadb({ INDOUBT_MARIADB: await ensureMariadb(version) }, minutes);
  }
});
