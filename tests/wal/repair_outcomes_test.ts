/**
 * Proves that a repair forgets no outcome: what ended before the damage is still known after it, so that
 * nobody is told that it is forgotten, and no sweep rolls back a branch that a failover has brought back.
 */

import { assertEquals } from "@std/assert";
import { MAX_OUTCOMES } from "../../src/coordinator/options.ts";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { MOST_OUTCOMES } from "../../src/wal/decisions/outcomes.ts";
import { Log } from "../../src/wal/log.ts";
import { repairLog, type RepairOptions } from "../../src/wal/repair.ts";
import { decision, steadyPlatform, TestDirectory } from "../cli/support/logs.ts";

const TXN = 1_000_000_000_001n;
const KEPT = 10;

function optionsOf(directory: TestDirectory) {
  return { directory: directory.path, platform: steadyPlatform };
}

/** A log that knows of one transaction that committed and of one that did not, in a segment that restates them. */
async function ended(directory: TestDirectory): Promise<void> {
  const log = await Log.open({ ...optionsOf(directory), model: new LiveState(KEPT) });
  await log.append(decision(TXN));
  await log.append({ type: "end", txn: TXN });
  const outcomes = [{ txn: TXN + 1n, committed: false }];
  await log.append({ type: "outcomes", forgotten: 0n, outcomes });
  await log.close();
  const again = await Log.open({ ...optionsOf(directory), model: new LiveState(KEPT) });
  for (let txn = TXN + 2n; txn < TXN + 5n; txn++) await again.append(decision(txn));
  await again.close();
}

/** Damages the record of a transaction that is none of theirs. */
function damage(directory: TestDirectory): void {
  const [file = ""] = directory.segments();
  const text = new TextDecoder("latin1").decode(directory.bytesOf(file));
  directory.flip(file, text.indexOf(`${TXN + 3n}_0`));
}

async function assertKnown(directory: TestDirectory): Promise<void> {
  const model = new LiveState(KEPT);
  const log = await Log.open({ ...optionsOf(directory), model });
  await log.close();
  assertEquals([model.outcomes.get(TXN), model.outcomes.get(TXN + 1n)], [true, false]);
}

const WAYS: readonly [string, Partial<RepairOptions>][] = [
  ["repair", {}],
  ["repair --presume-abort", { presumeAbort: true }],
  ["repair --accept-copy", { acceptCopy: true }],
  ["repair --accept-copy of a lost identity", { acceptCopy: true }],
];

for (const [way, options] of WAYS) {
  Deno.test(`Outcomes outlive a ${way}`, async () => {
    await using original = new TestDirectory();
    await ended(original);
    await using copy = original.copy();
    const directory = way.endsWith("copy") ? copy : original;
    if (way.endsWith("identity")) directory.remove("identity.json");
    else if (directory === original) damage(directory);
    const common = { reason: "a new disk", by: "ada", presumeAbort: false };
    const report = await repairLog({ ...optionsOf(directory), ...common, ...options });
    assertEquals(report.before.verdict, way.endsWith("copy") ? "sound" : "damaged");
    assertEquals(report.verdicts.length, 1);
    await assertKnown(directory);
  });
}

Deno.test("A repair keeps as many outcomes as a coordinator can be told to", () => {
  assertEquals(MOST_OUTCOMES, MAX_OUTCOMES);
});

Deno.test("A coordinator that keeps fewer outcomes than a repair opens what that has left", async () => {
  await using directory = new TestDirectory();
  await ended(directory);
  damage(directory);
  await repairLog({ ...optionsOf(directory), reason: "r", by: "ada", presumeAbort: true });
  const model = new LiveState(1);
  await (await Log.open({ ...optionsOf(directory), model })).close();
  // The last that ended is the one that was decided last.
  assertEquals([model.outcomes.length, model.outcomes.get(TXN + 4n)], [1, true]);
});
