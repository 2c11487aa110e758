/**
 * The proxy does to a connection what a test says, at the command that it says, and nothing to any
 * other; a cut after a command comes when the server has carried it out.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { PostgresCluster } from "./cluster.ts";
import { connect, connectAdmin, createDatabases, soon, type TestSql, until } from "./databases.ts";
import { Gate } from "./proxy/gate.ts";
import { Proxy } from "./proxy/proxy.ts";
import { first, NthCommand } from "./proxy/rules.ts";

let cluster: PostgresCluster;

Deno.test.beforeAll(async () => {
  cluster = await PostgresCluster.start({ settings: { fsync: "off" } });
  await createDatabases(cluster, "north");
});

Deno.test.afterAll(() => cluster[Symbol.asyncDispose]());

interface Subject {
  readonly proxy: Proxy;
  /** A client through the proxy, connected. */
  readonly sql: TestSql;
  /** A client past the proxy. */
  readonly admin: TestSql;
}

function proxyTest(behaviour: string, body: (subject: Subject) => Promise<void>): void {
  Deno.test(`Proxy ${behaviour}`, async () => {
    await using proxy = Proxy.start(() => cluster.port);
    await using admin = connectAdmin(cluster, "north");
    await admin`TRUNCATE entry`;
    await using sql = connect(proxy.through(cluster.url("north")), "proxied", {
      max: 1,
      backoff: () => 0,
    });
    await sql`SELECT 1`;
    await body({ proxy, sql, admin });
  });
}

async function ids(sql: TestSql): Promise<unknown[]> {
  return (await sql`SELECT id FROM entry ORDER BY id`).map(({ id }) => id);
}

proxyTest("passes what is asked and answered, in any size", async ({ sql }) => {
  const text = "x".repeat(1_000_000);
  const [row] = await sql`SELECT ${text} || 'y' AS text`;
  assertEquals(row?.text, `${text}y`);
  assertEquals((await sql`SELECT generate_series(1, 20000)`).length, 20_000);
});

proxyTest("sees each command's text once, also of one described first", async (subject) => {
  const { proxy, sql } = subject;
  const counter = new NthCommand(0, "pass");
  proxy.rule = counter.rule;
  for (const id of ["a", "b"]) await sql`INSERT INTO entry VALUES (${id}, 1)`;
  await sql`SELECT 1 AS one`.simple();
  const insert = "INSERT INTO entry VALUES ($1, 1)";
  assertEquals(counter.texts, [`(describe) ${insert}`, insert, insert, "SELECT 1 AS one"]);
});

proxyTest("cuts before a command: the server does not get it", async ({ proxy, sql, admin }) => {
  proxy.rule = first(/INSERT/, "cut before");
  await assertRejects(async () => await sql`INSERT INTO entry VALUES ('x', 1)`.simple());
  assertEquals(await ids(admin), []);
  await until("connected again", () => sql`SELECT 1`.then(() => true, () => false));
});

proxyTest("cuts after a command: the server has done it", async ({ proxy, sql, admin }) => {
  proxy.rule = first(/INSERT/, "cut after");
  await assertRejects(async () => await sql`INSERT INTO entry VALUES ('x', 1)`.simple());
  assertEquals(await ids(admin), ["x"]);
  await until("connected again", () => sql`SELECT 1`.then(() => true, () => false));
});

proxyTest("holds an answer back until its gate opens", async ({ proxy, sql, admin }) => {
  const gate = new Gate();
  proxy.rule = first(/INSERT/, { hold: gate });
  let heard = false;
  const inserting = sql`INSERT INTO entry VALUES ('x', 1)`.simple().then(() => void (heard = true));
  await soon("the answer is held", gate.reached);
  assertEquals([await ids(admin), heard], [["x"], false]);
  gate.open();
  await inserting;
});

proxyTest("delivers a delayed command although its client is gone", async (subject) => {
  const { proxy, sql, admin } = subject;
  const gate = new Gate();
  proxy.rule = first(/INSERT/, { delay: gate });
  const inserting = sql`INSERT INTO entry VALUES ('x', 1)`.simple().catch(() => {});
  await soon("the command is held", gate.reached);
  await sql.end({ timeout: 0 });
  await inserting;
  assertEquals(await ids(admin), []);
  gate.open();
  await until("it has arrived", async () => (await ids(admin)).length === 1);
});

proxyTest("ends while commands and answers are held back", async ({ proxy, sql }) => {
  const gates = [new Gate(), new Gate()];
  proxy.rule = ({ text }) =>
    text.includes("1") ? { delay: gates[0]! } : text.includes("2") ? { hold: gates[1]! } : "pass";
  await using other = connect(proxy.through(cluster.url("north")), "proxied", { max: 1 });
  const asked = Promise.allSettled([sql`SELECT 1`.simple(), other`SELECT 2`.simple()]);
  await soon("both are held", Promise.all(gates.map(({ reached }) => reached)));
  await proxy[Symbol.asyncDispose]();
  const endings = await soon("both fail", asked);
  assertEquals(endings.map(({ status }) => status), ["rejected", "rejected"]);
});

Deno.test("Proxy refuses a client while the server is not there", async () => {
  const vacant = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = vacant.addr;
  vacant.close();
  await using proxy = Proxy.start(() => port);
  using client = await Deno.connect({ hostname: "127.0.0.1", port: proxy.port });
  assertEquals(await soon("the end", client.read(new Uint8Array(1))), null);
});
