/**
 * What tests of transactions over PostgreSQL and MariaDB start from: "orders" on the one, "billing" on the
 * other.
 *
 * @module
 */

import type { PoolConnection } from "mysql2/promise";
import type driver from "postgres";
import type { MysqlParticipant } from "../../src/participants/mysql/mysql.ts";
import { OutcomeTable } from "../../src/participants/mysql/outcome_table.ts";
import type { PostgresParticipant } from "../../src/participants/postgresql/postgres.ts";
import { PostgresCluster } from "./cluster.ts";
import { connect, createDatabases, type TestSql } from "./databases.ts";
import { connectPool, type TestPool } from "./mariadb_databases.ts";
import { MariadbServer } from "./mariadb_server.ts";

/** Where MariaDB keeps proofs of outcomes. */
export const OUTCOMES = "indoubt_outcome";

/** The two participants. */
export type Mixed = {
  readonly orders: PostgresParticipant<driver.ReservedSql>;
  readonly billing: MysqlParticipant<PoolConnection>;
};

/** The two servers; they are there when a test runs. */
export class MixedServers {
  #cluster: PostgresCluster | null = null;
  #server: MariadbServer | null = null;

  /** Registers their start and their end for all tests of a file. */
  constructor() {
    Deno.test.beforeAll(() => this.#start());
    Deno.test.afterAll(async () => {
      await this.#cluster?.[Symbol.asyncDispose]();
      await this.#server?.[Symbol.asyncDispose]();
    });
  }

  /** The PostgreSQL server. */
  get cluster(): PostgresCluster {
    return this.#cluster!;
  }

  /** The MariaDB server. */
  get server(): MariadbServer {
    return this.#server!;
  }

  /** A client of "orders". */
  orders(): TestSql {
    return connect(this.cluster.url("orders"), "mixed", { max: 4 });
  }

  /** A pool for "billing". */
  billing(): TestPool {
    return connectPool(this.server, "billing");
  }

  async #start(): Promise<void> {
    const starting = [
      PostgresCluster.start({ settings: { fsync: "off" } }).then((one) => this.#cluster = one),
      MariadbServer.start().then((one) => this.#server = one),
    ];
    await Promise.all(starting);
    await createDatabases(this.cluster, "orders");
    await createBilling(
      this.server,
      "CREATE TABLE entry (id varchar(20) PRIMARY KEY) ENGINE = InnoDB",
    );
  }
}

/** Makes "billing" on a server, with a place for proofs of outcomes and whatever some statements add. */
export async function createBilling(
  server: MariadbServer,
  ...statements: readonly string[]
): Promise<void> {
  await using admin = connectPool(server, "mysql");
  await admin.query("CREATE DATABASE billing");
  await using billing = connectPool(server, "billing");
  const proofs = new OutcomeTable(OUTCOMES, 7, Date.now).definition;
  for (const statement of [proofs, ...statements]) await billing.query(statement);
}
