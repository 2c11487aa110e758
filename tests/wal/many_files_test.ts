/** Proves that no number of files keeps a log from being opened, verified or repaired: nobody removes what was set aside. */

import { assertEquals } from "@std/assert";
import type { Platform } from "../../src/platform/platform.ts";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { Log } from "../../src/wal/log.ts";
import { repairLog } from "../../src/wal/repair.ts";
import { verifyLog } from "../../src/wal/verify.ts";
import { decision, steadyPlatform, TestDirectory, writeLog } from "../cli/support/logs.ts";

/** More than V8 passes to a function. */
const MANY = 150_000;

const NAMES = Array.from(
  { length: MANY },
  (_, index) => `${String(index).padStart(20, "0")}.wal.broken-1`,
);

/** A machine on which as many files were set aside. */
const platform: Platform = {
  ...steadyPlatform,
  fileSystem: {
    ...steadyPlatform.fileSystem,
    list: async (path) => [...await steadyPlatform.fileSystem.list(path), ...NAMES],
  },
};

Deno.test("A log is opened and verified beside very many files that were set aside", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [decision(1n)]);
  const { verdict, setAside } = await verifyLog(platform, directory.path);
  assertEquals([verdict, setAside.length], ["sound", MANY]);
  const model = new LiveState();
  await using log = await Log.open({ directory: directory.path, platform, model });
  assertEquals([model.active.length, log.setAside.length], [1, MANY]);
});

Deno.test("An identity is made again beside very many files that were set aside", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [decision(1n)]);
  directory.remove("identity.json");
  const options = { presumeAbort: false, acceptCopy: true, reason: "r", by: "ada" };
  const { decided } = await repairLog({ platform, directory: directory.path, ...options });
  assertEquals(decided.length, 1);
});
