/**
 * Guarantees a commit in which nothing fails: in every database, with one decision when two or more
 * wrote and with no record otherwise, and with every step in the order that a crash at any moment
 * asks for.
 */

import { assert, assertEquals } from "@std/assert";
import { PROTOCOL_POINTS } from "../../src/coordinator/protocol_point.ts";
import { waitsFor } from "./support/faults.ts";
import { syncedAfter } from "./support/fake_log.ts";
import { Workbench } from "./support/workbench.ts";

Deno.test("Transaction.commit() commits in every database that wrote", async () => {
  const bench = await Workbench.open({ names: ["north", "south", "west"] });
  const transaction = await bench.write();
  const { settled } = await bench.clock.run(transaction.commit());
  await settled;
  const { id } = transaction;
  assertEquals(bench.rows(), { north: [id], south: [id], west: [id] });
  assertEquals(transaction.state, "committed");
  bench.assertQuiet();
});

Deno.test("Transaction.commit() forces one record for two writers: the decision", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.write();
  await bench.clock.run(transaction.commit());
  assertEquals(bench.trace.only("log"), ["log decide", "log decide synced", "log end"]);
  assertEquals(bench.log.unfinished, []);
});

Deno.test("Transaction.commit() decides after all PREPAREs and before COMMITs", async () => {
  const bench = await Workbench.open();
  const prepared = Promise.withResolvers<void>();
  const synced = Promise.withResolvers<void>();
  bench.database("south").script.next("prepare", waitsFor(prepared.promise));
  bench.log.next("decide", syncedAfter(synced.promise));
  const committing = (await bench.write()).commit();
  await bench.clock.settle();
  assertEquals([bench.database("north").prepared.length, bench.trace.count("log")], [1, 0]);
  prepared.resolve();
  await bench.clock.settle();
  assertEquals(bench.trace.only("log", "point"), [
    "point first-prepared",
    "point all-prepared",
    "log decide",
  ]);
  for (const { prepared } of bench.databases.values()) assertEquals(prepared.length, 1);
  synced.resolve();
  await bench.clock.run(committing);
  bench.trace.assertBefore(/ prepare$/, /^log decide$/);
  bench.trace.assertBefore(/^log decide synced$/, /commitPrepared$/);
  bench.trace.assertBefore(/commitPrepared$/, /^log end$/);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() prepares all at once and commits all at once", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.write();
  bench.trace.clear();
  await bench.clock.run(transaction.commit());
  assertEquals(bench.trace.entries.filter((entry) => !entry.startsWith("point")), [
    "north examine",
    "south examine",
    "north prepare",
    "south prepare",
    "log decide",
    "log decide synced",
    "north commitPrepared",
    "south commitPrepared",
    "log end",
  ]);
});

Deno.test("Transaction.commit() passes the protocol points in their order", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.write();
  await bench.clock.run(transaction.commit());
  assertEquals(bench.points, [...PROTOCOL_POINTS]);
  bench.trace.assertBefore(/^log decide synced$/, /^point decided$/);
  bench.trace.assertBefore(/^point decided$/, /commitPrepared$/);
  bench.trace.assertBefore(/^point all-prepared$/, /^log decide$/);
  bench.trace.assertBefore(/^point all-committed$/, /^log end$/);
});

Deno.test("Transaction.commit() logs every writing branch with its gid and token", async () => {
  const bench = await Workbench.open({ names: ["north", "south", "west"] });
  const transaction = await bench.begin();
  transaction.clients["north"]?.write("a");
  transaction.clients["west"]?.write("b");
  const kept = Promise.withResolvers<void>();
  bench.log.next("decide", async (keep) => {
    keep();
    await kept.promise;
  });
  const committing = transaction.commit();
  await bench.clock.settle();
  assertEquals(bench.log.unfinished, [{
    txn: BigInt(transaction.id),
    decided: true,
    branches: [
      { participant: "north", gid: `indoubt_fake_${transaction.id}_0`, token: "701" },
      { participant: "west", gid: `indoubt_fake_${transaction.id}_2`, token: "701" },
    ],
  }]);
  kept.resolve();
  await bench.clock.run(committing);
});

Deno.test("Transaction.commit() commits one writer in one phase, without a record", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.begin();
  transaction.clients["south"]?.write("row");
  await bench.clock.run(transaction.commit());
  assertEquals(bench.rows(), { north: [], south: ["row"] });
  assertEquals(bench.trace.only("log", "point"), []);
  assertEquals(bench.trace.entries.filter((entry) => entry.endsWith("prepare")), []);
  bench.trace.assertBefore(/^north commit$/, /^south commit$/);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() commits readers without a record", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.begin();
  await bench.clock.run(transaction.commit());
  assertEquals([transaction.state, bench.trace.only("log", "point")], ["committed", []]);
  assertEquals([bench.trace.count("north commit"), bench.trace.count("south commit")], [1, 1]);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() does not prepare a reader beside two writers", async () => {
  const bench = await Workbench.open({ names: ["north", "reader", "south"] });
  const transaction = await bench.begin();
  for (const name of ["north", "south"]) transaction.clients[name]?.write("row");
  await bench.clock.run(transaction.commit());
  assertEquals(bench.rows(), { north: ["row"], reader: [], south: ["row"] });
  assertEquals(bench.trace.only("reader").slice(-2), ["reader examine", "reader commit"]);
  bench.trace.assertBefore(/^reader commit$/, /^log decide$/);
  bench.assertQuiet();
});

Deno.test("Transaction.commit() syncs a Begin before PREPARE with forceBegin", async () => {
  const bench = await Workbench.open({ options: { forceBegin: true } });
  const transaction = await bench.write();
  await bench.clock.run(transaction.commit());
  assertEquals(bench.trace.only("log"), [
    "log begin",
    "log begin synced",
    "log decide",
    "log decide synced",
    "log end",
  ]);
  bench.trace.assertBefore(/^log begin synced$/, / prepare$/);
});

Deno.test("Transaction.commit() writes no Begin for one writer, forceBegin or not", async () => {
  const bench = await Workbench.open({ options: { forceBegin: true } });
  const transaction = await bench.begin();
  transaction.clients["north"]?.write("row");
  await bench.clock.run(transaction.commit());
  assertEquals(bench.trace.only("log"), []);
});

Deno.test("Transaction.commit() gives every session back when its branch has ended", async () => {
  const bench = await Workbench.open();
  const slow = Promise.withResolvers<void>();
  bench.database("south").script.next("commitPrepared", waitsFor(slow.promise));
  const committing = (await bench.write()).commit();
  await bench.clock.settle();
  assertEquals(bench.database("north").sessions, 0);
  slow.resolve();
  await bench.clock.run(committing);
  bench.assertQuiet();
});

Deno.test("Transaction.clients has the driver's client of each participant", async () => {
  const bench = await Workbench.open();
  const transaction = await bench.begin();
  assertEquals(Object.keys(transaction.clients), ["north", "south"]);
  assert(transaction.id.endsWith("000000000001"));
  await bench.clock.run(transaction.rollback());
});
