/**
 * Guarantees that the coordinator's log outlives its process: what was forced is there at the next
 * opening, what has ended is not, and nothing counts before it is durable.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
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

async function open(disk: MemoryDisk = new MemoryDisk()) {
  const clock = new SteppedClock();
  const platform = simulatedPlatform(disk, undefined, clock);
  return { clock, disk, log: await clock.run(WalDecisionLog.open("/log", platform, 10)) };
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
