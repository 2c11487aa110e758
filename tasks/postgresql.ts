/**
 * The tests of PostgreSQL on the oldest version that takes part and on the newest, which are brought.
 *
 *     deno run -A tasks/postgresql.ts --version 18
 *
 * @module
 */

import { parseArgs } from "node:util";
import { ensurePostgresql, POSTGRESQL_VERSIONS } from "./postgresql_server.ts";
import { ROOT } from "./project.ts";
import { run, ToolChainError } from "./tool_chain.ts";

/** Those that are about nothing but PostgreSQL and its drivers. */
const TESTS = [
  ...["coordinator", "crash", "cuts", "late_prepare", "lock", "outage", "recipes", "round_trips"],
  ...["node_postgres_cuts", "node_postgres_loss", "node_postgres_participant", "postgres_answers"],
  ...["postgres_check", "postgres_loss", "postgres_memory", "postgres_participant"],
  ...["postgres_wrote", "statement_log"],
];

try {
  await main();
} catch (error) {
  if (!(error instanceof ToolChainError)) throw error;
  console.error(error.message);
  Deno.exitCode = 1;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { version: { type: "string" } } });
  const versions = POSTGRESQL_VERSIONS.filter((one) => one === (values.version ?? one));
  if (versions.length === 0) {
    throw new RangeError(
      `Cannot test: --version is ${values.version}, it must be ${POSTGRESQL_VERSIONS.join(" or ")}`,
    );
  }
  const files = TESTS.map((name) => `tests/servers/${name}_test.ts`);
  for (const version of versions) {
    const env = {
      INDOUBT_POSTGRESQL: await ensurePostgresql(version),
      INDOUBT_POSTGRESQL_VERSION: version,
    };
    await run(Deno.execPath(), ["test", "-A", ...files], { cwd: ROOT, env });
  }
}
