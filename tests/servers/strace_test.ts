/**
 * One forced write per transaction, as the kernel sees it: between the last answer to PREPARE and
 * the first COMMIT PREPARED there is exactly one fdatasync, of the log, and from BEGIN until the
 * transaction returns there is no other sync at all.
 */

import { assert, assertEquals } from "@std/assert";
import { Child } from "./child.ts";
import { PostgresCluster } from "./cluster.ts";
import { createDatabases } from "./databases.ts";
import {
  type Call,
  readTrace,
  RECEIVES,
  requireStrace,
  SENDS,
  straceLine,
  SYNCS,
} from "./trace.ts";
import { TwoDatabases } from "./two_databases.ts";

/** Calls of some names whose data holds a text. */
function holding(calls: readonly Call[], names: readonly string[], text: string): Call[] {
  return calls.filter((call) => names.includes(call.name) && call.text.includes(text));
}

/** The child's own mark. */
function mark(calls: readonly Call[], line: string): Call {
  const [call, ...others] = holding(calls, ["write"], `"${line}\\n"`);
  assert(call !== undefined && others.length === 0, `"${line}" must be in the trace once`);
  return call;
}

/** What a child's kernel sees of one transaction, from before BEGIN until it returns. */
async function traceTransaction(forceBegin: boolean): Promise<Call[]> {
  await requireStrace();
  await using cluster = await PostgresCluster.start();
  await createDatabases(cluster, "orders", "billing");
  await using both = await TwoDatabases.connect({ orders: cluster, billing: cluster });
  const urls = { orders: cluster.url("orders"), billing: cluster.url("billing") };
  const directory = `${both.directory}/log`;
  const output = `${both.directory}/trace`;
  {
    // The first transaction connects, the second is the one that is looked at.
    const task = { directory, ...urls, forceBegin, ids: ["warm", "traced"] };
    await using child = new Child(task, straceLine(output));
    await child.heard("waiting");
    await child.end();
  }
  await both.assertBoth("traced", "warm");
  const calls = readTrace(await Deno.readTextFile(output));
  const begun = mark(calls, "begin traced").over;
  const returned = mark(calls, "committed traced").begun;
  return calls.filter((call) => call.begun > begun && call.over < returned);
}

/** The syncs among the calls, each of which must be a data sync of the log. */
function syncsOf(calls: readonly Call[]): Call[] {
  const syncs = calls.filter(({ name }) => SYNCS.includes(name));
  for (const { name, text } of syncs) {
    assert(name === "fdatasync" && /\/log\/[0-9]{20}\.wal>\)\s+= 0/.test(text), `${name}(${text}`);
  }
  return syncs;
}

Deno.test("readTrace() puts an interrupted call together as if it had not been", () => {
  const lines = [
    "7 fdatasync(3</log/0.wal> <unfinished ...>",
    '8 read(4, "a", 1) = 1',
    "7 <... fdatasync resumed>)          = 0",
  ];
  assertEquals(readTrace(lines.join("\n")), [
    { name: "fdatasync", text: "3</log/0.wal>)          = 0", begun: 0, over: 2 },
    { name: "read", text: '4, "a", 1) = 1', begun: 1, over: 1 },
  ]);
});

Deno.test("Coordinator.transaction() syncs once, between PREPARE and COMMIT PREPARED", async () => {
  const calls = await traceTransaction(false);
  assertEquals(holding(calls, SENDS, "BEGIN").length, 2);
  assertEquals(holding(calls, SENDS, "PREPARE TRANSACTION 'indoubt_").length, 2);
  const answers = holding(calls, RECEIVES, "PREPARE TRANSACTION");
  const commits = holding(calls, SENDS, "COMMIT PREPARED 'indoubt_");
  assertEquals([answers.length, commits.length], [2, 2]);

  const [sync, ...others] = syncsOf(calls);
  assert(sync !== undefined && others.length === 0, `there are ${others.length + 1} syncs`);
  assert(answers.every(({ over }) => over < sync.begun), "every PREPARE is answered before it");
  assert(
    commits.every((commit) => commit.begun > sync.over),
    "no COMMIT PREPARED leaves before it",
  );
  const writes = holding(calls, SENDS, ".wal>");
  assert(writes.some(({ over }) => over < sync.begun), "the decision is written before it");
});

Deno.test("Coordinator.transaction() with forceBegin also syncs before PREPARE", async () => {
  const calls = await traceTransaction(true);
  const prepares = holding(calls, SENDS, "PREPARE TRANSACTION 'indoubt_");
  const [first, ...others] = syncsOf(calls);
  assertEquals([prepares.length, others.length], [2, 1]);
  assert(prepares.every(({ begun }) => begun > first!.over), "no PREPARE leaves before it");
});
