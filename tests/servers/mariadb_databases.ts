/**
 * Databases and pools for tests on a real MariaDB: every pool ends with its block.
 *
 * @module
 */

import { createPool, type Pool, type PoolConnection, type PoolOptions } from "mysql2/promise";
import { brand } from "./brand.ts";
import type { MariadbServer } from "./mariadb_server.ts";

/** A pool that ends with its block. */
export type TestPool = Pool & AsyncDisposable;

/** Connects. */
export function connectPool(
  server: MariadbServer,
  database: string,
  options: PoolOptions = {},
): TestPool {
  const pool = createPool({ connectionLimit: 4, ...server.options(database), ...options });
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.end() });
}

/**
 * Runs statements that are separated by semicolons in one session.
 *
 * @returns The first value of each row of the last result.
 */
export async function firstColumn(
  connection: Pick<PoolConnection, "query">,
  statements: string,
): Promise<string[]> {
  let column: string[] = [];
  for (const sql of statements.split("; ")) {
    const plain = { rowsAsArray: true, nestTables: false } as const;
    const [result] = await connection.query({ sql, ...plain, typeCast: (_, next) => next() });
    column = Array.isArray(result) ? result.filter(Array.isArray).map((row) => String(row[0])) : [];
  }
  return column;
}

/** Runs statements in a session of their own, which has ended at the server afterwards. */
export async function runApart(pool: Pool, statements: string): Promise<string[]> {
  const connection = await pool.getConnection();
  const { threadId } = connection;
  try {
    return await firstColumn(connection, statements);
  } finally {
    connection.destroy();
    await untilGone(pool, threadId);
  }
}

/** Waits until a session has ended at the server. */
export async function untilGone(pool: Pool, threadId: number): Promise<void> {
  const deadline = performance.now() + 20_000;
  while ((await sessionNumbers(pool)).includes(threadId)) {
    if (performance.now() > deadline) throw new Error(`Session ${threadId} is still there`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Numbers of the sessions that the server has. */
export async function sessionNumbers(pool: Pool): Promise<number[]> {
  return (await firstColumn(pool, "SELECT ID FROM information_schema.PROCESSLIST")).map(Number);
}

/** Grants a user what participants need besides rows and routines. */
export async function grantPrivilege(admin: Pool, user: string): Promise<void> {
  if (brand.privilege !== null) {
    await admin.query(`GRANT ${brand.privilege} ON *.* TO ${user}@'127.0.0.1'`);
  }
}

/** Rolls back what a failed test has left prepared, in sessions that are not there any more. */
export async function rollBackAll(pool: Pool): Promise<void> {
  for (const xid of await brand.preparedXids(pool)) {
    await pool.query(`XA ROLLBACK ${xid}`).catch(() => {});
  }
}
