/**
 * Pools of node-postgres for tests on a real PostgreSQL; every pool ends with its block.
 *
 * @module
 */

// @ts-types="@types/pg"
import pg from "pg";

/** A client of a pool. */
export type Client = pg.PoolClient;

/** A pool that ends with its block, also when clients of it were killed. */
export type TestPool = pg.Pool & AsyncDisposable;

/** Makes a pool; `name` is how its sessions are found among those of the server. */
export function makePool(url: string, name: string, options: pg.PoolConfig = {}): TestPool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: name,
    // No statement of a test takes long; one that waits for something a failed test has left fails.
    statement_timeout: 30_000,
    max: 4,
    ...options,
  });
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.end() });
}

/** The first value of each row of the last result. */
export async function firstColumn(
  client: Pick<pg.Client, "query">,
  text: string,
): Promise<string[]> {
  const answer: unknown = await client.query({ text, rowMode: "array" });
  const results = (Array.isArray(answer) ? answer : [answer]) as { rows: unknown[][] }[];
  return (results.at(-1)?.rows ?? []).map(([value]) => String(value));
}

/** How many clients of a pool can be used at the same time. */
export async function usableClients(pool: pg.Pool, max: number): Promise<number> {
  const pids = await Promise.all(Array.from({ length: max }, async () => {
    const { rows } = await pool.query("SELECT pg_sleep(0.05), pg_backend_pid() AS pid");
    return rows[0].pid;
  }));
  return new Set(pids).size;
}
