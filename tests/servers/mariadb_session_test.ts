/**
 * What becomes of a branch of MariaDB when its session lives on or ends, when an operator or another
 * participant ends it, and when the server is killed; and what it locks then.
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { BranchLostError } from "../../src/coordinator/errors.ts";
import { mysql } from "../../src/participants/mysql/mysql.ts";
import { brand } from "./brand.ts";
import { soon, until } from "./databases.ts";
import { OUTCOMES, PREFIX, useServer, values, xaTest } from "./mariadb_branches.ts";
import {
  connectPool,
  firstColumn,
  rollBackAll,
  runApart,
  sessionNumbers,
  untilGone,
} from "./mariadb_databases.ts";
import { MariadbServer } from "./mariadb_server.ts";

useServer();

xaTest("a branch whose changes were taken back is over, not heuristic", async (subject) => {
  const { pool, participant, begin } = subject;
  const { branch, client, gid } = await begin();
  await firstColumn(client, "SAVEPOINT here; INSERT INTO entry VALUES (1); ROLLBACK TO here");
  const answer = await branch.prepare();
  assert(answer.kind === "done" && answer.token !== null);
  const { threadId } = client;
  branch.release();
  await untilGone(pool, threadId);
  // Here MariaDB says 1402: nothing of this name is left in the storage engine. MySQL has it written down.
  const { kind } = await participant.commitPrepared(gid);
  assertEquals(kind, brand.preparedStaysWithSession ? "absent" : "done");
  const { identity } = await participant.check(PREFIX);
  assertEquals(await participant.outcomeOf(answer.token, identity), "unproven");
});

xaTest("a branch that changed nothing can be proven with an outcome table", async (subject) => {
  const { pool, begin } = subject;
  const proving = mysql(pool, { outcomeTable: OUTCOMES });
  const { branch, client, gid } = await begin({ proven: true });
  await firstColumn(client, "SAVEPOINT here; INSERT INTO entry VALUES (1); ROLLBACK TO here");
  const answer = await branch.prepare();
  assert(answer.kind === "done" && answer.token !== null);
  const { threadId } = client;
  branch.release();
  await untilGone(pool, threadId);
  assertEquals(await proving.commitPrepared(gid), { kind: "done" });
  const { identity } = await proving.check(PREFIX);
  assertEquals(await proving.outcomeOf(answer.token, identity), "committed");
});

xaTest("rolling back a prepared branch without changes is done", async (subject) => {
  const { pool, participant, begin } = subject;
  const { branch, client, gid } = await begin();
  assertEquals((await branch.prepare()).kind, "done");
  const { threadId } = client;
  branch.release();
  await untilGone(pool, threadId);
  assertEquals(await participant.rollbackPrepared(gid), { kind: "done" });
  assertEquals(await participant.rollbackPrepared(gid), { kind: "absent" });
});

xaTest("outcomeOf() says in progress as long as the session is there", async (subject) => {
  const { pool, admin, participant, begin } = subject;
  const { identity } = await participant.check(PREFIX);
  for (const proven of [false, true]) {
    const asking = mysql(pool, proven ? { outcomeTable: OUTCOMES } : {});
    const { branch, client } = await begin({ proven });
    await client.query("INSERT INTO entry VALUES (1)");
    const { token } = await branch.examine();
    // Not prepared yet, and it may come to be.
    assertEquals(await asking.outcomeOf(token!, identity), "in progress");
    const { threadId } = client;
    branch.release();
    await untilGone(admin, threadId);
    assertEquals(await asking.outcomeOf(token!, identity), proven ? "aborted" : "unproven");
  }
});

xaTest("what an operator does to a branch is told by the outcome table", async (subject) => {
  const { pool, admin, begin } = subject;
  const proving = mysql(pool, { outcomeTable: OUTCOMES });
  const { identity } = await proving.check(PREFIX);
  for (const [verb, outcome] of [["COMMIT", "committed"], ["ROLLBACK", "aborted"]] as const) {
    const { branch, client, gid } = await begin({ proven: true });
    await client.query("INSERT INTO entry VALUES (1)");
    const answer = await branch.prepare();
    assert(answer.kind === "done" && answer.token !== null);
    assertEquals(await proving.outcomeOf(answer.token, identity), "in progress");
    const { threadId } = client;
    branch.release();
    await untilGone(pool, threadId);
    assertEquals(await proving.outcomeOf(answer.token, identity), "in progress");
    await admin.query(`XA ${verb} '${gid}','',${0x696e6474}`);
    assertEquals(await proving.commitPrepared(gid), { kind: "absent" });
    assertEquals(await proving.outcomeOf(answer.token, identity), outcome);
  }
});

xaTest("a branch that was left is named when its session has gone", async (subject) => {
  const { pool, admin } = subject;
  const held = Promise.withResolvers<() => void>();
  const participant = mysql({
    query: (options) => pool.query(options),
    // The network has lost the end of the connection: the server does not hear of it before the test lets it.
    getConnection: async () => {
      const connection = await pool.getConnection();
      return new Proxy(connection, {
        get: (target, name) => {
          if (name === "destroy") return () => held.resolve(() => target.destroy());
          const value = Reflect.get(target, name, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    },
  });
  await participant.check(PREFIX);
  const branch = await participant.acquire();
  const [gid, { threadId }] = [`${PREFIX}left_0`, branch.client];
  await branch.begin({ gid });
  await branch.client.query("INSERT INTO entry VALUES (1)");
  assertEquals((await branch.prepare()).kind, "done");
  branch.release();
  const end = await held.promise;
  if (brand.preparedStaysWithSession) {
    const answer = await participant.commitPrepared(gid);
    assert(answer.kind === "later");
    assertStringIncludes(String(answer.error), "has not ended");
  }
  end();
  await untilGone(admin, threadId);
  assertEquals(await participant.commitPrepared(gid), { kind: "done" });
  assertEquals(await values(admin), ["1"]);
});

if (brand.preparedStaysWithSession) {
  xaTest("an OK to a branch whose row is still locked is for a person", async (subject) => {
    const { pool, admin, begin } = subject;
    const proving = mysql(pool, { outcomeTable: OUTCOMES });
    const { identity } = await proving.check(PREFIX);
    await using lockers = connectPool(subject.server, "bank");
    const locker = await lockers.getConnection();
    const { branch, client, gid } = await begin({ proven: true });
    await client.query("INSERT INTO entry VALUES (1)");
    const prepared = await branch.prepare();
    assert(prepared.kind === "done" && prepared.token !== null);
    const { threadId } = client;
    branch.release();
    await untilGone(admin, threadId);
    // Who waits for the row has it from the moment at which the branch is committed, as if it was not.
    await locker.query("BEGIN");
    const row = locker.query(`SELECT gid FROM ${OUTCOMES} WHERE gid = '${gid}' FOR UPDATE`);
    const state =
      "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'";
    await until("it waits", async () => (await firstColumn(admin, state))[0] === "1");
    const answer = await proving.commitPrepared(gid);
    assert(answer.kind === "operator");
    assertStringIncludes(String(answer.error), "restart the server");
    await row;
    await locker.query("ROLLBACK");
    locker.release();
    assertEquals(await proving.commitPrepared(gid), { kind: "absent" });
    assertEquals(await proving.outcomeOf(prepared.token, identity), "committed");
  });
}

xaTest("listPrepared() leaves out other transaction managers' branches", async (subject) => {
  const { admin, participant } = subject;
  const gid = `${PREFIX}0_0`;
  // MariaDB tells two by their two parts alone, whatever their format ids.
  const foreign = [`'${gid}1'`, `'${gid}2','',2`, `'${gid}','x',${0x696e6474}`];
  for (const xid of foreign) {
    await runApart(
      admin,
      `XA START ${xid}; INSERT INTO entry VALUES (1); XA END ${xid}; XA PREPARE ${xid}`,
    );
  }
  assertEquals(await participant.listPrepared(PREFIX), []);
  assertEquals(await participant.commitPrepared(gid), { kind: "absent" });
  assertEquals((await brand.preparedXids(admin)).length, foreign.length);
  await rollBackAll(admin);
});

xaTest("listPrepared() remembers when it saw a branch first", async (subject) => {
  const { pool, participant, begin } = subject;
  const { branch, client } = await begin();
  await branch.prepare();
  const [first] = await participant.listPrepared(PREFIX);
  await firstColumn(pool, "SELECT SLEEP(0.05)");
  const [second] = await participant.listPrepared(PREFIX);
  assertEquals(second, first);
  assertEquals(await branch.rollbackPrepared(), { kind: "done" });
  assertEquals(await participant.listPrepared(PREFIX), []);
  assert(client.threadId > 0);
});

xaTest(
  "two databases of one server are two participants, and each lists for both",
  async (subject) => {
    await using shopPool = connectPool(subject.server, "shop");
    const shop = mysql(shopPool);
    const identities = await Promise.all(
      [subject.participant, shop].map((one) => one.check(PREFIX)),
    );
    assert(identities[0]!.identity !== identities[1]!.identity);
    const { branch, client, gid } = await subject.begin();
    await client.query("INSERT INTO entry VALUES (1)");
    await branch.prepare();
    assertEquals((await shop.listPrepared(PREFIX)).map((one) => one.gid), [gid]);
    const { threadId } = client;
    branch.release();
    await untilGone(subject.admin, threadId);
    assertEquals(await shop.rollbackPrepared(gid), { kind: "done" });
    assertEquals(await values(subject.admin), []);
  },
);

xaTest(
  "interrupt() ends a statement that waits, and the session is not used again",
  async (subject) => {
    const { admin, begin } = subject;
    await using lockers = connectPool(subject.server, "bank");
    const locker = await lockers.getConnection();
    await locker.query("BEGIN");
    await locker.query("INSERT INTO held VALUES (1)");
    const { branch, client } = await begin();
    const waiting = client.query("INSERT INTO held VALUES (1)").then(() => 0, ({ errno }) => errno);
    await until(
      "it waits",
      async () =>
        (await firstColumn(admin, "SELECT STATE FROM information_schema.PROCESSLIST")).includes(
          brand.waitingState,
        ),
    );
    const rolledBack = branch.rollback();
    await soon("interrupt()", branch.interrupt());
    assertEquals(await soon("the statement ends", waiting), 1317);
    await soon("the roll-back ends", rolledBack);
    const { threadId } = client;
    branch.release();
    await untilGone(admin, threadId);
    await locker.query("ROLLBACK");
    locker.release();
  },
);

xaTest("a branch of a session that is gone was lost before its vote", async ({ admin, begin }) => {
  for (const vote of ["examine", "prepare"] as const) {
    const { branch, client } = await begin();
    await client.query("INSERT INTO entry VALUES (1)");
    await admin.query(`KILL ${client.threadId}`);
    await untilGone(admin, client.threadId);
    if (vote === "examine") await assertRejects(() => branch.examine(), BranchLostError);
    else {
      const answer = await branch.prepare();
      assert(answer.kind === "refused" && answer.error instanceof BranchLostError);
      assertEquals(answer.retryable, true);
    }
    await branch.rollback();
    branch.release();
  }
  assertEquals(await values(admin), []);
});

xaTest("a prepared branch outlives its session", async ({ admin, participant, begin }) => {
  const { branch, client, gid } = await begin();
  await client.query("INSERT INTO entry VALUES (1)");
  assertEquals((await branch.prepare()).kind, "done");
  await admin.query(`KILL ${client.threadId}`);
  await untilGone(admin, client.threadId);
  assertEquals((await branch.commitPrepared()).kind, "later");
  branch.release();
  assertEquals(await participant.commitPrepared(gid), { kind: "done" });
  assertEquals(await values(admin), ["1"]);
});

xaTest("release() of a branch with a statement under way ends both", async ({ admin, begin }) => {
  const { branch, client } = await begin();
  const { threadId } = client;
  const waiting = client.query("SELECT SLEEP(60)");
  branch.release();
  const error = await assertRejects(() => waiting, Error);
  assertStringIncludes(error.message, "its branch has ended");
  await admin.query(`KILL QUERY ${threadId}`);
  await untilGone(admin, threadId);
});

xaTest("a commit that the server holds up is in progress", async (subject) => {
  const { admin, participant, begin } = subject;
  await using lockers = connectPool(subject.server, "bank");
  const { branch, client, gid } = await begin();
  await client.query("INSERT INTO entry VALUES (1)");
  const answer = await branch.prepare();
  assert(answer.kind === "done" && answer.token !== null);
  const locker = await lockers.getConnection();
  await locker.query("FLUSH TABLES WITH READ LOCK");
  const committing = branch.commitPrepared();
  await until(
    "it waits",
    async () =>
      (await firstColumn(admin, "SELECT INFO FROM information_schema.PROCESSLIST"))
        .some((info) => info.startsWith("XA COMMIT")),
  );
  const { identity } = await participant.check(PREFIX);
  assertEquals(await participant.outcomeOf(answer.token, identity), "in progress");
  const another = participant.commitPrepared(gid);
  // MySQL lets it wait, too.
  const { preparedStaysWithSession } = brand;
  if (preparedStaysWithSession) assertEquals((await another).kind, "later");
  await locker.query("UNLOCK TABLES");
  locker.release();
  const kinds = [(await committing).kind, (await another).kind].toSorted();
  assertEquals(kinds, preparedStaysWithSession ? ["done", "later"] : ["absent", "done"]);
  assertEquals(await values(admin), ["1"]);
});

Deno.test("mysql2: prepared branches survive the server's SIGKILL and orderly stop", async () => {
  await using own = await MariadbServer.start();
  for (const end of ["kill", "stop"] as const) {
    await using pool = connectPool(own, "mysql");
    if (end === "kill") {
      await pool.query("CREATE DATABASE bank");
      await pool.query("CREATE TABLE bank.entry (id int) ENGINE = InnoDB");
    }
    await using bank = connectPool(own, "bank");
    const participant = mysql(bank, { server: "bank-server" });
    const { identity } = await participant.check(PREFIX);
    assertEquals(identity, `${brand.name.toLowerCase()}:bank-server/bank`);
    const gids = [`${PREFIX}${end}1_0`, `${PREFIX}${end}2_0`];
    const tokens: string[] = [];
    for (const gid of gids) {
      const branch = await participant.acquire();
      await branch.begin({ gid });
      await branch.client.query("INSERT INTO entry VALUES (1)");
      const answer = await branch.prepare();
      assert(answer.kind === "done" && answer.token !== null);
      tokens.push(answer.token);
      if (gid === gids.at(-1)) await own[end]();
      branch.release();
    }
    assertEquals((await participant.commitPrepared(gids[0]!)).kind, "later");
    await assertRejects(() => participant.check(PREFIX));
    await own.start();
    assertEquals((await participant.check(PREFIX)).identity, identity);
    const listed = await participant.listPrepared(PREFIX);
    assertEquals(listed.map(({ gid }) => gid).toSorted(), gids);
    assertEquals(await participant.outcomeOf(tokens[0]!, identity), "in progress");
    assertEquals(await participant.commitPrepared(gids[0]!), { kind: "done" });
    assertEquals(await participant.rollbackPrepared(gids[1]!), { kind: "done" });
    // Other sessions have the old numbers now, in another run of the server.
    const numbers = await sessionNumbers(bank);
    assert(numbers.length > 0);
    assertEquals(await participant.outcomeOf(tokens[0]!, identity), "unproven");
    assertEquals(await firstColumn(bank, "SELECT COUNT(*) FROM entry"), [
      end === "kill" ? "1" : "2",
    ]);
  }
});

Deno.test("mysql2: after a restart a prepared branch locks what it changed, not what it read", async () => {
  await using own = await MariadbServer.start();
  await using admin = connectPool(own, "mysql");
  await admin.query("CREATE DATABASE bank");
  const gid = `${PREFIX}locks_0`;
  {
    await using bank = connectPool(own, "bank");
    await bank.query("CREATE TABLE entry (id int PRIMARY KEY, value int) ENGINE = InnoDB");
    await bank.query("INSERT INTO entry VALUES (1, 0), (2, 0)");
    const branch = await mysql(bank).acquire();
    await branch.begin({ gid });
    await branch.client.query("SELECT id FROM entry WHERE id = 1 FOR UPDATE");
    await branch.client.query("UPDATE entry SET value = 1 WHERE id = 2");
    assertEquals((await branch.prepare()).kind, "done");
    await own.kill();
    branch.release();
  }
  await own.start();
  await using bank = connectPool(own, "bank");
  const free = await firstColumn(bank, "SELECT id FROM entry FOR UPDATE SKIP LOCKED");
  // docs/isolation.md
  assertEquals(free, ["1"]);
  assertEquals(await mysql(bank).commitPrepared(gid), { kind: "done" });
});
