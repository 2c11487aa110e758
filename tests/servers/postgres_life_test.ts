/**
 * An id of a transaction means that transaction only as long as its server cannot have given it to another: what
 * a promoted standby, or a server that has crashed, says of an id that it has given again is not believed.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import { PostgresCluster, type StopMode } from "./cluster.ts";
import { connect, createDatabases, type TestSql } from "./databases.ts";
import { Standby } from "./standby.ts";

const GID = "indoubt_life_1_0";
const PREFIX = "indoubt_life_";
/** So that nothing of a transaction is on disk before it is prepared or committed. */
const SETTINGS = { wal_writer_delay: "10s", autovacuum: "off", fsync: "off" };

/** Begins a branch that has written. */
async function write(sql: TestSql, identity: string) {
  const branch = await postgres(sql).acquire();
  await branch.begin({ gid: GID, identity });
  await branch.client`INSERT INTO entry VALUES ('mine', 1)`;
  return branch;
}

async function identityOf(sql: TestSql): Promise<string> {
  return (await postgres(sql).check(PREFIX)).identity;
}

/** Commits transactions until one gets an id; false if it was given before. */
async function giveAgain(sql: TestSql, token: string): Promise<boolean> {
  const wanted = BigInt(token.split("@")[0]!);
  while (true) {
    const [row] = await sql`INSERT INTO entry VALUES ('other', 1)
      RETURNING pg_current_xact_id()::text AS id`;
    const id = BigInt(row!.id as string);
    if (id >= wanted) return id === wanted;
  }
}

Deno.test("outcomeOf() does not believe a promoted standby that has given the id to another transaction", async () => {
  await using primary = await PostgresCluster.start({ settings: SETTINGS });
  await createDatabases(primary, "orders");
  await using standby = await Standby.start(primary);
  await standby.fallBehind();
  let token: string | null;
  let identity: string;
  {
    await using sql = connect(primary.url("orders"), "life");
    identity = await identityOf(sql);
    const branch = await write(sql, identity);
    const answer = await branch.prepare();
    assert(answer.kind === "done" && answer.token !== null);
    token = answer.token;
    branch.release();
    assertEquals(await postgres(sql).outcomeOf(token, identity), "in progress");
    await primary.kill();
  }
  await using sql = connect(standby.url("orders"), "life");
  const participant = postgres(sql);
  await assertRejects(() => participant.outcomeOf(token, identity), Error, "is a standby");
  await standby.promote();
  assertEquals(await identityOf(sql), identity, "it is the same to whoever asks");
  assertEquals(await participant.commitPrepared(GID), { kind: "absent" });
  assertEquals(await participant.outcomeOf(token, identity), "aborted", "not given yet");
  assert(await giveAgain(sql, token));
  assertEquals(await participant.outcomeOf(token, identity), "unknown");
  const branch = await write(sql, identity);
  const answer = await branch.prepare();
  assert(answer.kind === "done" && answer.token !== null);
  branch.release();
  assertEquals(await participant.commitPrepared(GID), { kind: "done" });
  assertEquals(await participant.outcomeOf(answer.token, identity), "committed");
});

Deno.test("outcomeOf() does not believe a server that has given the id again after a crash", async () => {
  await using cluster = await PostgresCluster.start({ settings: SETTINGS });
  await createDatabases(cluster, "orders");
  for (let attempt = 1;; attempt++) {
    assert(attempt < 10, "what was written is always on disk at once");
    let token: string | null;
    let identity: string;
    {
      await using sql = connect(cluster.url("orders"), "life");
      identity = await identityOf(sql);
      await sql`CHECKPOINT`;
      const branch = await write(sql, identity);
      token = (await branch.examine()).token;
      await cluster.kill();
      await branch.rollback();
      branch.release();
    }
    await cluster.start();
    await using sql = connect(cluster.url("orders"), "life");
    assertEquals(await postgres(sql).outcomeOf(token!, identity), "aborted");
    const isAnother = await giveAgain(sql, token!);
    assertEquals(
      await postgres(sql).outcomeOf(token!, identity),
      isAnother ? "unknown" : "aborted",
    );
    if (isAnother) break;
  }
});

const ENDS: [string, StopMode | "kill", "one" | "two", string][] = [
  ["a clean restart", "fast", "one", "committed"],
  ["a clean restart", "fast", "two", "committed"],
  // It may have been another's that was given the same id.
  ["a crash", "kill", "one", "unknown"],
  ["a crash", "kill", "two", "committed"],
];

for (const [event, stop, phases, outcome] of ENDS) {
  Deno.test(`outcomeOf() after ${event} of what has committed in ${phases} phase(s): ${outcome}`, async () => {
    await using cluster = await PostgresCluster.start({ settings: { fsync: "off" } });
    await createDatabases(cluster, "orders");
    let token: string | null;
    let identity: string;
    {
      await using sql = connect(cluster.url("orders"), "life");
      identity = await identityOf(sql);
      const branch = await write(sql, identity);
      ({ token } = await branch.examine());
      if (phases === "two") {
        const answer = await branch.prepare();
        assert(answer.kind === "done");
        ({ token } = answer);
        assertEquals(await branch.commitPrepared(), { kind: "done" });
      } else assertEquals(await branch.commit(), { kind: "done" });
      branch.release();
      assertEquals(await postgres(sql).outcomeOf(token!, identity), "committed");
      await (stop === "kill" ? cluster.kill() : cluster.stop(stop));
    }
    await cluster.start();
    await using sql = connect(cluster.url("orders"), "life");
    assertEquals(await postgres(sql).outcomeOf(token!, identity), outcome);
  });
}
