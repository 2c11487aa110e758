import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { denoPlatform } from "../../src/platform/platform.ts";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { LogCorruptedError, LogLockedError } from "../../src/wal/errors.ts";
import { Log } from "../../src/wal/log.ts";
import { inspectLog } from "../../src/wal/inspect.ts";
import { repairLog, type RepairOptions } from "../../src/wal/repair.ts";
import { verifyLog } from "../../src/wal/verify.ts";
import {
  decision,
  ID,
  STARTED,
  steadyPlatform,
  TestDirectory,
  writeLog,
} from "../cli/support/logs.ts";
import { fixture } from "./pgdog/fixtures.ts";

const TXN = 1_000_000_000_001n;

async function repair(directory: TestDirectory, options: Partial<RepairOptions> = {}) {
  return await repairLog({
    platform: steadyPlatform,
    directory: directory.path,
    reason: "the controller was replaced",
    by: "ada",
    presumeAbort: false,
    ...options,
  });
}

/** A log with a decision in a damaged record, one unfinished, and one transaction merely begun. */
async function damagedLog(): Promise<TestDirectory> {
  const directory = new TestDirectory();
  await writeLog(directory, [
    decision(TXN),
    { type: "end", txn: TXN },
    decision(TXN + 1n),
    decision(TXN + 2n, "begin"),
  ]);
  directory.flip(directory.segments()[0] ?? "", 180);
  return directory;
}

async function damagesOnOpening(directory: TestDirectory): Promise<number> {
  const model = new LiveState();
  await using log = await Log.open({ directory: directory.path, model });
  assertEquals(model.active.filter(({ decided }) => decided).map(({ txn }) => txn), [TXN + 1n]);
  return log.damages.length;
}

Deno.test("Repair: damaged, then uncertain at every opening, then cleared for good", async () => {
  await using directory = await damagedLog();
  const [file = ""] = directory.segments();
  const original = directory.bytesOf(file);

  const first = await repair(directory);
  assertEquals(first.before.verdict, "damaged");
  assertEquals([first.epoch, first.id, first.cleared], [2, ID, false]);
  assertEquals(first.setAside, [`${file}.broken-2`]);
  assertEquals(first.verdicts.map((verdict) => [verdict.file, verdict.epoch]), [[file, 1]]);
  assertEquals(first.decided.map(({ txn }) => txn), [TXN + 1n]);
  assertEquals(first.undecided.map(({ txn }) => txn), [TXN + 2n]);

  assertEquals(await damagesOnOpening(directory), 1);
  const second = await repair(directory);
  assertEquals([second.epoch, second.setAside, second.verdicts], [4, [], first.verdicts]);
  assertEquals(await damagesOnOpening(directory), 1);

  const third = await repair(directory, { presumeAbort: true });
  assertEquals([third.epoch, third.cleared, third.verdicts], [6, true, first.verdicts]);
  for (let times = 0; times < 3; times++) assertEquals(await damagesOnOpening(directory), 0);
  assertEquals((await verifyLog(denoPlatform, directory.path)).verdict, "sound");
  assertEquals(directory.bytesOf(`${file}.broken-2`), original);
});

Deno.test("Repair with presumed abort clears damage that was only just found", async () => {
  await using directory = await damagedLog();
  const report = await repair(directory, { presumeAbort: true });
  assertEquals([report.epoch, report.cleared, report.verdicts.length], [2, true, 1]);
  assertEquals(await damagesOnOpening(directory), 0);
});

Deno.test("Repair keeps who cleared the damage, why and when in the log", async () => {
  await using directory = await damagedLog();
  await repair(directory, { presumeAbort: true, reason: "  compared all banks ", by: " ada " });

  const items = await Array.fromAsync(inspectLog(denoPlatform, directory.path));
  const last = items.findLast((item) => item.kind === "record")?.record;
  assertEquals(last, {
    type: "verdict",
    kind: "cleared",
    epoch: 2,
    file: "",
    reason: "compared all banks",
    by: "ada",
    at: STARTED,
  });
});

Deno.test("Repair sets several damaged segments aside, each byte for byte", async () => {
  await using directory = await damagedLog();
  const [first = ""] = directory.segments();
  const older = directory.bytesOf(first);
  await repair(directory);
  const [second = ""] = directory.segments();
  directory.flip(second, 40);
  const newer = directory.bytesOf(second);
  const report = await repair(directory);
  assertEquals(report.setAside, [`${second}.broken-3`]);
  assertEquals(directory.bytesOf(`${first}.broken-2`), older);
  assertEquals(directory.bytesOf(`${second}.broken-3`), newer);
  // What the second one said about the first is lost with it: everything of that time is uncertain.
  assertEquals(report.verdicts.map(({ epoch }) => epoch).includes(2), true);
});

Deno.test("Repair of a sound log changes nothing but the stamp in its lock", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [decision(TXN)]);
  const before = directory.trace();
  const report = await repair(directory, { presumeAbort: true });
  assertEquals([report.epoch, report.cleared, report.before.verdict], [null, false, "sound"]);
  const after = directory.trace();
  for (const name of directory.names().filter((name) => name !== ".lock")) {
    assertEquals(after[name], before[name]);
  }
});

Deno.test("Repair of a log that is open says who has it, and changes nothing", async () => {
  for (const damage of [true, false]) {
    await using directory = await damagedLog();
    if (!damage) directory.flip(directory.segments()[0] ?? "", 180);
    const platform = steadyPlatform;
    await using log = await Log.open({
      directory: directory.path,
      platform,
      model: new LiveState(),
    });
    if (damage) await log.append(decision(TXN + 9n));
    const before = directory.trace();
    const error = await assertRejects(() => repair(directory), LogLockedError);
    assertEquals(error.holder, { pid: 4711, started: STARTED });
    assertEquals(directory.trace(), before);
  }
});

Deno.test("Repair needs a reason and a name", async () => {
  await using directory = await damagedLog();
  const before = directory.trace();
  await assertRejects(() => repair(directory, { reason: " " }), RangeError, "without a reason");
  await assertRejects(() => repair(directory, { by: "" }), RangeError, "without a name");
  assertEquals(directory.trace(), before);
});

Deno.test("Repair refuses what is no log of ours, and makes none", async () => {
  await using directory = new TestDirectory();
  await assertRejects(() => repair(directory), Error, "no log is in it");
  assertEquals(directory.names(), []);
  const absent = directory.at("absent");
  await assertRejects(() => repair(directory, { directory: absent }), Error, "is not there");
  assertEquals(directory.names(), []);
  const pgdog = fixture("06a-bitflip-payload").directory;
  const error = await assertRejects(() => repair(directory, { directory: pgdog }), Error);
  assertMatch(error.message, /^Cannot repair .*: it is a log of pgdog, which can be inspected/);
});

Deno.test("Repair cannot mend a damaged identity, and says so", async () => {
  await using directory = await damagedLog();
  directory.put("identity.json", new TextEncoder().encode("{"));
  const segment = directory.bytesOf(directory.segments()[0] ?? "");
  await assertRejects(() => repair(directory), LogCorruptedError, "restore it from a backup");
  assertEquals(directory.bytesOf(directory.segments()[0] ?? ""), segment);
});
