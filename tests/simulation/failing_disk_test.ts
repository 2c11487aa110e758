/**
 * Proves that no failing call makes a log lose what it acknowledged, keep what it called not
 * written, or leave a file open: each call of a fixed workload fails in turn, once, or with all
 * that follow, or with all that follow of its kind. Then the disk is mended, and the log is opened
 * by the same process, by the next one, and after power cuts.
 */

import { assert, assertEquals } from "@std/assert";
import { assertSurvives, closeOnFailingDisk, countCalls, eachCall } from "./fault_trial.ts";
import { LogDriver } from "./log_driver.ts";
import { runWorkload } from "./log_workload.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { seededTest } from "./seeds.ts";
import { simulatedPlatform } from "./simulated_platform.ts";

eachCall("each call that fails once", 1, (call) => ({ skip: call - 1 }));

eachCall(
  "each call that fails together with all later ones",
  1,
  (call) => ({ skip: call - 1, times: Infinity }),
);

eachCall("each sync that fails and drops what it should have covered", 2, (call) => ({
  skip: call - 1,
  effect: "drop",
}));

eachCall("each sync that fails and drops, like all later ones", 1, (call) => ({
  skip: call - 1,
  effect: "drop",
  times: Infinity,
}));

for (const times of [2, 3, 8]) {
  eachCall(`each ${times} calls that fail in turn`, 1, (call) => ({ skip: call - 1, times }));
}

eachCall("each read or write that is short", 1, (call) => ({ skip: call - 1, effect: "short" }));

eachCall(
  "each read or write that is short, like all later ones",
  1,
  (call) => ({ skip: call - 1, effect: "short", times: Infinity }),
);

seededTest("Log leaves no file open, whichever call fails", 1, async (random) => {
  for (const { number, kind, path } of await countCalls()) {
    const disk = new MemoryDisk(random.fork());
    const driver = new LogDriver(simulatedPlatform(disk, random.fork()));
    disk.fail({ skip: number - 1, times: Infinity });
    await runWorkload(driver);
    await closeOnFailingDisk(driver);
    assertEquals(disk.openFiles, [], `after call ${number}, ${kind} of ${path}, failed`);
  }
});

const KINDS = ["write", "syncData", "rename", "remove", "syncDirectory", "open", "list"] as const;

for (const kind of KINDS) {
  seededTest(`Log survives a disk on which ${kind} fails for ever`, 1, async (random) => {
    const calls = await countCalls();
    const count = calls.filter((call) => call.kind === kind).length;
    assert(count > 3);
    for (let skip = 0; skip < count; skip++) {
      await assertSurvives({ kind, skip, times: Infinity }, random);
    }
  });
}
