/**
 * The tests of PostgreSQL on the oldest version that takes part and on the newest, which are brought.
 *
 *     deno run -A tasks/postgresql.ts --version 18
 *
 * @module
 */

import { parseArgs } from "node:util";
import { chooseVersions } from "./packages.ts";
import { ensurePostgresql, POSTGRESQL_VERSIONS } from "./postgresql_server.ts";
import { ROOT } from "./project.ts";
import { run, runTask } from "./tool_chain.ts";

/** Those that are about nothing but PostgreSQL and its drivers. */
const TESTS = [
  ...["coordinator", "crash", "cuts", "late_prepare", "lock", "outage", "recipes", "round_trips"],
  ...["node_postgres_cuts", "node_postgres_loss", "node_postgres_participant", "postgres_answers"],
  ...["postgres_check", "postgres_life", "postgres_loss", "postgres_memory"],
  ...["postgres_participant", "postgres_unpreparable", "postgres_wrote", "statement_log"],
];

await runTask(main);

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { version: { type: "string" } } });
  const files = TESTS.map((name) => `tests/servers/${name}_test.ts`);
  for (const version of chooseVersions(POSTGRESQL_VERSIONS, values.version)) {
    const env = {
      INDOUBT_POSTGRESQL: await ensurePostgresql(version),
      INDOUBT_POSTGRESQL_VERSION: version,
    };
    await run(Deno.execPath(), ["test", "-A", ...files], { cwd: ROOT, env });
  }
}
