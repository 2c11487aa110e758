/**
 * mysql2 on a real server keeps the contract of a participant: as root, as a user that may only what
 * it must, with and without an outcome table, with the binary log, with a pool of one connection, and with
 * whatever an application may have told the driver about rows and values.
 */

import type { PoolConnection, PoolOptions } from "mysql2/promise";
import { mysql, type MysqlOptions } from "../../src/participants/mysql/mysql.ts";
import { OutcomeTable } from "../../src/participants/mysql/outcome_table.ts";
import { type ContractSubject, participantContract } from "../participants/contract.ts";
import { TABLES, withoutProof } from "../participants/mysql/dialect.ts";
import { brand } from "./brand.ts";
import {
  connectPool,
  firstColumn,
  grantPrivilege,
  rollBackAll,
  runApart,
} from "./mariadb_databases.ts";
import { MariadbServer } from "./mariadb_server.ts";

const OUTCOMES = "indoubt_outcome";

/** One without and one with a binary log. */
let servers: MariadbServer[] = [];
let locker: PoolConnection;

Deno.test.beforeAll(async () => {
  const settings = { "innodb-rollback-on-timeout": "ON" };
  servers = await Promise.all([
    MariadbServer.start({ settings }),
    MariadbServer.start({
      settings: {
        ...settings,
        "log-bin": "binlog",
        "log-bin-trust-function-creators": "ON",
        "server-id": "2",
      },
    }),
  ]);
  for (const server of servers) {
    await using admin = connectPool(server, "mysql");
    await admin.query("CREATE DATABASE bank");
    await admin.query("CREATE USER teller@'127.0.0.1'");
    await grantPrivilege(admin, "teller");
    await admin.query(
      "GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON bank.* TO teller@'127.0.0.1'",
    );
    await using bank = connectPool(server, "bank");
    await bank.query(new OutcomeTable(OUTCOMES, 1, Date.now).definition);
    for (const statement of TABLES) await bank.query(statement);
    await bank.query("INSERT INTO held VALUES (1)");
  }
});

Deno.test.afterAll(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]();
});

interface Variant {
  /** Which of the servers is the one under test. */
  readonly server: 0 | 1;
  readonly pool?: PoolOptions;
  readonly options?: MysqlOptions;
}

async function makeSubject(
  { server, pool, options }: Variant,
): Promise<ContractSubject<PoolConnection>> {
  const [own, other] = [servers[server]!, servers[1 - server]!];
  const admin = connectPool(own, "bank");
  const clients = [
    connectPool(own, "bank", pool),
    connectPool(other, "bank", pool),
  ] as const;
  await rollBackAll(admin);
  await admin.query("TRUNCATE entry");
  // Holds the row on which a statement fails that is to fail.
  locker = await admin.getConnection();
  await locker.query("BEGIN");
  await locker.query("SELECT id FROM held FOR UPDATE SKIP LOCKED");
  return {
    participant: mysql(clients[0], options),
    other: mysql(clients[1], options),
    run: firstColumn,
    runOutside: (text) => runApart(admin, text),
    [Symbol.asyncDispose]: async () => {
      locker.destroy();
      for (const one of [admin, ...clients]) await one[Symbol.asyncDispose]();
    },
  };
}

const withTable: MysqlOptions = { outcomeTable: OUTCOMES };

const VARIANTS: Readonly<Record<string, Variant>> = {
  "mysql2 with an outcome table": { server: 0, options: withTable },
  "mysql2 without an outcome table": { server: 0 },
  "mysql2 as a user without rights, with the binary log": {
    server: 1,
    pool: { user: "teller" },
    options: withTable,
  },
  "mysql2 as a user without rights or proof": { server: 1, pool: { user: "teller" } },
  "mysql2 with other rows and values": {
    server: 0,
    pool: {
      rowsAsArray: true,
      nestTables: "_",
      typeCast: () => 42,
      dateStrings: true,
      supportBigNumbers: true,
      bigNumberStrings: true,
      namedPlaceholders: true,
      charset: "latin1",
      multipleStatements: true,
      resetOnRelease: true,
    },
    options: withTable,
  },
};

/** Ways around the coordinator that mysql2's connection offers. */
const escapes: Readonly<Record<string, (client: PoolConnection) => unknown>> = {
  beginTransaction: (client) => client.beginTransaction(),
  commit: (client) => client.commit(),
  rollback: (client) => client.rollback(),
  changeUser: (client) => client.changeUser({ user: "root" }),
  reset: (client) => client.reset(),
  release: (client) => client.release(),
  destroy: (client) => client.destroy(),
  end: (client) => client.end(),
  "its disposal": (client) => client[Symbol.asyncDispose](),
  "the connection below": (client) => client.connection,
};

for (const [name, variant] of Object.entries(VARIANTS)) {
  participantContract<PoolConnection>(name, {
    dialect: variant.options === undefined ? withoutProof(brand.dialect) : brand.dialect,
    branches: "many",
    escapes,
    makeSubject: () => makeSubject(variant),
    register: (name, body) => Deno.test(name, body),
  });
}

participantContract<PoolConnection>("mysql2 with one connection", {
  dialect: brand.dialect,
  branches: "one",
  escapes,
  makeSubject: () => makeSubject({ server: 0, pool: { connectionLimit: 1 }, options: withTable }),
  register: (name, body) => Deno.test(name, body),
});
