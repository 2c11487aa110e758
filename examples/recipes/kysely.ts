/**
 * Kysely in a branch: every query goes to the branch's own client of node-postgres, so it is part of the
 * transaction that the coordinator commits.
 *
 * @module
 */

import {
  type Dialect,
  Kysely,
  PostgresAdapter,
  PostgresDriver,
  PostgresIntrospector,
  type PostgresPoolClient,
  PostgresQueryCompiler,
} from "kysely";

/** Begins and ends nothing: that is the coordinator's. Savepoints are free. */
class BranchDriver extends PostgresDriver {
  constructor(client: PostgresPoolClient) {
    // Kysely gives the client back after each query; the branch has it to its end.
    const query = client.query.bind(client);
    const lent = { query, release() {} } as PostgresPoolClient;
    const connect = () => Promise.resolve(lent);
    super({ pool: { connect, end: () => Promise.resolve(), options: {} } });
  }

  override beginTransaction(): Promise<void> {
    throw new TypeError(
      "Cannot begin a transaction: the branch is one, use its queries as they are",
    );
  }
}

/**
 * Makes a Kysely instance for one branch. It needs no `destroy`: it holds nothing but the branch's client,
 * and ends with it.
 *
 * @typeParam Database The tables, as for any Kysely instance.
 * @param client The branch's client.
 * @returns The instance.
 */
export function kyselyOn<Database>(client: PostgresPoolClient): Kysely<Database> {
  const dialect: Dialect = {
    createDriver: () => new BranchDriver(client),
    createAdapter: () => new PostgresAdapter(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
  return new Kysely<Database>({ dialect });
}
