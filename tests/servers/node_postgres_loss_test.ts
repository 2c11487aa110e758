/**
 * What a lost connection does to a branch of node-postgres: it refuses every further statement, what nobody
 * can know is *unknown*, nothing is left unhandled, and the pool never gets a client back that is not clean.
 */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
// @ts-types="@types/pg"
import type pg from "pg";
import { BranchLostError } from "../../src/coordinator/errors.ts";
import type { Branch, Participant } from "../../src/coordinator/participant.ts";
import { nodePostgres } from "../../src/participants/postgresql/node_postgres.ts";
import { PostgresCluster } from "./cluster.ts";
import { sessions, soon, terminate, type TestSql, until, untilGone } from "./databases.ts";
import {
  assertNothingLeft,
  assertReleaseEndsSession,
  assertUnnoticedLossIsUnknown,
  clear,
  ids,
  LossServer,
  NAME,
  outcomeOf,
} from "./loss_server.ts";
import { type Client, makePool, usableClients } from "./node_postgres.ts";

const server = new LossServer();
let branches = 0;

interface Subject {
  readonly pool: pg.Pool;
  readonly participant: Participant<Client>;
  readonly admin: TestSql;
  readonly gid: string;
  readonly branch: Branch<Client>;
  readonly client: Client;
}

/** Registers a test for pools of one and of three clients, with a branch that has written. */
function lossTest(behaviour: string, body: (subject: Subject) => Promise<void>): void {
  for (const max of [1, 3]) {
    Deno.test(`node-postgres: ${behaviour}, ${max} client(s)`, async () => {
      await using admin = server.admin();
      await clear(admin);
      await using pool = makePool(server.url, NAME, { max });
      const participant = nodePostgres(pool);
      const branch = await participant.acquire();
      const gid = `indoubt_loss_${++branches}_0`;
      try {
        await branch.begin({ gid });
        await branch.client.query("INSERT INTO entry VALUES ('inside', 1)");
        await body({ pool, participant, admin, gid, branch, client: branch.client });
      } finally {
        branch.release();
      }
      assertEquals(await usableClients(pool, max), max);
      await assertNothingLeft(admin);
      participant.detach();
    });
  }
}

/** Waits until the driver has heard that the connection is gone. */
async function untilRefused({ client }: Subject): Promise<void> {
  await until("the loss is known", async () => {
    try {
      await client.query("SELECT 1");
      return false;
    } catch (error) {
      return error instanceof BranchLostError;
    }
  });
}

lossTest("a branch refuses statements after its connection was lost", async (subject) => {
  const { admin, branch, client, participant } = subject;
  await terminate(admin, NAME);
  await untilRefused(subject);
  await assertRejects(
    async () => await client.query("INSERT INTO entry VALUES ('outside', 1)"),
    BranchLostError,
  );
  const error = await assertRejects(() => branch.examine(), BranchLostError);
  assert(participant.isRetryable(error));
  // Neither was sent, so nothing can be in doubt.
  for (const answer of [await branch.prepare(), await branch.commit()]) {
    assert(answer.kind === "refused" && answer.retryable, answer.kind);
  }
  assertEquals((await branch.commitPrepared()).kind, "later");
  await branch.rollback();
  assertEquals(await ids(admin), []);
});

lossTest("statements under way end when the connection is lost", async (subject) => {
  const { admin, client, branch, participant } = subject;
  const both = [
    client.query("SELECT pg_sleep($1)", [60]),
    client.query("INSERT INTO entry VALUES ($1, 1)", ["queued"]),
  ];
  const ended = Promise.allSettled(both);
  await until("it sleeps", async () => (await sessions(admin, NAME)).includes("Timeout/PgSleep"));
  await terminate(admin, NAME);
  for (const ending of await soon("both statements end", ended)) {
    assert(ending.status === "rejected");
    assert(participant.isRetryable(ending.reason), String(ending.reason));
  }
  await soon("the roll-back ends", branch.rollback());
  assertEquals(await ids(admin), []);
});

lossTest("PREPARE after a loss that was not noticed is unknown", assertUnnoticedLossIsUnknown);

lossTest("PREPARE whose answer is lost is unknown, and done", async (subject) => {
  const { participant, admin, branch, client, gid } = subject;
  await client.query("SET LOCAL synchronous_commit = on");
  const { token } = await branch.examine();
  const preparing = branch.prepare();
  await until("it waits", async () => (await sessions(admin, NAME)).includes("IPC/SyncRep"));
  await using elsewhere = makePool(server.url, "other", { max: 1 });
  const other = nodePostgres(elsewhere);
  // Its own session has not let go of it.
  assertEquals((await other.commitPrepared(gid)).kind, "later");
  other.detach();
  await terminate(admin, NAME);
  assertEquals((await preparing).kind, "unknown");
  branch.release();
  assertEquals((await participant.listPrepared("indoubt_loss_")).map((one) => one.gid), [gid]);
  assertEquals(await participant.commitPrepared(gid), { kind: "done" });
  assertEquals(await outcomeOf(participant, token!), "committed");
  assertEquals(await ids(admin), ["inside"]);
});

lossTest("COMMIT whose answer is lost is unknown, and done", async (subject) => {
  const { participant, admin, branch, client } = subject;
  await client.query("SET LOCAL synchronous_commit = on");
  const { token } = await branch.examine();
  const committing = branch.commit();
  await until("it waits", async () => (await sessions(admin, NAME)).includes("IPC/SyncRep"));
  await terminate(admin, NAME);
  assertEquals((await committing).kind, "unknown");
  branch.release();
  assertEquals(await outcomeOf(participant, token!), "committed");
  assertEquals(await ids(admin), ["inside"]);
});

lossTest("a prepared branch outlives its connection", async (subject) => {
  const { participant, admin, branch, gid } = subject;
  assertEquals((await branch.prepare()).kind, "done");
  await terminate(admin, NAME);
  assertEquals((await branch.commitPrepared()).kind, "later");
  branch.release();
  assertEquals(await participant.commitPrepared(gid), { kind: "done" });
  assertEquals(await ids(admin), ["inside"]);
});

lossTest("release() in the middle of a transaction ends the session", assertReleaseEndsSession);

lossTest("release() with a statement under way ends the session", async (subject) => {
  const { admin, branch, client } = subject;
  const sleeping = client.query("SELECT pg_sleep(60)").then(() => "done", () => "ended");
  await until("it sleeps", async () => (await sessions(admin, NAME)).includes("Timeout/PgSleep"));
  const rolledBack = branch.rollback();
  branch.release();
  assertEquals(await soon("the statement ends", sleeping), "ended");
  await soon("the roll-back ends", rolledBack);
  // The server goes on with it until it has something to say.
  await admin`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'
  `;
  assertEquals(await ids(admin), []);
});

lossTest("an error of an idle client of the pool is handled", async (subject) => {
  const { pool, admin, branch } = subject;
  await branch.rollback();
  branch.release();
  assertEquals(pool.idleCount, 1);
  await terminate(admin, NAME);
  await until("the pool has let go of it", () => pool.totalCount === 0);
  assertEquals(await ids(admin), []);
});

lossTest("interrupt() ends a statement that waits for a lock", async (subject) => {
  const { admin, branch, client } = subject;
  await using locker = server.admin();
  await locker.unsafe("BEGIN; LOCK locked");
  const waiting = client.query("INSERT INTO locked VALUES ($1)", ["waited"]).then(
    () => "done",
    (error) => error.code,
  );
  await until("it waits", async () => (await sessions(admin, NAME)).includes("Lock/relation"));
  const rolledBack = branch.rollback();
  await soon("interrupt()", branch.interrupt());
  assertEquals(await soon("the statement ends", waiting), "57014");
  await soon("the roll-back ends", rolledBack);
  await locker.unsafe("ROLLBACK");
  assertEquals(await ids(admin), []);
});

lossTest("interrupt() without a server to ask ends", async ({ branch, admin }) => {
  await terminate(admin, NAME);
  await soon("interrupt()", branch.interrupt());
  await branch.rollback();
});

lossTest("a client in a failed transaction does not go back", async (subject) => {
  const { pool, admin, branch, client } = subject;
  const { rows: [before] } = await client.query("SELECT pg_backend_pid() AS pid");
  await assertRejects(async () => await client.query("SELECT 1 / 0"));
  branch.release();
  await untilGone(admin, NAME);
  const { rows: [after] } = await pool.query("SELECT pg_backend_pid() AS pid");
  assertNotEquals(after.pid, before.pid);
});

Deno.test("node-postgres: a PREPARE that the driver does not wait for costs the client", async () => {
  await using admin = server.admin();
  await admin`TRUNCATE entry`;
  await using pool = makePool(server.url, NAME, { max: 1, query_timeout: 300 });
  const participant = nodePostgres(pool);
  const branch = await participant.acquire();
  await branch.begin({ gid: "indoubt_loss_slow_0" });
  await branch.client.query(
    "INSERT INTO entry VALUES ('slow', 1); SET LOCAL synchronous_commit = on",
  );
  assertEquals((await branch.prepare()).kind, "unknown");
  branch.release();
  // The client is gone; the server knows nothing of that, and is waiting still.
  assertEquals(pool.totalCount, 0);
  assertEquals((await participant.commitPrepared("indoubt_loss_slow_0")).kind, "later");
  await terminate(admin, NAME);
  assertEquals(await participant.commitPrepared("indoubt_loss_slow_0"), { kind: "done" });
  assertEquals(await ids(admin), ["slow"]);
  participant.detach();
});

Deno.test("node-postgres: acquire() rejects without a server, and the pool is whole after", async () => {
  await using own = await PostgresCluster.start({ settings: { fsync: "off" } });
  await using pool = makePool(own.url(), NAME, { max: 3 });
  const participant = nodePostgres(pool);
  assertEquals(await usableClients(pool, 3), 3);
  // Else the end of idle clients would be unhandled before the participant was ever used.
  await participant.check("indoubt_loss_");
  await own.kill();
  for (let round = 0; round < 3; round++) {
    const begun = Array.from({ length: 6 }, async () => {
      const branch = await participant.acquire();
      try {
        await branch.begin({ gid: "indoubt_loss_outage_0" });
      } finally {
        branch.release();
      }
    });
    for (const ending of await soon("every beginning fails", Promise.allSettled(begun))) {
      assert(ending.status === "rejected", "there is no server");
      assert(participant.isRetryable(ending.reason), String(ending.reason));
    }
  }
  await own.start();
  assertEquals(await usableClients(pool, 3), 3);
  participant.detach();
});
