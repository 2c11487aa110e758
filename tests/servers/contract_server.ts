/**
 * The server on which a PostgreSQL driver keeps the contract of a participant: two databases with the tables of
 * the contract, "north" and "south", and a role "teller" that may only what it must.
 *
 * @module
 */

import { TABLES } from "../participants/postgresql/dialect.ts";
import { PostgresCluster } from "./cluster.ts";
import { connectAdmin } from "./databases.ts";

/** The server; it is there when a test runs. */
export class ContractServer {
  #cluster: PostgresCluster | null = null;

  /** Registers its start and its end for all tests of a file. */
  constructor() {
    Deno.test.beforeAll(() => this.#start());
    Deno.test.afterAll(() => this.#cluster?.[Symbol.asyncDispose]());
  }

  /** Where a database is. */
  url(database: "north" | "south", user?: string): string {
    return this.#cluster!.url(database, user);
  }

  async #start(): Promise<void> {
    this.#cluster = await PostgresCluster.start({ settings: { fsync: "off" } });
    await using admin = connectAdmin(this.#cluster);
    await admin.unsafe("CREATE ROLE teller LOGIN");
    for (const database of ["north", "south"]) {
      await admin.unsafe(`CREATE DATABASE ${database}`);
      await using sql = connectAdmin(this.#cluster, database);
      await sql.unsafe(`${TABLES}; GRANT ALL ON entry, parent TO teller`);
    }
  }
}
