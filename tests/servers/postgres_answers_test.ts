/**
 * The table of answers against PostgreSQL itself: each state that a server can be brought to answer comes
 * where the table expects it, to PREPARE TRANSACTION and to its ending.
 */

import { assert, assertEquals } from "@std/assert";
import {
  settleAnswerOf,
  sqlStateOf,
  STATES,
  voteOf,
} from "../../src/participants/postgresql/answers.ts";
import { PostgresCluster } from "./cluster.ts";
import {
  connect,
  connectAdmin,
  createDatabases,
  preparedGids,
  sessions,
  type TestSql,
  until,
} from "./databases.ts";

let cluster: PostgresCluster;

Deno.test.beforeAll(async () => {
  cluster = await PostgresCluster.start({
    settings: { fsync: "off", max_prepared_transactions: "1" },
  });
  await createDatabases(cluster, "north", "south");
  await using admin = connectAdmin(cluster, "north");
  await admin.unsafe(`
    CREATE ROLE teller LOGIN;
    CREATE TABLE deferring (doing text);
    CREATE TABLE parent (id int PRIMARY KEY);
    CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE single (id int UNIQUE DEFERRABLE INITIALLY DEFERRED);
    CREATE FUNCTION at_end() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN EXECUTE NEW.doing; RETURN NULL; END
    $$;
    CREATE CONSTRAINT TRIGGER at_end AFTER INSERT ON deferring DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION at_end();
  `);
});

Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

const GID = "indoubt_answers_1_0";

interface Case {
  readonly state: string;
  readonly when: string;
  /** What goes before in the same session; may fail. */
  readonly before?: readonly string[];
  /** What the state answers. */
  readonly last: string;
  readonly user?: string;
  readonly database?: string;
  /** What somebody else does first, in a session that stays open. */
  readonly other?: string;
  /** What happens before the last statement, or while it is under way. */
  readonly meanwhile?: (rival: TestSql, admin: TestSql) => Promise<void>;
}

/** The other session waits for what the first one has locked. */
async function lockParent(rival: TestSql, admin: TestSql): Promise<void> {
  rival.unsafe("LOCK TABLE parent").catch(() => {});
  await until("it waits", async () => (await sessions(admin, "admin")).includes("Lock/relation"));
}

/** Does not wait for what has not begun. */
function cancelSleeper(_rival: TestSql, admin: TestSql): Promise<void> {
  void until("it is cancelled", async () => {
    const rows = await admin`
      SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'
    `;
    return rows.length === 1;
  });
  return Promise.resolve();
}

const PREPARE = `PREPARE TRANSACTION '${GID}'`;
const COMMIT = `COMMIT PREPARED '${GID}'`;
const PREPARED = `BEGIN; INSERT INTO entry VALUES ('x', 1); ${PREPARE}`;

function atEnd(doing: string): string {
  return `BEGIN; INSERT INTO deferring VALUES ('${doing}')`;
}

/** Answers to PREPARE TRANSACTION. */
const VOTES: readonly Case[] = [
  {
    state: "0A000",
    when: "it has a temporary table",
    before: ["BEGIN; CREATE TEMPORARY TABLE scratch (id int)"],
    last: PREPARE,
  },
  {
    state: "22023",
    when: "the gid is too long",
    last: `BEGIN; PREPARE TRANSACTION '${"x".repeat(200)}'`,
  },
  {
    state: "23503",
    when: "a deferred key has no parent",
    before: ["BEGIN; INSERT INTO child VALUES (1)"],
    last: PREPARE,
  },
  {
    state: "23505",
    when: "a deferred key is there twice",
    before: ["BEGIN; INSERT INTO single VALUES (1), (1)"],
    last: PREPARE,
  },
  {
    state: "25006",
    when: "a deferred trigger writes in a read-only transaction",
    before: [`${atEnd("DELETE FROM entry")}; SET TRANSACTION READ ONLY`],
    last: PREPARE,
  },
  {
    state: "25P02",
    when: "the transaction has failed, and the question stands before it",
    before: ["BEGIN", "SELECT 1 / 0"],
    last: `SELECT 1; ${PREPARE}`,
  },
  {
    state: "40P01",
    when: "a deferred trigger and another session wait for each other",
    other: "SET deadlock_timeout = '60s'; BEGIN; LOCK TABLE entry",
    meanwhile: lockParent,
    before: [
      `SET deadlock_timeout = '50ms'; ${atEnd("LOCK TABLE entry")}; LOCK TABLE parent`,
    ],
    last: PREPARE,
  },
  { state: "42710", when: "the gid is taken", other: PREPARED, before: ["BEGIN"], last: PREPARE },
  {
    state: "53200",
    when: "as many are prepared as may be",
    other: PREPARED,
    before: ["BEGIN"],
    last: "PREPARE TRANSACTION 'indoubt_answers_2_0'",
  },
  {
    state: "55P03",
    when: "a deferred trigger waits too long for a lock",
    other: "BEGIN; LOCK TABLE entry",
    before: [`${atEnd("LOCK TABLE entry")}; SET LOCAL lock_timeout = 50`],
    last: PREPARE,
  },
  {
    state: "57014",
    when: "somebody cancels it in a deferred trigger",
    before: [atEnd("SELECT pg_sleep(60)")],
    last: PREPARE,
    meanwhile: cancelSleeper,
  },
];

/** Answers to COMMIT PREPARED and ROLLBACK PREPARED. */
const SETTLINGS: readonly Case[] = [
  { state: "42704", when: "there is none to commit", last: COMMIT },
  { state: "42704", when: "there is none to roll back", last: `ROLLBACK PREPARED '${GID}'` },
  { state: "42501", when: "it is another role's", other: PREPARED, user: "teller", last: COMMIT },
  {
    state: "0A000",
    when: "it is in another database",
    other: PREPARED,
    database: "south",
    last: COMMIT,
  },
  { state: "25001", when: "in a transaction", other: PREPARED, before: ["BEGIN"], last: COMMIT },
  {
    state: "25P02",
    when: "in a transaction that has failed",
    other: PREPARED,
    before: ["BEGIN", "SELECT 1 / 0"],
    last: COMMIT,
  },
];

/** What the server answers. */
async function answerTo(one: Case): Promise<unknown> {
  const { before = [], last, user, database = "north", other } = one;
  await using admin = connectAdmin(cluster, "north");
  await using rival = connectAdmin(cluster, "north");
  await using sql = connect(cluster.url(database, user), "answers", { max: 1 });
  try {
    if (other !== undefined) await rival.unsafe(other);
    for (const statement of before) await sql.unsafe(statement).catch(() => {});
    await one.meanwhile?.(rival, admin);
    return await sql.unsafe(last).then(() => "no error", (error) => error);
  } finally {
    await rival.unsafe("ROLLBACK");
    for (const gid of await preparedGids(admin)) await admin.unsafe(`ROLLBACK PREPARED '${gid}'`);
  }
}

for (const one of VOTES) {
  Deno.test(`answers: PREPARE is answered ${one.state} when ${one.when}`, async () => {
    const error = await answerTo(one);
    assertEquals(sqlStateOf(error), one.state, String(error));
    const meaning = STATES[one.state];
    assert(meaning !== undefined, "it must be in the table");
    const retryable = meaning.vote === "again";
    assertEquals(voteOf(error), { kind: "refused", error, retryable });
  });
}

for (const one of SETTLINGS) {
  Deno.test(`answers: settling is answered ${one.state} when ${one.when}`, async () => {
    const error = await answerTo(one);
    assertEquals(sqlStateOf(error), one.state, String(error));
    assertEquals(settleAnswerOf(error).kind, STATES[one.state]?.settling);
  });
}

Deno.test("answers: a standby answers settling with 25006, and is suspect", async () => {
  await using primary = await PostgresCluster.start({ settings: { fsync: "off" } });
  {
    await using sql = connectAdmin(primary);
    await sql.unsafe(
      `CREATE TABLE entry (id text, value int); ${PREPARED.replace("BEGIN", "COMMIT; BEGIN")}`,
    );
  }
  await primary.stop();
  await Deno.writeTextFile(`${primary.dataFolder}/standby.signal`, "");
  await primary.start();
  await using sql = connectAdmin(primary);
  for (const statement of [COMMIT, `ROLLBACK PREPARED '${GID}'`]) {
    const error = await sql.unsafe(statement).then(() => "no error", (error) => error);
    assertEquals(settleAnswerOf(error), { kind: "later", error, suspect: true }, String(error));
  }
});

Deno.test("answers: outside of a transaction, PREPARE in a text prepares that text", async () => {
  // Why the question before it must fail, and not only answer, when the mark is not the branch's.
  await using admin = connectAdmin(cluster, "north");
  await admin.unsafe(`SELECT pg_current_xact_id(); ${PREPARE}`);
  assertEquals(await preparedGids(admin), [GID]);
  await admin.unsafe(`ROLLBACK PREPARED '${GID}'`);
});
