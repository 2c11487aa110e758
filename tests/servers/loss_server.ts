/**
 * The server of the tests of lost connections, the same for each driver: a database "north", what is asked of
 * it past the tested client, and what is proven of each driver in the same way.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Branch, Participant, TokenOutcome } from "../../src/coordinator/participant.ts";
import { idIn } from "../../src/participants/postgresql/token.ts";
import { PostgresCluster } from "./cluster.ts";
import {
  connectAdmin,
  createDatabases,
  preparedGids,
  terminate,
  type TestSql,
  until,
  untilGone,
} from "./databases.ts";

/** What the tested client's sessions are called on the server. */
export const NAME = "lossy";

/** The server; it is there when a test runs. */
export class LossServer {
  #cluster: PostgresCluster | null = null;

  /** Registers its start and its end for all tests of a file. */
  constructor() {
    Deno.test.beforeAll(() => this.#start());
    Deno.test.afterAll(() => this.#cluster?.[Symbol.asyncDispose]());
  }

  /** Where "north" is. */
  get url(): string {
    return this.#cluster!.url("north");
  }

  /** Connects as superuser. */
  admin(): TestSql {
    return connectAdmin(this.#cluster!, "north");
  }

  async #start(): Promise<void> {
    this.#cluster = await PostgresCluster.start({
      settings: {
        fsync: "off",
        // A session that sets synchronous_commit waits for a standby that never comes.
        synchronous_standby_names: "nobody",
        synchronous_commit: "local",
      },
    });
    await createDatabases(this.#cluster, "north");
    await using admin = this.admin();
    await admin`CREATE TABLE locked (id text)`;
  }
}

/** What a failed test has left prepared would hold up every test after it. */
export async function clear(admin: TestSql): Promise<void> {
  for (const gid of await preparedGids(admin)) await admin.unsafe(`ROLLBACK PREPARED '${gid}'`);
  await admin`TRUNCATE entry`;
}

/** Sees that the tested client has left nothing. */
export async function assertNothingLeft(admin: TestSql): Promise<void> {
  await until("no session is left in a transaction", async () => {
    const [row] = await admin`
      SELECT count(*)::int AS count FROM pg_stat_activity
      WHERE application_name = ${NAME} AND state LIKE 'idle in transaction%'
    `;
    return row?.count === 0;
  });
  assertEquals(await preparedGids(admin), []);
}

/** What the database holds. */
export async function ids(admin: TestSql): Promise<unknown[]> {
  return (await admin`SELECT id FROM entry ORDER BY id`).map(({ id }) => id);
}

/** Asks what became of a transaction of this very database. */
export async function outcomeOf(
  participant: Participant<unknown>,
  token: string,
): Promise<TokenOutcome> {
  const { identity } = await participant.check("indoubt_loss_");
  return await participant.outcomeOf(token, identity);
}

/** A branch that has written, and the server past it. */
interface LostBranch {
  readonly admin: TestSql;
  readonly branch: Branch<unknown>;
}

/** Sees that PREPARE on a connection whose end was not noticed yet is unknown, or done. */
export async function assertUnnoticedLossIsUnknown({ admin, branch }: LostBranch): Promise<void> {
  const { token } = await branch.examine();
  // In one turn: the driver has had no time to hear of the end of its session.
  const terminated = terminate(admin, NAME);
  const answer = await branch.prepare();
  await terminated;
  if (answer.kind === "done") {
    // It was faster than the end of the session: then it must be prepared.
    assertEquals((await preparedGids(admin)).length, 1);
    await admin.unsafe(`ROLLBACK PREPARED '${(await preparedGids(admin))[0]}'`);
  } else assertEquals(answer.kind, "unknown");
  const [row] = await admin`SELECT pg_xact_status(${idIn(token!)}::xid8) AS status`;
  assertEquals(row?.status, "aborted");
}

/** Sees that who releases a branch in the middle of its transaction ends its session. */
export async function assertReleaseEndsSession({ admin, branch }: LostBranch): Promise<void> {
  branch.release();
  await untilGone(admin, NAME);
  assertEquals(await ids(admin), []);
}
