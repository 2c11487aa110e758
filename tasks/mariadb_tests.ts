/**
 * The tests of MariaDB, on a server of another version, or of MySQL.
 *
 * @module
 */

import { ROOT } from "./project.ts";
import { run, ToolChainError } from "./tool_chain.ts";

/** Those that know of no server but these two, and of PostgreSQL. */
const TESTS = ["participant", "branch", "check", "session", "coordinator", "cuts"];

/**
 * Runs them.
 *
 * @param env Names the server.
 * @param minutes How many of torture follow.
 */
export async function testMariadb(env: Record<string, string>, minutes: number): Promise<void> {
  const options = { cwd: ROOT, env };
  const files = TESTS.map((name) => `tests/servers/mariadb_${name}_test.ts`);
  await run(Deno.execPath(), ["test", "-A", ...files], options);
  if (minutes > 0) {
    const torture = ["tasks/torture.ts", "--billing", "mariadb", "--minutes", String(minutes)];
    await run(Deno.execPath(), ["run", "-A", ...torture], options);
  }
}

/**
 * Reads an option.
 *
 * @param text What it is.
 * @returns The number.
 * @throws {ToolChainError} If it is none.
 */
export function minutesOf(text: string): number {
  const minutes = Number(text);
  if (minutes >= 0) return minutes;
  throw new ToolChainError(`Cannot test: --minutes is ${text}, it must be a number from 0`);
}
