/**
 * One way to run a statement, whichever driver a transfer was given. In an application each callback
 * simply uses its own driver; only a program that serves two kinds of database needs this.
 *
 * @module
 */

/** A row of a result. */
export type Row = Readonly<Record<string, unknown>>;

/** Runs one statement, with `$1`, `$2` … for its parameters. */
export type Query = (
  statement: string,
  parameters?: readonly (string | number)[],
) => Promise<readonly Row[]>;

/** What the demo uses of PGlite, and of its transactions. */
export interface PgliteClient {
  query(statement: string, parameters?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/** What the demo uses of postgres.js. */
export interface PostgresClient {
  unsafe(statement: string, parameters?: (string | number)[]): PromiseLike<readonly unknown[]>;
}

/** What a transfer gets from the coordinator for a bank. */
export type BankClient = PgliteClient | PostgresClient;

/** Makes either client usable in the same way. */
export function queryOf(client: BankClient): Query {
  return async (statement, parameters = []) => {
    const rows = "unsafe" in client
      ? await client.unsafe(statement, [...parameters])
      : (await client.query(statement, [...parameters])).rows;
    return rows as readonly Row[];
  };
}
