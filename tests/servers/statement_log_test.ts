/**
 * One commit as the servers' own logs tell it: what came to each, in which order, and that both were asked at
 * once. A line of the log is a message of the client's, and thus a round trip.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Coordinator } from "../../mod.ts";
import { postgres } from "../../src/participants/postgresql/postgres.ts";
import { PostgresCluster } from "./cluster.ts";
import { connect, createDatabases, until } from "./databases.ts";

const NAMES = ["orders", "billing"] as const;

/** What is logged of a statement. */
interface Logged {
  /** Seconds since 1970, when it had been received. */
  readonly at: number;
  readonly process: string;
  readonly text: string;
}

async function readLog(cluster: PostgresCluster): Promise<Logged[]> {
  const log = await Deno.readTextFile(new URL("log", `file://${cluster.dataFolder}`));
  const found = log.matchAll(/^([0-9.]+) ([0-9]+) LOG: {2}(?:statement|execute \S+): (.*)$/gm);
  return Array.from(found, ([, at, process, text]) => (
    { at: Number(at), process: process!, text: text! }
  ));
}

/** What was said in the session of the last branch, from its BEGIN on. */
async function lastBranch(cluster: PostgresCluster): Promise<Logged[]> {
  const log = await readLog(cluster);
  const begin = log.findLastIndex(({ text }) => text.startsWith("BEGIN; "));
  return log.slice(begin).filter(({ process }) => process === log[begin]!.process);
}

Deno.test("a commit over two servers is four messages to each, and each to both at once", async () => {
  await using stack = new AsyncDisposableStack();
  const clusters: PostgresCluster[] = [];
  const directory = await Deno.makeTempDir({ prefix: "indoubt_statement_log_" });
  stack.defer(() => Deno.remove(directory, { recursive: true }));
  for (const name of NAMES) {
    const settings = { fsync: "off", log_statement: "all", log_line_prefix: "%n %p " };
    const cluster = stack.use(await PostgresCluster.start({ settings }));
    await createDatabases(cluster, name);
    clusters.push(cluster);
  }
  const [orders, billing] = clusters.map((cluster, index) =>
    stack.use(connect(cluster.url(NAMES[index]), "logged", { max: 2 }))
  );
  {
    const participants = { orders: postgres(orders!), billing: postgres(billing!) };
    await using coordinator = await Coordinator.open({ directory, participants, requireAll: true });
    for (let value = 1; value <= 2; value++) {
      await coordinator.transaction(NAMES, async ({ orders, billing }) => {
        await Promise.all([
          orders`INSERT INTO entry VALUES ('a', ${value})`,
          billing`INSERT INTO entry VALUES ('a', ${value})`,
        ]);
      });
    }
  }
  await until("both logs are written", async () => {
    const said = await Promise.all(clusters.map(lastBranch));
    return said.every((branch) => branch.some(({ text }) => text.startsWith("COMMIT PREPARED")));
  });
  const [first, second] = await Promise.all(clusters.map(lastBranch));
  for (const [index, branch] of [first!, second!].entries()) {
    const texts = branch.map(({ text }) => text);
    const gid = `indoubt_[a-z0-9]+_[0-9]+_${index}`;
    assertEquals(texts.length, 4, texts.join("\n"));
    assertMatch(texts[0]!, new RegExp(`^BEGIN; SET LOCAL indoubt\\.branch = '${gid}'$`));
    assertEquals(texts[1], "INSERT INTO entry VALUES ('a', $1)");
    assertMatch(texts[2]!, new RegExp(`^SELECT [^;]+; PREPARE TRANSACTION '${gid}'$`));
    assertMatch(texts[3]!, new RegExp(`^COMMIT PREPARED '${gid}'$`));
  }
  // Whatever one server has received, the other had all that came before it.
  for (let step = 1; step < 4; step++) {
    const before = Math.max(first![step - 1]!.at, second![step - 1]!.at);
    const after = Math.min(first![step]!.at, second![step]!.at);
    assert(before <= after, `${step}: ${before} is after ${after}`);
  }
});
