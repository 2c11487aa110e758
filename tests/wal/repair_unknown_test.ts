/**
 * Proves that a repair spoils no log of which it cannot tell whether a coordinator or an application keeps it,
 * since no record of either can be read: its owner, whoever that is, opens it afterwards, with the verdict.
 */

import { assertEquals } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { Log } from "../../src/wal/log.ts";
import type { LogModel } from "../../src/wal/model.ts";
import { repairLog, type RepairOptions, type RepairReport } from "../../src/wal/repair.ts";
import { verifyLog } from "../../src/wal/verify.ts";
import { decision, steadyPlatform, TestDirectory, writeLog } from "../cli/support/logs.ts";
import { BytesModel, SumModel } from "./open_log.ts";

function optionsOf(directory: TestDirectory) {
  return { directory: directory.path, platform: steadyPlatform };
}

async function damagesOf<Entry>(
  directory: TestDirectory,
  model: LogModel<Entry>,
): Promise<readonly string[]> {
  await using log = await Log.open({ ...optionsOf(directory), model });
  return log.damages.map(({ file }) => file);
}

/** What verifying says of a log, before it is repaired; and what the repair did. */
async function repair(
  directory: TestDirectory,
  options: Partial<RepairOptions> = {},
): Promise<RepairReport> {
  const { application, nextOpening } = await verifyLog(steadyPlatform, directory.path);
  assertEquals([application, nextOpening?.setAside ?? [], nextOpening?.remove ?? []], [
    null,
    [],
    [],
  ]);
  const common = { ...optionsOf(directory), reason: "r", by: "ada", presumeAbort: false };
  const report = await repairLog({ ...common, ...options });
  assertEquals([report.before.application, report.decided, report.undecided], [null, [], []]);
  return report;
}

/** Turns a bit of the last record of the only segment. */
function damageLast(directory: TestDirectory): string {
  const [file = ""] = directory.segments();
  const records = new TextDecoder("latin1").decode(directory.bytesOf(file)).trimEnd();
  directory.flip(file, records.replace(/\0+$/, "").length - 1);
  return file;
}

/** Asserts that the owner has set the damaged segment aside, which is not in the log any more. */
function assertKept(directory: TestDirectory, file: string, damaged: Uint8Array): void {
  const [aside = ""] = directory.names().filter((name) => name.startsWith(`${file}.broken-`));
  assertEquals([directory.segments().includes(file), aside !== ""], [false, true]);
  assertEquals(directory.bytesOf(aside), damaged);
}

Deno.test("An application opens its log after a repair that could read nothing but the log's own records", async () => {
  for (const presumeAbort of [false, true]) {
    await using directory = new TestDirectory();
    const log = await Log.open({ ...optionsOf(directory), model: new SumModel() });
    await log.append(5);
    await log.close();
    await damagesOf(directory, new SumModel());
    const file = damageLast(directory);
    const damaged = directory.bytesOf(file);
    await repair(directory, { presumeAbort });
    for (let opening = 0; opening < 2; opening++) {
      assertEquals(await damagesOf(directory, new SumModel()), presumeAbort ? [] : [file]);
    }
    assertKept(directory, file, damaged);
  }
});

Deno.test("An application opens its empty log after a repair of its identity, or as a copy", async () => {
  for (const lose of ["identity", "place"]) {
    await using directory = new TestDirectory();
    for (let opening = 0; opening < 2; opening++) await damagesOf(directory, new BytesModel());
    await using copy = directory.copy();
    if (lose === "identity") directory.remove("identity.json");
    const there = lose === "identity" ? directory : copy;
    await repair(there, { acceptCopy: true, presumeAbort: true });
    assertEquals(await damagesOf(there, new BytesModel()), []);
  }
});

Deno.test("A coordinator opens its log after a repair that could read nothing but the log's own records", async () => {
  for (const presumeAbort of [false, true]) {
    await using directory = new TestDirectory();
    for (let opening = 0; opening < 2; opening++) await writeLog(directory);
    const file = damageLast(directory);
    const damaged = directory.bytesOf(file);
    const { id, setAside } = await repair(directory, { presumeAbort });
    assertEquals([id?.length, setAside, directory.segments().includes(file)], [12, [], true]);
    const verdicts = presumeAbort ? [] : [file];
    assertEquals(await damagesOf(directory, new LiveState()), verdicts);
    assertKept(directory, file, damaged);
    await writeLog(directory, [decision(1_000_000_000_001n)]);
    const model = new LiveState();
    assertEquals(await damagesOf(directory, model), verdicts);
    assertEquals(model.active.length, 1);
  }
});

Deno.test("A coordinator opens its log after a repair that found no segment at all", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [decision(1_000_000_000_001n)]);
  for (const file of directory.segments()) directory.remove(file);
  await repair(directory);
  assertEquals(await damagesOf(directory, new LiveState()), [""]);
  assertEquals((await verifyLog(steadyPlatform, directory.path)).application, false);
});

Deno.test("A log is a coordinator's as soon as one record of a coordinator can be read", async () => {
  for (const record of [decision(1n), decision(1n, "begin"), { type: "end", txn: 1n } as const]) {
    await using directory = new TestDirectory();
    await writeLog(directory, [record]);
    // The Checkpoint, whose last byte is before the next record.
    directory.flip(directory.segments()[0] ?? "", 148);
    const { verdict, application } = await verifyLog(steadyPlatform, directory.path);
    assertEquals([verdict, application], ["damaged", false]);
  }
});
