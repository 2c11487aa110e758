/**
 * What the tests of branches on a real MariaDB start from: one server for a test file, with the databases
 * "bank" and "shop"; and for each test a pool, and branches that are released at its end.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Pool, PoolConnection } from "mysql2/promise";
import type { Branch } from "../../src/coordinator/participant.ts";
import { mysql, type MysqlParticipant } from "../../src/participants/mysql/mysql.ts";
import { OutcomeTable } from "../../src/participants/mysql/outcome_table.ts";
import { TABLES } from "../participants/mysql/dialect.ts";
import { brand } from "./brand.ts";
import { connectPool, firstColumn, rollBackAll } from "./mariadb_databases.ts";
import { MariadbServer } from "./mariadb_server.ts";

/** Name of the outcome table in both databases. */
export const OUTCOMES = "indoubt_outcome";

/** What the gids of these tests begin with. */
export const PREFIX = "indoubt_xa_";

let server: MariadbServer;
let branches = 0;

/** Registers that the server is there for all tests of a file. */
export function useServer(): void {
  Deno.test.beforeAll(async () => {
    server = await MariadbServer.start();
    await using admin = connectPool(server, "mysql");
    for (const database of ["bank", "shop"]) {
      await admin.query(`CREATE DATABASE ${database}`);
      await using pool = connectPool(server, database);
      for (const statement of TABLES) await pool.query(statement);
      await pool.query(new OutcomeTable(OUTCOMES, 1, Date.now).definition);
    }
  });
  Deno.test.afterAll(() => server[Symbol.asyncDispose]());
}

/** What a test has. */
export interface Subject {
  /** The server of the test's file. */
  readonly server: MariadbServer;
  /** The application's pool, on "bank". */
  readonly pool: Pool;
  /** Another pool, of somebody who may do everything. */
  readonly admin: Pool;
  /** The participant, without an outcome table. */
  readonly participant: MysqlParticipant<PoolConnection>;
  /** Begins a branch, which is released at the end of the test at the latest. */
  begin(options?: { proven?: boolean }): Promise<BegunBranch>;
}

/** A branch that has begun. */
export interface BegunBranch {
  readonly gid: string;
  readonly branch: Branch<PoolConnection>;
  readonly client: PoolConnection;
}

/** Registers a test; after it nothing is prepared, and every connection of the pool is in no transaction. */
export function xaTest(behaviour: string, body: (subject: Subject) => Promise<void>): void {
  Deno.test(`mysql2: ${behaviour}`, async () => {
    await using admin = connectPool(server, "bank");
    await using pool = connectPool(server, "bank", { connectionLimit: 3 });
    await rollBackAll(admin);
    for (const table of ["entry", "held", OUTCOMES]) await admin.query(`TRUNCATE ${table}`);
    const [plain, proven] = [mysql(pool), mysql(pool, { outcomeTable: OUTCOMES })];
    const begun: BegunBranch[] = [];
    const begin: Subject["begin"] = async (options = {}) => {
      const gid = `${PREFIX}${++branches}_0`;
      const branch = await (options.proven ? proven : plain).acquire();
      const one = { gid, branch, client: branch.client };
      begun.push(one);
      await branch.begin({ gid });
      return one;
    };
    try {
      await body({ server, pool, admin, participant: plain, begin });
    } finally {
      for (const { branch } of begun) branch.release();
    }
    assertEquals(await brand.preparedXids(admin), []);
    await assertUsable(pool);
  });
}

async function assertUsable(pool: Pool): Promise<void> {
  const connections = await Promise.all([1, 2, 3].map(() => pool.getConnection()));
  for (const connection of connections) {
    assertEquals(await firstColumn(connection, brand.inTransaction), ["0"]);
    await firstColumn(connection, "XA START 'usable'; XA END 'usable'; XA ROLLBACK 'usable'");
    connection.release();
  }
}

/** The values in the table. */
export function values(admin: Pool): Promise<string[]> {
  return firstColumn(admin, "SELECT value FROM entry ORDER BY value");
}
