/**
 * What MariaDB's own ways do to a branch: what counts as writing, statements that would end the transaction,
 * branches that the application ends or leaves by hand, deadlocks, snapshots that are out of date; and what the
 * application changes in a session.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { BranchEndedError } from "../../src/coordinator/errors.ts";
import { type Brand, brand } from "./brand.ts";
import { mysql } from "../../src/participants/mysql/mysql.ts";
import { OUTCOMES, PREFIX, type Subject, useServer, values, xaTest } from "./mariadb_branches.ts";
import { connectPool, firstColumn, grantPrivilege } from "./mariadb_databases.ts";

useServer();

/** Statements that write, but whose answer does not say so. */
const HIDDEN_WRITES: readonly string[] = [
  "SELECT added(3)",
  "CALL add_silently()",
  ...(brand.hasReturning
    ? ["INSERT INTO entry VALUES (1) RETURNING value", "DELETE FROM held RETURNING id"]
    : []),
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

/**
 * What reads, also with the help of tables that the server makes for itself, and which of the two servers counts
 * the rows of those as written ones: on the safe side.
 */
const READS: readonly (readonly [text: string, counts?: Brand["name"]])[] = [
  ["SELECT COUNT(*), value FROM entry GROUP BY value ORDER BY COUNT(*) DESC, value"],
  [
    "SELECT DISTINCT one.value FROM entry one, entry two UNION SELECT 1 UNION ALL SELECT 2",
    "MySQL",
  ],
  [
    "WITH RECURSIVE number (n) AS (SELECT 1 UNION SELECT n + 1 FROM number WHERE n < 500) " +
    "SELECT COUNT(*) FROM number",
    "MySQL",
  ],
  ["SELECT * FROM information_schema.COLUMNS ORDER BY 1, 2, 3", "MySQL"],
  ["SELECT RANK() OVER (ORDER BY value) FROM entry UNION ALL SELECT 1", "MariaDB"],
  ["SHOW TABLES"],
];

for (const [text, counts] of READS) {
  if (counts === brand.name) {
    xaTest(`a branch that read passes for a writer: ${text}`, async ({ admin, begin }) => {
      await admin.query("INSERT INTO entry VALUES (1)");
      const { branch, client } = await begin();
      await client.query(text);
      assertEquals((await branch.examine()).wrote, true);
      assertEquals((await branch.prepare()).kind, "done");
      assertEquals(await branch.commitPrepared(), { kind: "done" });
    });
    continue;
  }
  xaTest(`examine() finds out that ${text} did not write`, async ({ admin, begin }) => {
    await admin.query("INSERT INTO entry VALUES (1), (2)");
    const { branch, client } = await begin();
    await client.query(text);
    assertEquals(await branch.examine(), { wrote: false, token: null });
    assertEquals(await branch.commit(), { kind: "done" });
  });
}

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
      assertEquals(await firstColumn(admin, `SELECT gid FROM ${OUTCOMES}`), []);
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

if (brand.hasStrictSnapshots) {
  for (const proven of [false, true]) {
    const how = proven ? "with" : "without";
    // MariaDB 11.6 and later answer so unless they are told otherwise.
    xaTest(
      `a snapshot that is out of date rolls back its branch, ${how} an outcome table`,
      async (subject) => {
        const { admin, participant } = subject;
        await admin.query("INSERT INTO held VALUES (1)");
        const { branch, client } = await subject.begin({ proven });
        await client.query("SET innodb_snapshot_isolation = ON");
        await client.query("INSERT INTO entry VALUES (9)");
        assertEquals(await firstColumn(client, "SELECT id FROM held"), ["1"]);
        await admin.query("UPDATE held SET id = 2");
        const error = await assertRejects(
          () => client.query("UPDATE held SET id = id + 10"),
          Error,
        );
        assert(participant.isRetryable(error), String(error));
        const answer = await branch.prepare();
        assertEquals([answer.kind, "retryable" in answer && answer.retryable], ["refused", true]);
        branch.release();
        assertEquals(await firstColumn(admin, "SELECT id FROM held"), ["2"]);
        assertEquals(await values(admin), ["8"]);
      },
    );
  }
}

/** A branch whose participant knows its database, as in a coordinator. */
async function beginChecked({ pool }: Pick<Subject, "pool">, gid: string) {
  const participant = mysql(pool, { outcomeTable: OUTCOMES });
  const { identity } = await participant.check(PREFIX);
  const branch = await participant.acquire();
  await branch.begin({ gid, identity });
  return { participant, identity, branch, client: branch.client };
}

/** What every connection of the pool says to a question. */
async function everywhere(pool: Subject["pool"], question: string): Promise<string[]> {
  const connections = await Promise.all([1, 2, 3].map(() => pool.getConnection()));
  const answers = await Promise.all(connections.map((one) => firstColumn(one, question)));
  for (const connection of connections) connection.release();
  return answers.flat();
}

xaTest("a branch that says USE has its row in its own database", async (subject) => {
  await using shop = connectPool(subject.server, "shop");
  for (const vote of ["commit", "prepare"] as const) {
    await shop.query(`TRUNCATE ${OUTCOMES}`);
    const begun = await beginChecked(subject, `${PREFIX}use_${vote}_0`);
    const { participant, identity, branch, client } = begun;
    await client.query("INSERT INTO entry VALUES (1)");
    await client.query("USE shop");
    const { token } = await branch.examine();
    assertEquals((await branch[vote]()).kind, "done");
    if (vote === "prepare") {
      assertEquals(await participant.outcomeOf(token!, identity), "in progress");
      assertEquals((await branch.commitPrepared()).kind, "done");
    }
    branch.release();
    assertEquals(await participant.outcomeOf(token!, identity), "committed");
    assertEquals(await firstColumn(shop, `SELECT gid FROM ${OUTCOMES}`), []);
    // Nobody gets that session.
    assertEquals(await everywhere(subject.pool, "SELECT DATABASE()"), ["bank", "bank", "bank"]);
  }
});

xaTest(
  "a branch and a check begin in the pool's database, wherever a session was",
  async (subject) => {
    const { pool } = subject;
    const checked = mysql(pool, { outcomeTable: OUTCOMES });
    const { identity } = await checked.check(PREFIX);
    await everywhere(pool, "USE shop");
    assertEquals(await checked.check(PREFIX), { identity });
    await everywhere(pool, "USE shop");
    const branch = await checked.acquire();
    await branch.begin({ gid: `${PREFIX}moved_0`, identity });
    assertEquals(await firstColumn(branch.client, "SELECT DATABASE()"), ["bank"]);
    await branch.client.query("INSERT INTO entry VALUES (1)");
    const { token } = await branch.examine();
    await branch.commit();
    branch.release();
    await everywhere(pool, "USE shop");
    assertEquals(await checked.outcomeOf(token!, identity), "committed");
    assertEquals(await values(subject.admin), ["1"]);
  },
);

xaTest("a branch that turns off autocommit leaves no session without it", async (subject) => {
  for (const end of ["commit", "prepare", "rollback"] as const) {
    const { branch, client } = await subject.begin();
    await client.query("SET autocommit = 0");
    await client.query("INSERT INTO entry VALUES (1)");
    if (end !== "rollback") await branch.examine();
    await branch[end]();
    if (end === "prepare") assertEquals((await branch.commitPrepared()).kind, "done");
    branch.release();
    assertEquals(await everywhere(subject.pool, "SELECT @@autocommit"), ["1", "1", "1"]);
  }
  assertEquals(await values(subject.admin), ["1", "1"]);
});

xaTest("a one-phase commit that a server refuses to begin is refused", async (subject) => {
  const { admin, server } = subject;
  await admin.query("CREATE USER IF NOT EXISTS teller@'127.0.0.1'");
  await admin.query("GRANT ALL ON bank.* TO teller@'127.0.0.1'");
  await grantPrivilege(admin, "teller");
  await using pool = connectPool(server, "bank", { user: "teller" });
  await using lockers = connectPool(server, "bank", { connectionLimit: 1 });
  const refusals: [forbid: string, allow: string, retryable: boolean][] = [
    ["SET GLOBAL read_only = ON", "SET GLOBAL read_only = OFF", false],
    ["FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES", true],
  ];
  for (const [forbid, allow, retryable] of refusals) {
    const branch = await mysql(pool).acquire();
    await branch.begin({ gid: `${PREFIX}forbidden_0` });
    await branch.client.query("SET lock_wait_timeout = 1");
    await branch.client.query("INSERT INTO entry VALUES (1)");
    await branch.examine();
    await lockers.query(forbid);
    try {
      const answer = await branch.commit();
      assertEquals([answer.kind, "retryable" in answer && answer.retryable], [
        "refused",
        retryable,
      ]);
    } finally {
      await lockers.query(allow);
      branch.release();
    }
    assertEquals(await values(admin), []);
  }
});
