/**
 * Databases, clients and waiting for tests on a real PostgreSQL: every client ends with its block,
 * and whoever waits for the server polls it up to a deadline.
 *
 * @module
 */

import driver from "postgres";
import type { PostgresCluster } from "./cluster.ts";

/** A client that ends with its block, also when connections of it were killed. */
export type TestSql = driver.Sql<Record<string, unknown>> & AsyncDisposable;

/** Connects; `name` is how its sessions are found among those of the server. */
export function connect(
  url: string,
  name: string,
  options: driver.Options<Record<string, driver.PostgresType>> = {},
): TestSql {
  const sql = driver(url, {
    onnotice: () => {},
    // Its timer may outlive the driver's `end` by a moment, in which a test would be said to leak it.
    max_lifetime: null,
    ...options,
    // No statement of a test takes long; one that waits for something a failed test has left fails.
    connection: { application_name: name, statement_timeout: 30_000 },
  });
  return Object.assign(sql as unknown as driver.Sql<Record<string, unknown>>, {
    [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }),
  });
}

/** Connects as superuser with one session, so that whole transactions can be sent as text. */
export function connectAdmin(cluster: PostgresCluster, database = "postgres"): TestSql {
  return connect(cluster.url(database), "admin", { max: 1 });
}

/** Makes databases with a table `entry (id text, value int)` that everybody may use. */
export async function createDatabases(cluster: PostgresCluster, ...names: string[]): Promise<void> {
  await using admin = connectAdmin(cluster);
  for (const name of names) {
    await admin.unsafe(`CREATE DATABASE ${name}`);
    await using sql = connectAdmin(cluster, name);
    await sql.unsafe("CREATE TABLE entry (id text, value int); GRANT ALL ON entry TO PUBLIC");
  }
}

/** Asks again and again until the answer is yes, and fails after a time that is far too long. */
export async function until(
  what: string,
  answer: () => boolean | Promise<boolean>,
  milliseconds = 20_000,
): Promise<void> {
  const deadline = performance.now() + milliseconds;
  while (!await answer()) {
    if (performance.now() > deadline) throw new Error(`Still not so: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits, but not for ever. */
export async function soon<T>(
  what: string,
  promise: Promise<T>,
  milliseconds = 10_000,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Does not happen: ${what}`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Ends a client's sessions on the server, and waits until they are gone there. */
export async function terminate(admin: TestSql, name: string): Promise<void> {
  await admin`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ${name}
  `;
  await untilGone(admin, name);
}

/** Waits until the server has no session of a client. */
export async function untilGone(admin: TestSql, name: string): Promise<void> {
  await until(`no session of ${name}`, async () => (await sessions(admin, name)).length === 0);
}

/** What a client's sessions wait for, `null` for one that does not wait. */
export async function sessions(admin: TestSql, name: string): Promise<(string | null)[]> {
  const rows = await admin`
    SELECT wait_event_type || '/' || wait_event AS event FROM pg_stat_activity
    WHERE application_name = ${name}
  `;
  return rows.map(({ event }) => event as string | null);
}

/** Names of what a server holds prepared, in all its databases. */
export async function preparedGids(admin: TestSql): Promise<string[]> {
  const rows = await admin`SELECT gid FROM pg_prepared_xacts ORDER BY gid`;
  return rows.map(({ gid }) => gid as string);
}

/**
 * How many connections of a pool can be used at the same time. Right after a loss the driver may
 * fail the first statement on a connection with the old connection's error, hence several tries.
 */
export async function usableConnections(sql: TestSql, max: number): Promise<number> {
  let usable = 0;
  await until(`${max} usable connections`, async () => {
    const pids = await soon(
      "a query on every connection of the pool",
      Promise.all(
        Array.from({ length: max }, () =>
          sql`SELECT pg_sleep(0.02), pg_backend_pid() AS pid`.then(
            ([row]) => row?.pid as number,
            () => null,
          )),
      ),
    );
    usable = new Set(pids.filter((pid) => pid !== null)).size;
    return usable === max;
  });
  return usable;
}
