/**
 * A process of the server remembers in which database it is, so that not every vote has to ask: what it
 * remembers is what check() says, it is asked again when it has forgotten, and what another process has
 * remembered is not believed.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { ParticipantIdentityError } from "../../src/coordinator/errors.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import { PostgresCluster } from "./cluster.ts";
import { connect, connectAdmin, createDatabases, type TestSql } from "./databases.ts";

const NAMES = ["north", "south"] as const;

let cluster: PostgresCluster;
let count = 0;

Deno.test.beforeAll(async () => {
  cluster = await PostgresCluster.start({
    settings: { fsync: "off", allow_in_place_tablespaces: "on" },
  });
  await createDatabases(cluster, ...NAMES);
  await using admin = connectAdmin(cluster);
  await admin.unsafe("CREATE ROLE teller LOGIN");
  await admin.unsafe("CREATE TABLESPACE aside LOCATION ''");
  await admin.unsafe("ALTER DATABASE south SET TABLESPACE aside");
});

Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

type Vote = "examine" | "prepare";
type End = "prepared" | "committed" | "rolled back";

/** One session of a role without rights. */
function session(database: string): TestSql {
  return connect(cluster.url(database, "teller"), "memory", { max: 1 });
}

/** Votes with one branch, which must be in a database, and ends it. */
async function vote(sql: TestSql, identity: string, vote: Vote, end: End): Promise<unknown> {
  const branch = await postgres(sql).acquire();
  try {
    await branch.begin({ gid: `indoubt_memory_${++count}`, identity });
    await branch.client`INSERT INTO entry VALUES ('x', 1)`;
    const answer = await branch[vote]();
    if ("kind" in answer) {
      if (answer.kind !== "done") return answer.error;
      await (end === "rolled back" ? branch.rollbackPrepared() : branch.commitPrepared());
    } else await (end === "rolled back" ? branch.rollback() : branch.commit());
    return null;
  } catch (error) {
    await branch.rollback();
    return error;
  } finally {
    branch.release();
  }
}

async function identityOf(sql: TestSql): Promise<string> {
  return (await postgres(sql).check("indoubt_memory_")).identity;
}

async function remembered(sql: TestSql): Promise<string | null> {
  const [row] = await sql`SELECT nullif(current_setting('indoubt.database', true), '') AS said`;
  return row!.said as string | null;
}

async function processOf(sql: TestSql): Promise<number> {
  const [row] = await sql`SELECT pg_backend_pid() AS pid`;
  return row!.pid as number;
}

/** The numbers in an identity. */
function numbersOf(identity: string): string {
  return /^postgresql:([0-9]+\/[0-9]+)\//.exec(identity)![1]!;
}

/** The numbers of another database. */
function otherNumbers(numbers: string): string {
  return numbers.replace(/[0-9]/, (digit) => String((Number(digit) + 1) % 9 + 1));
}

for (const name of NAMES) {
  for (const ask of ["examine", "prepare"] as const) {
    Deno.test(`${ask}() leaves in "${name}" the memory of the database that check() names`, async () => {
      await using sql = session(name);
      const identity = await identityOf(sql);
      assertEquals(await remembered(sql), null);
      assertEquals(await vote(sql, identity, ask, "committed"), null);
      const memory = `${numbersOf(identity)}/${await processOf(sql)}/1.`;
      assertEquals(await remembered(sql), memory);
      await sql.unsafe("RESET ALL");
      assertEquals(await remembered(sql), null);
      assertEquals(await vote(sql, identity, ask, "committed"), null);
      assertEquals(await remembered(sql), memory);
    });
  }
}

Deno.test("a branch that is rolled back takes the memory with it, and one that was prepared does not", async () => {
  await using sql = session("north");
  const identity = await identityOf(sql);
  assertEquals(await vote(sql, identity, "examine", "rolled back"), null);
  assertEquals(await remembered(sql), null);
  assertEquals(await vote(sql, identity, "prepare", "rolled back"), null);
  assertMatch(String(await remembered(sql)), /^[0-9]+\/[0-9]+\/[0-9]+\/1\.$/);
});

for (const ask of ["examine", "prepare"] as const) {
  Deno.test(`${ask}() goes by what its own process remembers, and by nothing else`, async () => {
    await using sql = session("north");
    const identity = await identityOf(sql);
    const numbers = numbersOf(identity);
    const elsewhere = otherNumbers(numbers);
    const pid = await processOf(sql);
    const said: [string, boolean][] = [
      // Of a process that has the same number, which none has at the same time.
      [`${elsewhere}/${pid}/1.`, true],
      [`${elsewhere}/${pid}`, false],
      [`${elsewhere}/${pid}1/1.`, false],
      [`${elsewhere}/${pid + 1}/1.`, false],
      [elsewhere, false],
      [`${elsewhere}/`, false],
      [`${numbers}/${pid}/1.`, false],
      ["", false],
      ["anything", false],
    ];
    for (const [words, believed] of said) {
      await sql`SELECT set_config('indoubt.database', ${words}, false)`;
      const error = await vote(sql, identity.replace(numbers, elsewhere), ask, "committed");
      assertEquals(error === null, believed, `${words}: ${error}`);
      if (error === null) continue;
      assert(error instanceof ParticipantIdentityError, String(error));
      assertEquals(error.found, `postgresql:${numbers}`);
      // Whatever was said there, the right one is found out.
      assertEquals(await vote(sql, identity, ask, "committed"), null, words);
      assertEquals(await remembered(sql), `${numbers}/${pid}/1.`);
    }
  });

  Deno.test(`${ask}() gives no vote to a branch that must be in no database of PostgreSQL's`, async () => {
    await using sql = session("north");
    for (const identity of ["", "mysql:one/orders", "postgresql:orders"]) {
      const error = await vote(sql, identity, ask, "committed");
      assert(error instanceof ParticipantIdentityError, String(error));
      assertEquals(error.expected, identity);
    }
  });
}
