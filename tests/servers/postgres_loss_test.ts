/**
 * What a lost connection does to a branch of postgres.js: it refuses every further statement
 * although the pool has long connected again, nothing is written outside of its transaction, what
 * nobody can know is *unknown*, and the pool has as many usable connections as before.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type driver from "postgres";
import { BranchLostError } from "../../src/coordinator/errors.ts";
import type { Branch } from "../../src/coordinator/participant.ts";
import { assertPrepared } from "../participants/contract/subject.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import { PostgresCluster } from "./cluster.ts";
import {
  connect,
  sessions,
  soon,
  terminate,
  type TestSql,
  until,
  usableConnections,
} from "./databases.ts";
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

const server = new LossServer();
let branches = 0;

interface Subject {
  readonly sql: TestSql;
  readonly admin: TestSql;
  readonly gid: string;
  readonly branch: Branch<driver.ReservedSql>;
  readonly client: driver.ReservedSql;
}

/** Registers a test for pools of one and of three connections, with a branch that has written. */
function lossTest(behaviour: string, body: (subject: Subject) => Promise<void>): void {
  for (const max of [1, 3]) {
    Deno.test(`postgres.js: ${behaviour}, ${max} connection(s)`, async () => {
      await using admin = server.admin();
      await clear(admin);
      await using sql = connect(server.url, NAME, { max, backoff: () => 0 });
      const branch = await postgres(sql).acquire();
      const gid = `indoubt_loss_${++branches}_0`;
      try {
        await branch.begin({ gid });
        await branch.client`INSERT INTO entry VALUES ('inside', 1)`;
        await body({ sql, admin, gid, branch, client: branch.client });
      } finally {
        branch.release();
      }
      assertEquals(await usableConnections(sql, max), max);
      await assertNothingLeft(admin);
    });
  }
}

/** The pool works again, after at most one statement that gets the old connection's error. */
async function untilConnected(sql: TestSql): Promise<void> {
  await until(
    "the pool has connected again",
    () => soon("a query of the pool ends", sql`SELECT 1`.then(() => true, () => false)),
  );
}

for (const max of [1, 3]) {
  Deno.test(`postgres.js: the participant's own statements do not get a lost connection's error, ${max} connection(s)`, async () => {
    await using admin = server.admin();
    await clear(admin);
    await using sql = connect(server.url, NAME, { max, backoff: () => 0 });
    const participant = postgres(sql);
    const checked = await participant.check("indoubt_loss_");
    for (const ask of ["check", "commitPrepared"] as const) {
      const underWay = Array.from({ length: max }, async () => await sql`SELECT pg_sleep(60)`);
      const ended = Promise.allSettled(underWay);
      await until("all connections are busy", async () => {
        const busy = (await sessions(admin, NAME)).filter((event) => event === "Timeout/PgSleep");
        return busy.length === max;
      });
      await terminate(admin, NAME);
      assertEquals(new Set((await ended).map(({ status }) => status)), new Set(["rejected"]));
      if (ask === "check") assertEquals(await participant.check("indoubt_loss_"), checked);
      else assertEquals(await participant.commitPrepared("indoubt_loss_0_0"), { kind: "absent" });
      assertEquals(await usableConnections(sql, max), max);
    }
  });
}

lossTest("a branch refuses statements after its connection was lost", async (subject) => {
  const { sql, admin, branch, client } = subject;
  const made = client`INSERT INTO entry VALUES ('made before', 1)`;
  await terminate(admin, NAME);
  await untilConnected(sql);
  await assertRejects(
    async () => await client`INSERT INTO entry VALUES ('outside', 1)`,
    Error,
    "lost",
  );
  await assertRejects(
    async () => await client.unsafe("INSERT INTO entry VALUES ('too', 1)"),
    Error,
    "lost",
  );
  await assertRejects(async () => await made, Error, "lost");
  await assertRejects(() => branch.examine(), Error, "lost");
  const error = await assertRejects(() => branch.examine(), BranchLostError);
  // Neither was sent, so nothing can be in doubt.
  for (const answer of [await branch.prepare(), await branch.commit()]) {
    assert(answer.kind === "refused" && answer.retryable, answer.kind);
  }
  assert(postgres(sql).isRetryable(error));
  assertEquals((await branch.commitPrepared()).kind, "later");
  await branch.rollback();
  assertEquals(await ids(admin), []);
});

lossTest(
  "statements under way end when the connection is lost",
  async ({ admin, client, branch }) => {
    // The second waits in the driver's own queue, since the first has parameters to be described.
    const both = [
      client`SELECT pg_sleep(${60})`,
      client`INSERT INTO entry VALUES (${"queued"}, 1)`,
    ];
    const ended = Promise.allSettled(both);
    await until("it sleeps", async () => (await sessions(admin, NAME)).includes("Timeout/PgSleep"));
    await terminate(admin, NAME);
    const endings = await soon("both statements end", ended);
    assertEquals(endings.map(({ status }) => status), ["rejected", "rejected"]);
    await soon("the roll-back ends", branch.rollback());
    assertEquals(await ids(admin), []);
  },
);

lossTest("PREPARE after a loss that was not noticed is unknown", assertUnnoticedLossIsUnknown);

lossTest("PREPARE whose answer is lost is unknown, and done", async (subject) => {
  const { sql, admin, branch, client, gid } = subject;
  await client`SET LOCAL synchronous_commit = on`;
  const { token } = await branch.examine();
  const preparing = branch.prepare();
  await until("it waits", async () => (await sessions(admin, NAME)).includes("IPC/SyncRep"));
  await using other = connect(server.url, "other", { max: 1 });
  // Its own session has not let go of it.
  assertEquals((await postgres(other).commitPrepared(gid)).kind, "later");
  await terminate(admin, NAME);
  assertEquals((await preparing).kind, "unknown");
  branch.release();
  await untilConnected(sql);
  const participant = postgres(sql);
  assertEquals((await participant.listPrepared("indoubt_loss_")).map((one) => one.gid), [gid]);
  assertEquals(await participant.commitPrepared(gid), { kind: "done" });
  assertEquals(await outcomeOf(participant, token!), "committed");
  assertEquals(await ids(admin), ["inside"]);
});

lossTest("COMMIT whose answer is lost is unknown, and done", async (subject) => {
  const { sql, admin, branch, client } = subject;
  await client`SET LOCAL synchronous_commit = on`;
  const { token } = await branch.examine();
  const committing = branch.commit();
  await until("it waits", async () => (await sessions(admin, NAME)).includes("IPC/SyncRep"));
  await terminate(admin, NAME);
  assertEquals((await committing).kind, "unknown");
  branch.release();
  await untilConnected(sql);
  assertEquals(await outcomeOf(postgres(sql), token!), "committed");
  assertEquals(await ids(admin), ["inside"]);
});

lossTest("a prepared branch outlives its connection", async ({ sql, admin, branch, gid }) => {
  const { token } = await branch.examine();
  assertPrepared(await branch.prepare(), token);
  await terminate(admin, NAME);
  assertEquals((await branch.commitPrepared()).kind, "later");
  branch.release();
  await untilConnected(sql);
  assertEquals(await postgres(sql).commitPrepared(gid), { kind: "done" });
  assertEquals(await ids(admin), ["inside"]);
});

lossTest("release() in the middle of a transaction ends the session", assertReleaseEndsSession);

lossTest("a session is not given back while it copies", async ({ admin, branch, client }) => {
  const stream = await client`COPY entry FROM STDIN`.writable();
  stream.on("error", () => {});
  stream.write("copied\t1\n");
  const copying = async () => {
    const [row] = await admin`
      SELECT count(*)::int AS count FROM pg_stat_activity WHERE query LIKE 'COPY entry FROM%'`;
    return row?.count;
  };
  assertEquals(await copying(), 1);
  await branch.rollback();
  branch.release();
  await until("the copying has ended", async () => await copying() === 0);
  assertEquals(await ids(admin), []);
});

lossTest("interrupt() ends a statement that waits for a lock", async (subject) => {
  const { admin, branch, client } = subject;
  await using locker = server.admin();
  await locker.unsafe("BEGIN; LOCK locked");
  const waiting = client`INSERT INTO locked VALUES (${"waited"})`.then(
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

lossTest("a statement made in the branch is refused after its end", async (subject) => {
  const { sql, admin, branch, client } = subject;
  const late = [
    client`INSERT INTO entry VALUES ('template', 1)`,
    client.unsafe("INSERT INTO entry VALUES ('text', 1)"),
    client`INSERT INTO entry ${client([{ id: "helper", value: 1 }])}`,
  ];
  await branch.rollback();
  await assertRejects(async () => await late[0], TypeError, "Cannot use this client");
  branch.release();
  // The next branch has the same connection, at least in a pool of one.
  const next = await postgres(sql).acquire();
  await next.begin({ gid: "indoubt_loss_next_0" });
  for (const statement of late.slice(1)) {
    await assertRejects(async () => await statement, TypeError, "Cannot use this client");
  }
  assert((await next.examine()).token === null, "nothing was written in the next branch");
  assertEquals(await next.commit(), { kind: "done" });
  next.release();
  assertEquals(await ids(admin), []);
});

Deno.test("postgres.js: acquire() after losses leaves the pool whole", async () => {
  await using admin = server.admin();
  await using sql = connect(server.url, NAME, { max: 3, backoff: () => 0 });
  const participant = postgres(sql);
  for (let round = 0; round < 3; round++) {
    assertEquals(await usableConnections(sql, 3), 3);
    const asleep = Promise.allSettled([1, 2, 3].map(() => sql`SELECT pg_sleep(60)`));
    const sleeping = async () =>
      (await sessions(admin, NAME)).filter((one) => one?.includes("Sleep"));
    await until("all of them sleep", async () => (await sleeping()).length === 3);
    await terminate(admin, NAME);
    await asleep;
    const asked = soon(
      "asking for branches",
      Promise.allSettled([1, 2, 3].map(() => participant.acquire())),
    );
    for (const one of await asked) if (one.status === "fulfilled") one.value.release();
  }
  assertEquals(await usableConnections(sql, 3), 3);
});

Deno.test("postgres.js: acquire() asks before it reserves only until the pool is whole again", async () => {
  await using admin = server.admin();
  for (const max of [1, 3]) {
    await using sql = connect(server.url, NAME, { max, backoff: () => 0 });
    let asked = 0;
    const counting = new Proxy(sql, {
      get: (target, property) => {
        if (property === "unsafe") asked++;
        return Reflect.get(target, property);
      },
    });
    const participant = postgres(counting);
    const takeAll = async () => {
      asked = 0;
      const taking = Array.from({ length: max }, () => participant.acquire());
      for (const branch of await soon("all branches", Promise.all(taking))) {
        await branch.begin({ gid: "indoubt_loss_whole_0" });
        assertEquals(await branch.commit(), { kind: "done" });
        branch.release();
      }
      return asked;
    };
    assertEquals(await usableConnections(sql, max), max);
    // Only an answer that the adapter itself has had shows that there is a server.
    await participant.listPrepared("indoubt_loss_");
    assertEquals(await takeAll(), 0);
    for (let round = 0; round < 3; round++) {
      await terminate(admin, NAME);
      // They are by now, but the adapter has not seen it.
      assertEquals(await usableConnections(sql, max), max);
      assert(await takeAll() >= max, "each connection has to show that it is whole");
      assertEquals(await takeAll(), 0);
    }
    assertEquals(await usableConnections(sql, max), max);
  }
});

Deno.test("postgres.js: a pool is whole after an outage in which branches were begun", async () => {
  await using own = await PostgresCluster.start({ settings: { fsync: "off" } });
  await using sql = connect(own.url(), NAME, { max: 3, backoff: () => 0.05 });
  const participant = postgres(sql);
  assertEquals(await usableConnections(sql, 3), 3);
  await own.kill();
  for (let round = 0; round < 3; round++) {
    // A session may still be had whose end the driver has not heard of; nothing begins in it.
    const begun = Array.from({ length: 6 }, async () => {
      const branch = await participant.acquire();
      try {
        await branch.begin({ gid: "indoubt_loss_outage_0" });
      } finally {
        branch.release();
      }
    });
    const endings = await soon("every beginning fails", Promise.allSettled(begun));
    assert(endings.every(({ status }) => status === "rejected"), "there is no server");
  }
  await own.start();
  assertEquals(await usableConnections(sql, 3), 3);
});
