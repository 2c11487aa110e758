import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { denoPlatform } from "../../src/platform/platform.ts";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { LogCopiedError, LogCorruptedError, LogLockedError } from "../../src/wal/errors.ts";
import { Log } from "../../src/wal/log.ts";
import { inspectLog } from "../../src/wal/inspect.ts";
import { encodeHead } from "../../src/wal/head.ts";
import { identityText } from "../../src/wal/identity.ts";
import { repairLog, type RepairOptions, type RepairReport } from "../../src/wal/repair.ts";
import { verifyLog } from "../../src/wal/verify.ts";
import {
  decision,
  ID,
  type MadeSegment,
  makeSegment,
  opening,
  STARTED,
  steadyPlatform,
  TestDirectory,
  writeLog,
} from "../cli/support/logs.ts";
import { BytesModel, SumModel } from "./open_log.ts";
import { fixture } from "./pgdog/fixtures.ts";
import { EPOCH } from "./sample_segment.ts";

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
  await writeLog(directory, [decision(TXN + 9n)]);
  const [second = ""] = directory.segments();
  directory.flip(second, 40);
  const newer = directory.bytesOf(second);
  const report = await repair(directory);
  assertEquals(report.setAside, [`${second}.broken-4`]);
  assertEquals(directory.bytesOf(`${first}.broken-2`), older);
  assertEquals(directory.bytesOf(`${second}.broken-4`), newer);
  // What the second one said about the first is lost with it: everything of that time is uncertain.
  assertEquals(report.verdicts.map(({ epoch }) => epoch).includes(3), true);
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

/** Who repaired the log, why, and what was done, as its segments say. */
async function repairsIn(directory: TestDirectory): Promise<string[][]> {
  const items = await Array.fromAsync(inspectLog(denoPlatform, directory.path));
  const records = items.flatMap((item) => item.kind === "record" ? [item.record] : []);
  return records.flatMap((record) =>
    record?.type === "verdict" && record.kind === "repaired"
      ? [[record.by, record.reason, record.done, record.at]]
      : []
  );
}

Deno.test("Repair keeps who had it done, why, when and what, through openings and segments", async () => {
  await using directory = await damagedLog();
  const [file = ""] = directory.segments();
  const report = await repair(directory, { reason: " a new controller ", by: "ada" });
  assertEquals([report.cleared, report.done], [false, `opened, set aside ${file}`]);
  const first = ["ada", "a new controller", `opened, set aside ${file}`, STARTED];
  assertEquals(await repairsIn(directory), [first]);

  // The verdict on the damage stands as before: what is uncertain stays so.
  assertEquals(await damagesOnOpening(directory), 1);
  assertEquals(await repairsIn(directory), [first]);
  const options = { directory: directory.path, platform: steadyPlatform, segmentSize: 1024 };
  const log = await Log.open({ ...options, model: new LiveState() });
  const [before] = directory.segments();
  for (let txn = TXN + 10n; directory.segments()[0] === before; txn++) {
    await log.append(decision(txn));
    await log.append({ type: "end", txn });
  }
  await log.close();
  assertEquals((await repairsIn(directory))[0], first);

  await repair(directory, { reason: "again", by: "grace", presumeAbort: true });
  assertEquals(await repairsIn(directory), [first, ["grace", "again", "opened", STARTED]]);
  assertEquals(await damagesOnOpening(directory), 0);
  assertEquals((await repairsIn(directory)).map(([by]) => by), ["ada", "grace"]);
});

Deno.test("Repair refuses a reason that no verdict can hold, and changes nothing", async () => {
  await using directory = await damagedLog();
  const before = directory.trace();
  const reason = "x".repeat(1001);
  await assertRejects(() => repair(directory, { reason }), RangeError, "at most 1000");
  assertEquals(directory.trace(), before);
});

/** Somebody says that the directory is the only one from now on. */
const VOUCHED = { acceptCopy: true };

function putIdentity(directory: TestDirectory, text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  directory.put("identity.json", bytes);
  return bytes;
}

Deno.test("Repair makes a damaged identity again from the segments, and keeps the damaged one", async () => {
  for (const text of ["{", "{}", "", "x".repeat(200_000)]) {
    await using directory = new TestDirectory();
    await writeLog(directory, [decision(TXN + 1n)]);
    await writeLog(directory);
    const whole = directory.bytesOf("identity.json");
    const damaged = putIdentity(directory, text);
    await assertRejects(
      () => damagesOnOpening(directory),
      LogCorruptedError,
      `indoubt repair "${directory.path}" --accept-copy --reason TEXT`,
    );
    const report = await repair(directory, VOUCHED);
    assertEquals([report.epoch, report.id, report.cleared], [100_003, ID, false]);
    assertEquals(report.setAside, ["identity.json.broken-100003"]);
    assertEquals(directory.bytesOf("identity.json.broken-100003"), damaged);
    const [[, , done = ""] = []] = await repairsIn(directory);
    assertMatch(done, /kept .* as identity\.json\.broken-100003, accepted the directory/);
    assertEquals((await repairsIn(directory)).length, 1);
    const again = new TextDecoder().decode(directory.bytesOf("identity.json"));
    assertEquals(JSON.parse(again).id, JSON.parse(new TextDecoder().decode(whole)).id);
    assertEquals(JSON.parse(again).epoch, 100_003);
    await assertPossibleCopy(directory, report);
  }
});

/** What only the identity knew counts as lost until an operator says otherwise. */
async function assertPossibleCopy(
  directory: TestDirectory,
  { verdicts, before }: RepairReport,
): Promise<void> {
  assertEquals(verdicts.map(({ file, epoch, by }) => [file, epoch, by]), [["", 100_002, "ada"]]);
  assertMatch(verdicts[0]?.reason ?? "", /^identity\.json was lost, so a later segment may be/);
  const { nextLsn } = await verifyLog(denoPlatform, directory.path);
  assert((nextLsn ?? 0) >= 2 ** 40, "numbers of a segment that may be lost are used again");
  assertEquals(before.verdict, "damaged");
  assertEquals(await damagesOnOpening(directory), 1);
  const report = await repair(directory, { presumeAbort: true });
  assertEquals([report.cleared, await damagesOnOpening(directory)], [true, 0]);
}

Deno.test("Repair makes an identity that is gone again, and no log is opened without it", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [decision(TXN + 1n)]);
  directory.remove("identity.json");
  for (let opening = 0; opening < 2; opening++) {
    const error = await assertRejects(() => damagesOnOpening(directory), LogCorruptedError);
    assertMatch(error.message, /identity\.json: it is gone, though the log has been used/);
  }
  const { verdict, decided } = await verifyLog(denoPlatform, directory.path);
  assertEquals([verdict, decided.map(({ txn }) => txn)], ["damaged", [TXN + 1n]]);
  const report = await repair(directory, { ...VOUCHED, presumeAbort: true });
  assertEquals([report.epoch, report.setAside, report.cleared], [100_002, [], true]);
  assertMatch(report.done, /made identity\.json again from the segments, it was gone/);
  assertEquals(await damagesOnOpening(directory), 0);
});

Deno.test("Repair makes no identity unless somebody vouches for the directory", async () => {
  for (const lose of ["damage", "remove"]) {
    await using directory = new TestDirectory();
    await writeLog(directory, [decision(TXN + 1n)]);
    if (lose === "damage") putIdentity(directory, "{");
    else directory.remove("identity.json");
    await assertRefused(
      directory,
      /nobody can tell whether the directory is a copy.*--accept-copy/,
      {},
    );
  }
});

Deno.test("Repair makes the identity of a log again that is damaged besides", async () => {
  await using directory = await damagedLog();
  const [file = ""] = directory.segments();
  putIdentity(directory, "{");
  const report = await repair(directory, VOUCHED);
  assertEquals(report.setAside, [`${file}.broken-100002`, "identity.json.broken-100002"]);
  const verdicts = report.verdicts.map((verdict) => [verdict.file, verdict.epoch]);
  assertEquals(verdicts, [[file, 100_001], ["", 100_001]]);
  assertMatch(report.done, new RegExp(`^opened, set aside ${file}, made identity\\.json again`));
  assertEquals(await damagesOnOpening(directory), 2);
});

Deno.test("Repair never overwrites an identity that was kept before", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory);
  const kept = new TextEncoder().encode("an earlier one");
  directory.put("identity.json.broken-100002", kept);
  const damaged = putIdentity(directory, "{");
  await repair(directory, VOUCHED);
  assertEquals(directory.bytesOf("identity.json.broken-100002"), kept);
  assertEquals(directory.bytesOf("identity.json.broken-100002-2"), damaged);
});

/** Asserts that a repair is refused and that nothing but the stamp in the lock has changed. */
async function assertRefused(
  directory: TestDirectory,
  why: RegExp,
  options: Partial<RepairOptions> = VOUCHED,
): Promise<void> {
  const { ".lock": _, "": __, ...before } = directory.trace();
  const error = await assertRejects(() => repair(directory, options), LogCorruptedError);
  assertMatch(error.message, why);
  const { ".lock": ___, "": ____, ...after } = directory.trace();
  assertEquals(after, before);
}

Deno.test("Repair refuses to make an identity of which the segments are not certain", async () => {
  const another = encodeHead({ ...EPOCH, id: "0123456789ab", epoch: 1, opening: 1 });
  const segments: [RegExp, MadeSegment[]][] = [
    [
      /0{18}40\.wal: it is of log k3j9x0w2m4t7, but 0{20}\.wal is of log 0123456789ab, put the/,
      [makeSegment([[another]]), makeSegment([opening(2)], 40)],
    ],
    [/identity\.json: no segment says whose log it is, so .* restore it from a backup, or/, []],
    [
      /0{18}40\.wal: the newest segment does not say which opening it is of/,
      [makeSegment([opening()]), { ...makeSegment([], 40), bytes: new Uint8Array(40) }],
    ],
  ];
  for (const [why, made] of segments) {
    await using directory = new TestDirectory();
    for (const { name, bytes } of made) directory.put(name, bytes);
    putIdentity(directory, "{");
    await assertRefused(directory, why);
  }
});

Deno.test("Repair refuses to make an identity if a later opening than the segments' left a trace", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory);
  directory.put("00000000000000000000.wal.broken-9", new Uint8Array(3));
  putIdentity(directory, "{");
  await assertRefused(directory, /it is of opening 1, but opening 9 has set a file aside, so/);
});

Deno.test("Repair does not take a whole identity of another log for a damaged one", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory);
  putIdentity(
    directory,
    identityText({ id: "0123456789ab", epoch: 1, segment: 0, place: null, formatVersion: 1 }),
  );
  await assertRefused(directory, /it is of log 0123456789ab, but the segments are of k3j9x0w2m4t7/);
});

Deno.test("Repair of an application's log leaves its records to its model, and its verdicts hold", async () => {
  await using directory = new TestDirectory();
  const options = { directory: directory.path, platform: steadyPlatform };
  const written = await Log.open({ ...options, model: new BytesModel() });
  for (const entry of [1, 2, 3]) await written.append(Uint8Array.of(16, entry));
  await written.close();
  const [file = ""] = directory.segments();
  const items = await Array.fromAsync(inspectLog(denoPlatform, directory.path));
  const place = items.find((item) => item.kind === "record" && item.lsn === 2);
  directory.flip(file, (place?.kind === "record" ? place.offset : 0) + 16);

  const first = await repair(directory);
  assertEquals([first.before.application, first.cleared, first.verdicts.length], [true, false, 1]);
  const second = await repair(directory, { presumeAbort: true });
  assertEquals([second.cleared, second.verdicts.map((one) => one.file)], [true, [file]]);
  const model = new BytesModel();
  await using log = await Log.open({ ...options, model });
  assertEquals(model.entries.map(({ body }) => body[1]), [1, 3]);
  assertEquals(log.damages, []);
  assertEquals((await repairsIn(directory)).length > 0, true);
});

Deno.test("What a repair has cleared is set aside, not removed, when the application opens its log", async () => {
  await using directory = new TestDirectory();
  const options = { directory: directory.path, platform: steadyPlatform };
  const written = await Log.open({ ...options, model: new SumModel() });
  for (const step of [1, 2, 4]) await written.append(step);
  await written.close();
  const [file = ""] = directory.segments();
  const items = await Array.fromAsync(inspectLog(denoPlatform, directory.path));
  const place = items.find((item) => item.kind === "record" && item.lsn === 3);
  directory.flip(file, (place?.kind === "record" ? place.offset : 0) + 16);
  const damaged = directory.bytesOf(file);

  assertEquals((await repair(directory, { presumeAbort: true })).cleared, true);
  const model = new SumModel();
  await using log = await Log.open({ ...options, model });
  assertEquals([model.total, log.damages, log.setAside], [5, [], [`${file}.broken-3`]]);
  assertEquals(directory.bytesOf(`${file}.broken-3`), damaged);
});

Deno.test("Repair opens a copy only if somebody vouches for it, and then nothing is presumed aborted", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [decision(TXN), decision(TXN + 1n, "begin")]);
  await using copy = directory.copy();
  const before = copy.trace();
  const { mtime: _mtime, ...lock } = before[".lock"] as Record<string, unknown>;
  await assertRejects(() => repair(copy), LogCopiedError);
  assertEquals(copy.names(), Object.keys(before).filter((name) => name !== "").sort());
  assertEquals(lock.size, copy.bytesOf(".lock").length);

  const report = await repair(copy, { acceptCopy: true });
  assertEquals([report.before.verdict, report.cleared], ["sound", false]);
  assertEquals(report.verdicts.map(({ by, file }) => [by, file]), [["ada", ""]]);
  assertMatch(report.verdicts[0]?.reason ?? "", /is a copy.*the controller was replaced/);
  assertMatch(report.done, /accepted the directory as the only copy/);
  assertEquals(report.decided.map(({ txn }) => txn), [TXN]);
  const after = await verifyLog(denoPlatform, copy.path);
  assertEquals([after.verdict, after.copied], ["damaged", false]);
  assert((after.uncertainUpTo ?? 0) > 10_000);

  await repair(copy, { presumeAbort: true });
  assertEquals((await verifyLog(denoPlatform, copy.path)).verdict, "sound");
  assertEquals((await repair(directory, { acceptCopy: true })).epoch, null);
});
