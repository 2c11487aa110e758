/**
 * Prepared transactions that are none of a coordinator's business, beside which it works: another
 * user's, another coordinator's, and names of every kind that a server allows, among them some that
 * look much like its own. Whatever happens, they must be there afterwards as they were.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { PostgresCluster } from "./cluster.ts";
import { connect, connectAdmin, type TestSql } from "./databases.ts";

/** A role that is not the coordinator's. */
const STRANGER = "stranger";

/** PostgreSQL's limit for a gid, in bytes. */
const LONGEST = 199;

interface Bystander {
  readonly gid: string;
  readonly user: string;
}

/** Names beside those of a coordinator; each is prepared once on a server, whose names are shared. */
function bystandersOf(coordinator: string, database: string): Bystander[] {
  const gids = [
    `indoubt_somebody_1000000000001_0_${database}`,
    `indoubt_somebody_1000000000001_${database.length}`,
    `indoubt_${coordinator}`,
    `indoubt_${coordinator}_${database}`,
    `indoubt_${coordinator}_1000000000001_0_${database.length}`,
    `indoubt_${coordinator}_01000000000001_${database.length}`,
    `indoubt_${coordinator}_1000000000001_0${database.length}`,
    `indoubt_${coordinator}_-1_${database.length}`,
    `indoubt_${coordinator}x_1000000000001_${database.length}`,
    `INDOUBT_${coordinator.toUpperCase()}_1000000000001_${database.length}`,
    `_indoubt_${coordinator}_1000000000001_${database.length}`,
    `pg_gid_16389_${database.length}`,
    `it's "${database}"; ROLLBACK PREPARED 'x' -- \\ % $1`,
    `größe 数据 🦜 ${database}`,
    `indoubt_${coordinator}_${database}`.padEnd(LONGEST, "9"),
    `${"ß".repeat((LONGEST - 1) / 2 - database.length)}`.padEnd(LONGEST / 2, database),
  ];
  const own = [...new Set(gids)].map((gid) => ({ gid, user: "postgres" }));
  return [
    ...own,
    { gid: `stranger's ${database}`, user: STRANGER },
    { gid: `indoubt_${coordinator}_stranger_${database.length}`, user: STRANGER },
  ];
}

function literal(text: string): string {
  return `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** Does something for each in a session of the user whose it is. */
async function asTheirUsers(
  cluster: PostgresCluster,
  database: string,
  bystanders: readonly Bystander[],
  action: (sql: TestSql, gid: string) => PromiseLike<unknown>,
): Promise<void> {
  for (const user of new Set(bystanders.map((one) => one.user))) {
    await using sql = connect(cluster.url(database, user), "bystander", { max: 1 });
    for (const one of bystanders) if (one.user === user) await action(sql, one.gid);
  }
}

/** The bystanders of one database. */
export class Bystanders {
  readonly #cluster: PostgresCluster;
  readonly #database: string;
  readonly #all: readonly Bystander[];

  private constructor(cluster: PostgresCluster, database: string, all: readonly Bystander[]) {
    this.#cluster = cluster;
    this.#database = database;
    this.#all = all;
  }

  /** Prepares them in a database of a server. */
  static async prepare(
    cluster: PostgresCluster,
    database: string,
    coordinator: string,
  ): Promise<Bystanders> {
    await using admin = connectAdmin(cluster, database);
    const [role] = await admin`SELECT FROM pg_roles WHERE rolname = ${STRANGER}`;
    if (role === undefined) await admin.unsafe(`CREATE ROLE ${STRANGER} LOGIN`);
    await admin.unsafe(
      "CREATE TABLE IF NOT EXISTS bystander (gid text); TRUNCATE bystander; " +
        "GRANT ALL ON bystander TO PUBLIC",
    );
    // A name without database in it stands on one of two databases of the same server only.
    const taken = await admin`SELECT gid FROM pg_prepared_xacts`;
    const all = bystandersOf(coordinator, database)
      .filter(({ gid }) => !taken.some((row) => row.gid === gid));
    await asTheirUsers(cluster, database, all, (sql, gid) =>
      sql.unsafe(
        `BEGIN; INSERT INTO bystander VALUES (${literal(gid)}); ` +
          `PREPARE TRANSACTION ${literal(gid)}`,
      ));
    return new Bystanders(cluster, database, all);
  }

  /** Their names. */
  get gids(): string[] {
    return this.#all.map(({ gid }) => gid);
  }

  /** Commits them all: each must still be prepared by the one who did it, with what it wrote. */
  async commit(): Promise<void> {
    await asTheirUsers(
      this.#cluster,
      this.#database,
      this.#all,
      (sql, gid) => sql.unsafe(`COMMIT PREPARED ${literal(gid)}`),
    );
    await using admin = connectAdmin(this.#cluster, this.#database);
    const rows = await admin`SELECT gid FROM bystander`;
    assertEquals(rows.map(({ gid }) => gid as string).sort(), this.gids.sort());
  }
}
