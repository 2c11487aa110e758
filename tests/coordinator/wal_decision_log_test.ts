/**
 * Guarantees that the coordinator's log outlives its process: what was forced is there at the next
 * opening, what has ended is not, and nothing counts before it is durable.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { BranchFacts, GidPrefix } from "../../src/coordinator/branch_facts.ts";
import { WalDecisionLog } from "../../src/coordinator/wal_decision_log.ts";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { SteppedClock } from "./support/stepped_clock.ts";

const branches = [
  { participant: "north", gid: "indoubt_x_1000000000001_0", token: "701" },
  { participant: "south", gid: "indoubt_x_1000000000001_1", token: null },
];
const north = { name: "north", kind: "fake", identity: "fake:north" };

async function open(disk: MemoryDisk = new MemoryDisk(), keepOutcomes = 10) {
  const clock = new SteppedClock();
  const platform = simulatedPlatform(disk, undefined, clock);
  const log = await clock.run(WalDecisionLog.open("/log", platform, keepOutcomes));
  return { clock, disk, log };
}

Deno.test("WalDecisionLog keeps what was forced, over a crash of the process", async () => {
  const { clock, disk, log } = await open();
  await clock.run(log.register(north));
  await clock.run(log.begin(1n, branches));
  await clock.run(log.decide(2n, branches));
  await clock.run(log.decide(3n, branches));
  const { log: next, clock: nextClock } = await open(disk.kill());
  assertEquals([next.coordinator, next.epoch], [log.coordinator, log.epoch + 1]);
  assertEquals(next.participants.get("north"), north);
  assertEquals(next.recovered.map(({ txn, decided }) => [txn, decided]), [
    [1n, false],
    [2n, true],
    [3n, true],
  ]);
  assertEquals(next.recovered[1]?.branches.map((branch) => ({ ...branch })), branches);
  assertEquals(next.damages, []);
  await nextClock.run(next.close());
});

Deno.test("WalDecisionLog restates a Begin as it was, whatever has become of its branches", async () => {
  const { clock, disk, log } = await open();
  const facts = new BranchFacts("north", new GidPrefix(log.coordinator), "1", 0);
  const { participant, gid, token } = facts;
  await clock.run(log.begin(1n, [{ participant, gid, token, facts }]));
  facts.token = "701";
  disk.fail({ kind: "syncData", times: 1 });
  await clock.run(log.decide(2n, branches));
  const { log: next, clock: nextClock } = await open(disk.kill());
  assertEquals(next.recovered.map(({ branches }) => branches.map(({ token }) => token)), [
    [null],
    ["701", null],
  ]);
  await nextClock.run(next.close());
});

Deno.test("WalDecisionLog.end() takes a transaction away, at the latest on closing", async () => {
  const { clock, disk, log } = await open();
  await clock.run(log.decide(2n, branches));
  log.end(2n);
  await clock.run(log.close());
  const { log: next, clock: nextClock } = await open(disk.kill());
  assertEquals(next.recovered, []);
  await nextClock.run(next.close());
});

Deno.test("WalDecisionLog.end() never fails, also when the log is closed", async () => {
  const { clock, log } = await open();
  await clock.run(log.close());
  log.end(2n);
});

Deno.test("WalDecisionLog says that it took no decision when closed", async () => {
  const { clock, log } = await open();
  await clock.run(log.close());
  const error = await assertRejects(() => log.decide(2n, branches), LogUnavailableError);
  assertEquals(error.written, "no");
});

Deno.test("WalDecisionLog.register() counts when it is durable, not before", async () => {
  const { clock, disk, log } = await open();
  disk.fail({ kind: "syncData", times: Infinity });
  const error = await assertRejects(() => clock.run(log.register(north)), LogUnavailableError);
  assertEquals(error.written, "unknown");
  assert(!log.participants.has("north"), "it may be used though a crash would forget it");
  await clock.run(log.close());
});

Deno.test("WalDecisionLog.outcomeOf() knows how the last transactions ended, also at later openings", async () => {
  const { clock, disk, log } = await open();
  await clock.run(log.decide(1n, branches));
  log.conclude(2n, false);
  log.conclude(3n, true);
  const known = (of: WalDecisionLog) => [1n, 2n, 3n, 4n].map((txn) => of.outcomeOf(txn));
  assertEquals(known(log), [true, false, true, null]);
  await clock.run(log.close());
  for (let found = disk.kill(), opening = 0; opening < 3; opening++, found = found.kill()) {
    const { log: next, clock: nextClock } = await open(found);
    assertEquals(known(next), [true, false, true, null]);
    await nextClock.run(next.close());
  }
});

Deno.test("WalDecisionLog.outcomeOf() keeps no more than it was told to", async () => {
  const { clock, disk, log } = await open(undefined, 2);
  for (const txn of [1n, 2n, 3n]) log.conclude(txn, true);
  assertEquals([1n, 2n, 3n].map((txn) => log.outcomeOf(txn)), [null, true, true]);
  await clock.run(log.close());
  const none = await open(disk.kill(), 0);
  none.log.conclude(4n, true);
  await none.clock.run(none.log.decide(5n, branches));
  assertEquals([1n, 2n, 3n, 4n, 5n].map((txn) => none.log.outcomeOf(txn)), Array(5).fill(null));
  await none.clock.run(none.log.close());
});

Deno.test("WalDecisionLog.doubt() is asked for at every opening until it is concluded", async () => {
  const { clock, disk, log } = await open();
  await clock.run(log.doubt(1n, branches[0]!));
  let found = disk.kill();
  for (let opening = 0; opening < 3; opening++) {
    const { log: next } = await open(found);
    assertEquals(next.recovered.map(({ txn, decided, doubtful }) => [txn, decided, doubtful]), [
      [1n, false, true],
    ]);
    assertEquals(next.recovered[0]?.branches.map((branch) => ({ ...branch })), [branches[0]]);
    assertEquals(next.outcomeOf(1n), null);
    found = found.kill();
  }
  const last = await open(found);
  last.log.conclude(1n, false);
  last.log.end(1n);
  await last.clock.run(last.log.close());
  const after = await open(last.disk.kill());
  assertEquals([after.log.recovered, after.log.outcomeOf(1n)], [[], false]);
  await after.clock.run(after.log.close());
});

Deno.test("WalDecisionLog.doubt() and conclude() never fail, also when the log is closed", async () => {
  const { clock, log } = await open();
  await clock.run(log.close());
  await clock.run(log.doubt(1n, branches[0]!));
  log.conclude(1n, true);
  assertEquals(log.outcomeOf(1n), true, "what this process knows it says");
});

Deno.test("WalDecisionLog.record() is durable, in force where it has to be, and refused when closed", async () => {
  const { clock, disk, log } = await open();
  const verdict = {
    kind: "adopt",
    subject: "lost",
    participant: "",
    gid: "",
    reason: "its disk is gone",
    by: "ada",
    at: "2026-11-21T12:00:00.000Z",
  } as const;
  assertEquals([...log.adopted], []);
  await clock.run(log.record(verdict));
  assertEquals([...log.adopted], ["lost"]);
  await clock.run(log.record({ ...verdict, kind: "forget", subject: "5" }));
  let found = disk.kill();
  for (let opening = 0; opening < 3; opening++) {
    const { log: next } = await open(found);
    assertEquals([...next.adopted], ["lost"]);
    found = found.kill();
  }
  await clock.run(log.close());
  const error = await assertRejects(() => log.record(verdict), LogUnavailableError);
  assertEquals(error.written, "no");
});
