/**
 * A coordinator over PostgreSQL and MariaDB in a process of its own, which writes one entry to both and
 * kills itself on the way. It gets what it shall do as one JSON argument.
 *
 * @module
 */

import { createPool } from "mysql2/promise";
import driver from "postgres";
import { Coordinator, type ProtocolPoint } from "../../mod.ts";
import { mysql, type MysqlOptions } from "../../src/participants/mysql/mysql.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import type { MariadbAddress } from "./mariadb_server.ts";

/** What the process shall do. */
export interface MariadbChildTask {
  /** The log directory. */
  readonly directory: string;
  /** The two databases. */
  readonly orders: string;
  readonly billing: MariadbAddress;
  /** How MariaDB takes part. */
  readonly proof: MysqlOptions;
  /** The entry. */
  readonly id: string;
  /** Where it kills itself; "written" is before the commit begins. */
  readonly killAt: ProtocolPoint | "written";
}

function kill(): void {
  Deno.kill(Deno.pid, "SIGKILL");
}

async function main({ directory, orders, billing, proof, id, killAt }: MariadbChildTask) {
  const coordinator = await Coordinator.open({
    directory,
    participants: {
      orders: postgres(driver(orders)),
      billing: mysql(createPool({ ...billing }), proof),
    },
    onProtocolPoint: (point) => {
      if (point === killAt) kill();
    },
  });
  await coordinator.transaction(["orders", "billing"], async ({ orders, billing }) => {
    await orders`INSERT INTO entry VALUES (${id}, 1)`;
    await billing.query("INSERT INTO entry VALUES (?)", [id]);
    if (killAt === "written") kill();
  });
}

if (import.meta.main) await main(JSON.parse(Deno.args[0]!));
