/**
 * What MariaDB's own ways do to a branch: what counts as writing, deadlocks, statements that would end the
 * transaction, sessions that end or do not, and servers that are killed.
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Pool, PoolConnection } from "mysql2/promise";
import { BranchEndedError, BranchLostError } from "../../src/coordinator/errors.ts";
import type { Branch } from "../../src/coordinator/participant.ts";
import { mysql, type MysqlParticipant } from "../../src/participants/mysql/mysql.ts";
import { OutcomeTable } from "../../src/participants/mysql/outcome_table.ts";
import { TABLES } from "../participants/mysql/dialect.ts";
import {
  connectPool,
  firstColumn,
  preparedXids,
  rollBackAll,
  runApart,
  sessionNumbers,
  untilGone,
} from "./mariadb_databases.ts";
import { MariadbServer } from "./mariadb_server.ts";
import { soon, until } from "./databases.ts";

const OUTCOMES = "indoubt_outcome";
const PREFIX = "indoubt_xa_";

let server: MariadbServer;
let branches = 0;

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

type Participant = MysqlParticipant<PoolConnection>;

interface Subject {
  readonly pool: Pool;
  readonly admin: Pool;
  readonly participant: Participant;
  /** Begins a branch, which is released at the end of the test at the latest. */
  begin(options?: { proven?: boolean; readOnly?: boolean }): Promise<Begun>;
}

interface Begun {
  readonly gid: string;
  readonly branch: Branch<PoolConnection>;
  readonly client: PoolConnection;
}

/** Registers a test; after it nothing is prepared, and every connection of the pool is in no transaction. */
function xaTest(behaviour: string, body: (subject: Subject) => Promise<void>): void {
  Deno.test(`mysql2: ${behaviour}`, async () => {
    await using admin = connectPool(server, "bank");
    await using pool = connectPool(server, "bank", { connectionLimit: 3 });
    await rollBackAll(admin);
    for (const table of ["entry", "held", OUTCOMES]) await admin.query(`TRUNCATE ${table}`);
    const [plain, proven] = [mysql(pool), mysql(pool, { outcomeTable: OUTCOMES })];
    const begun: Begun[] = [];
    const begin: Subject["begin"] = async (options = {}) => {
      const gid = `${PREFIX}${++branches}_0`;
      const branch = await (options.proven ? proven : plain).acquire();
      const one = { gid, branch, client: branch.client };
      begun.push(one);
      await branch.begin({ gid, readOnly: options.readOnly ?? false });
      return one;
    };
    try {
      await body({ pool, admin, participant: plain, begin });
    } finally {
      for (const { branch } of begun) branch.release();
    }
    assertEquals(await preparedXids(admin), []);
    const connections = await Promise.all([1, 2, 3].map(() => pool.getConnection()));
    for (const connection of connections) {
      assertEquals(await firstColumn(connection, "SELECT @@in_transaction"), ["0"]);
      await connection.query("XA START 'usable'");
      await connection.query("XA END 'usable'");
      await connection.query("XA ROLLBACK 'usable'");
      connection.release();
    }
  });
}

function values(admin: Pool): Promise<string[]> {
  return firstColumn(admin, "SELECT value FROM entry ORDER BY value");
}

/** Statements that write, but whose answer does not say so. */
const HIDDEN_WRITES: readonly string[] = [
  "SELECT added(3)",
  "CALL add_silently()",
  "INSERT INTO entry VALUES (1) RETURNING value",
  "DELETE FROM held RETURNING id",
  "SET @value = added(3)",
];

for (const text of HIDDEN_WRITES) {
  xaTest(`examine() finds out that ${text} wrote`, async ({ admin, begin }) => {
    await admin.query("INSERT INTO held VALUES (1)");
    const { branch, client } = await begin();
    await client.query(text);
    assertEquals((await branch.examine()).wrote, true);
    await branch.rollback();
  });
}

/** What reads, also with the help of tables that the server makes for itself. */
const READS: readonly string[] = [
  "SELECT COUNT(*), value FROM entry GROUP BY value ORDER BY COUNT(*) DESC, value",
  "SELECT DISTINCT one.value FROM entry one, entry two UNION SELECT 1 UNION ALL SELECT 2",
  "WITH RECURSIVE number (n) AS (SELECT 1 UNION SELECT n + 1 FROM number WHERE n < 500) " +
  "SELECT COUNT(*) FROM number",
  "SELECT * FROM information_schema.COLUMNS ORDER BY 1, 2, 3",
  "SHOW TABLES",
];

for (const text of READS) {
  xaTest(`examine() finds out that ${text} did not write`, async ({ admin, begin }) => {
    await admin.query("INSERT INTO entry VALUES (1), (2)");
    const { branch, client } = await begin();
    await client.query(text);
    assertEquals(await branch.examine(), { wrote: false, token: null });
    assertEquals(await branch.commit(), { kind: "done" });
  });
}

xaTest(
  "a branch that read through a table of the server's own may pass for a writer",
  async ({ admin, begin }) => {
    await admin.query("INSERT INTO entry VALUES (1)");
    const { branch, client } = await begin();
    await client.query("SELECT RANK() OVER (ORDER BY value) FROM entry UNION ALL SELECT 1");
    // MariaDB counts the rows of a window as written ones: on the safe side.
    assertEquals((await branch.examine()).wrote, true);
    assertEquals((await branch.prepare()).kind, "done");
    assertEquals(await branch.commitPrepared(), { kind: "done" });
  },
);

xaTest(
  "a prepared statement of a branch is watched and refused like its client",
  async (subject) => {
    const { branch, client } = await subject.begin();
    const statement = await client.prepare("INSERT INTO entry VALUES (?)");
    assertEquals(branch.wrote, false);
    await statement.execute([1]);
    assertEquals(branch.wrote, true);
    await branch.examine();
    await assertRejects(
      async () => await statement.execute([2]),
      TypeError,
      "Cannot use this client",
    );
    assertEquals(await branch.commit(), { kind: "done" });
    assertEquals(await values(subject.admin), ["1"]);
  },
);

/** Each is refused by MariaDB itself inside of an XA transaction. */
const REFUSED: readonly string[] = [
  "COMMIT",
  "ROLLBACK",
  "BEGIN",
  "CREATE TABLE other (id int)",
  "TRUNCATE entry",
  "LOCK TABLES entry WRITE",
  "ANALYZE TABLE entry",
];

for (const text of REFUSED) {
  xaTest(`a branch goes on after ${text} was refused in it`, async ({ admin, begin }) => {
    const { branch, client } = await begin();
    await client.query("INSERT INTO entry VALUES (1)");
    const error = await assertRejects(() => client.query(text), Error);
    assertEquals("errno" in error && error.errno, 1399);
    await client.query("INSERT INTO entry VALUES (2)");
    assertEquals((await branch.prepare()).kind, "done");
    assertEquals(await branch.commitPrepared(), { kind: "done" });
    assertEquals(await values(admin), ["1", "2"]);
  });
}

for (const proven of [false, true]) {
  const how = proven ? "with" : "without";

  xaTest(
    `a branch ended by hand is found out, ${how} an outcome table`,
    async ({ admin, begin }) => {
      for (const ending of ["COMMIT x ONE PHASE", "ROLLBACK x"]) {
        for (const vote of ["examine", "prepare"] as const) {
          const { branch, client, gid } = await begin({ proven });
          const xid = `'${gid}','',${0x696e6474}`;
          await client.query("INSERT INTO entry VALUES (1)");
          await client.query(`XA END ${xid}`);
          await client.query(`XA ${ending.replace("x", xid)}`);
          if (vote === "examine") await assertRejects(() => branch.examine(), BranchEndedError);
          else {
            const answer = await branch.prepare();
            assert(answer.kind === "refused" && answer.error instanceof BranchEndedError, ending);
            assertEquals(answer.retryable, false);
          }
          branch.release();
        }
      }
      assertEquals(await values(admin), ["1", "1"]);
    },
  );

  xaTest(
    `a branch left by hand is rolled back, ${how} an outcome table`,
    async ({ admin, begin }) => {
      for (const leaving of ["XA END x", "XA END x; XA PREPARE x"]) {
        const { branch, client, gid } = await begin({ proven });
        await client.query("INSERT INTO entry VALUES (1)");
        await firstColumn(client, leaving.replaceAll("x", `'${gid}','',${0x696e6474}`));
        assertEquals((await branch.prepare()).kind, "refused");
        branch.release();
      }
      assertEquals(await values(admin), []);
      assertEquals(await firstColumn(admin, `SELECT gid FROM ${OUTCOMES}`), []);
    },
  );

  xaTest(`a deadlock rolls back one branch, ${how} an outcome table`, async ({ admin, begin }) => {
    await admin.query("INSERT INTO held VALUES (1), (2)");
    const both = [await begin({ proven }), await begin({ proven })] as const;
    await Promise.all(
      both.map(({ client }, index) =>
        client.query(`UPDATE held SET id = id + 10 WHERE id = ${index + 1}`)
      ),
    );
    const crossed = await Promise.allSettled(
      both.map(({ client }, index) =>
        client.query(`UPDATE held SET id = id + 10 WHERE id = ${2 - index}`)
      ),
    );
    const lost = crossed.findIndex(({ status }) => status === "rejected");
    assertEquals(crossed.filter(({ status }) => status === "rejected").length, 1);
    const [victim, survivor] = [both[lost]!.branch, both[1 - lost]!.branch];
    const answer = await victim.prepare();
    assertEquals([answer.kind, "retryable" in answer && answer.retryable], ["refused", true]);
    assertEquals((await survivor.prepare()).kind, "done");
    assertEquals(await survivor.commitPrepared(), { kind: "done" });
    assertEquals(await firstColumn(admin, "SELECT id FROM held ORDER BY id"), ["11", "12"]);
    assertEquals(await values(admin), ["8", "8"]);
  });
}

xaTest("a branch whose changes were taken back is over, not heuristic", async (subject) => {
  const { pool, participant, begin } = subject;
  const { branch, client, gid } = await begin();
  await firstColumn(client, "SAVEPOINT here; INSERT INTO entry VALUES (1); ROLLBACK TO here");
  const answer = await branch.prepare();
  assert(answer.kind === "done" && answer.token !== null);
  const { threadId } = client;
  branch.release();
  await untilGone(pool, threadId);
  // Here MariaDB says 1402: nothing of this name is left in the storage engine.
  assertEquals(await participant.commitPrepared(gid), { kind: "absent" });
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
  assertEquals((await preparedXids(admin)).length, foreign.length);
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
    await using shopPool = connectPool(server, "shop");
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
    await using lockers = connectPool(server, "bank");
    const locker = await lockers.getConnection();
    await locker.query("BEGIN");
    await locker.query("INSERT INTO held VALUES (1)");
    const { branch, client } = await begin();
    const waiting = client.query("INSERT INTO held VALUES (1)").then(() => 0, ({ errno }) => errno);
    await until(
      "it waits",
      async () =>
        (await firstColumn(admin, "SELECT STATE FROM information_schema.PROCESSLIST")).includes(
          "Update",
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
  await using lockers = connectPool(server, "bank");
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
  assertEquals((await participant.commitPrepared(gid)).kind, "later");
  await locker.query("UNLOCK TABLES");
  locker.release();
  assertEquals(await committing, { kind: "done" });
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
    assertEquals(identity, "mariadb:bank-server/bank");
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
