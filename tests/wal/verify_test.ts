import { assert, assertEquals, assertMatch } from "@std/assert";
import type { FileSystem } from "../../src/platform/file_system.ts";
import { denoPlatform, type Platform } from "../../src/platform/platform.ts";
import { crc32c } from "../../src/wal/core.ts";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { identityText } from "../../src/wal/identity.ts";
import { encodeHead } from "../../src/wal/head.ts";
import { Log } from "../../src/wal/log.ts";
import { verifyLog } from "../../src/wal/verify.ts";
import {
  decision,
  each,
  ID,
  type MadeSegment,
  makeSegment,
  opening,
  STARTED,
  TestDirectory,
  writeLog,
} from "../cli/support/logs.ts";
import { fixture } from "./pgdog/fixtures.ts";
import { RacedDirectory } from "./raced_directory.ts";

const TXN = 1_000_000_000_001n;

async function verify(directory: TestDirectory, platform: Platform = denoPlatform) {
  return await verifyLog(platform, directory.path);
}

/** A directory with some segments, and an identity that says how many openings there were. */
function directoryOf(segments: readonly MadeSegment[], epoch: number | null = 1): TestDirectory {
  const directory = new TestDirectory();
  for (const { name, bytes } of segments) directory.put(name, bytes);
  const identity = { id: ID, epoch, segment: 0, place: null, formatVersion: 1 };
  if (epoch !== null) directory.put("identity.json", encoded(identityText(identity)));
  return directory;
}

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A segment with a decision that stays unfinished, one that does not, and one merely begun. */
function sample(firstLsn = 0): MadeSegment {
  const records = each(
    decision(TXN),
    { type: "end", txn: TXN },
    decision(TXN + 1n),
    decision(TXN + 2n, "begin"),
  );
  return makeSegment([opening(), ...records], firstLsn);
}

Deno.test("A whole log is sound, and its transactions are told apart", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [
    decision(TXN),
    { type: "end", txn: TXN },
    decision(TXN + 1n),
    decision(TXN + 2n, "begin"),
  ]);
  const [file = ""] = directory.segments();
  assertEquals(await verify(directory), {
    directory: directory.path,
    verdict: "sound",
    reason: "",
    format: "indoubt",
    application: false,
    copied: false,
    id: ID,
    epoch: 1,
    nextLsn: 6,
    found: [],
    harmless: [],
    passedOver: [],
    setAside: [],
    verdicts: [],
    decided: [{ txn: TXN + 1n, decided: true, branches: decision(TXN + 1n).branches }],
    undecided: [{ txn: TXN + 2n, decided: false, branches: decision(TXN + 2n).branches }],
    uncertainUpTo: null,
    nextOpening: { epoch: 2, firstLsn: 6, setAside: [], remove: [file] },
  });
});

Deno.test("What a crash leaves is sound: a cut, zeros, old bytes, unfinished files", async () => {
  const { name, bytes, offsets } = sample();
  const torn = bytes.slice(0, -3);
  const zeros = new Uint8Array(bytes.length + 512);
  zeros.set(bytes);
  const stale = zeros.slice();
  stale.fill(0x5a, bytes.length + 7);
  const disordered = makeSegment([opening(), each(decision(TXN), decision(TXN + 1n)).flat()]);
  disordered.bytes.fill(0, disordered.offsets[2]!, disordered.offsets[3]!);
  assert(offsets.length > 4);
  for (const content of [bytes, torn, zeros, stale, disordered.bytes]) {
    await using directory = directoryOf([{ name, bytes: content, offsets: [] }]);
    directory.put("00000000000000000099.wal.unfinished", new Uint8Array(7));
    assertEquals((await verify(directory)).verdict, "sound");
  }
});

Deno.test("A log whose first opening has not finished is no log yet", async () => {
  await using directory = new TestDirectory();
  directory.put(".lock", encoded("pid=1\n"));
  directory.put("00000000000000000000.wal.unfinished", new Uint8Array(7));
  const report = await verify(directory);
  assertEquals([report.verdict, report.reason], ["cannot_tell", "no log is in it"]);
});

Deno.test("Nothing can be told of a directory that is not there, is empty, or is a file", async () => {
  await using directory = new TestDirectory();
  assertEquals((await verify(directory)).verdict, "cannot_tell");
  directory.put("notes.txt", encoded("not a log"));
  assertEquals((await verify(directory)).reason, "no log is in it");
  const absent = await verifyLog(denoPlatform, directory.at("absent"));
  assertEquals(absent.verdict, "cannot_tell");
  assertMatch(absent.reason, /the directory is not there/);
  assertEquals((await verifyLog(denoPlatform, directory.at("notes.txt"))).verdict, "cannot_tell");
});

Deno.test("Nothing can be told of what a newer version wrote", async () => {
  const { name, bytes, offsets } = sample();
  const newer = bytes.slice();
  newer[6] = 1;
  const covered = new Uint8Array(20);
  covered.set(newer.subarray(0, 12));
  new DataView(newer.buffer).setUint32(12, crc32c(covered), true);
  await using features = directoryOf([{ name, bytes: newer, offsets }]);
  await using kind = directoryOf([makeSegment([opening(), [Uint8Array.of(15, 0xc0)]])]);
  await using identity = directoryOf([sample()]);
  identity.put("identity.json", encoded(identityText({ id: ID, epoch: 1, formatVersion: 2 })));
  for (const directory of [features, kind, identity]) {
    const { verdict, reason, nextOpening } = await verify(directory);
    assertEquals([verdict, nextOpening], ["cannot_tell", null]);
    assertMatch(reason, /which a newer version wrote: use that version or a later one/);
  }
});

/** This machine's files, but for some that fail or vanish when they are opened. */
function openingBy(open: (path: string) => void): Platform {
  const fileSystem: FileSystem = {
    ...denoPlatform.fileSystem,
    open: (path, mode) => {
      open(path);
      return denoPlatform.fileSystem.open(path, mode);
    },
  };
  return { ...denoPlatform, fileSystem };
}

Deno.test("An I/O error tells nothing about a log", async () => {
  await using directory = directoryOf([sample()]);
  const failing = openingBy((path) => {
    if (path.endsWith(".wal")) throw new Error("Input/output error (os error 5)");
  });
  const { verdict, reason } = await verify(directory, failing);
  assertEquals([verdict, reason], ["cannot_tell", "Input/output error (os error 5)"]);
});

Deno.test("Damage in the only segment is found, and its transactions are uncertain", async () => {
  const { name, bytes, offsets } = sample();
  const damaged = bytes.slice();
  damaged[offsets[2]! + 30]! ^= 1;
  await using directory = directoryOf([{ name, bytes: damaged, offsets }]);
  const report = await verify(directory);
  assertEquals(report.verdict, "damaged");
  assertEquals(report.found.length, 1);
  assertEquals(report.found[0]?.file, name);
  assertMatch(report.found[0]?.reason ?? "", /^at offset \d+ \(LSN 2\) the checksum of a frame/);
  assertEquals(report.decided.map(({ txn }) => txn), [TXN + 1n]);
  assertEquals(report.undecided.map(({ txn }) => txn), [TXN + 2n]);
  assertEquals(report.uncertainUpTo, 1);
  assertEquals(report.nextOpening, { epoch: 2, firstLsn: 6, setAside: [name], remove: [] });
});

Deno.test("Each kind of damage is found", async () => {
  const { name, bytes, offsets } = sample();
  const flipped = (offset: number): Uint8Array<ArrayBuffer> => {
    const copy = bytes.slice();
    copy[offset]! ^= 0x80;
    return copy;
  };
  const payload = makeSegment([opening(), [Uint8Array.of(3, 0x80)], ...each(decision(TXN))]);
  const cases: Record<string, Uint8Array<ArrayBuffer>> = {
    "a length": flipped(offsets[2]!),
    "a checksum": flipped(offsets[2]! + 5),
    "a promise": flipped(offsets[3]! + 9),
    "a tag": flipped(offsets[3]! + 16),
    "the Epoch": flipped(offsets[0]! + 20),
    "the Checkpoint": flipped(offsets[1]! + 20),
    "zeros": bytes.slice().fill(0, offsets[2], offsets[4]),
    "the opening cut": bytes.slice(0, offsets[1]! + 5),
    "a header only": bytes.slice(0, 16),
    "half a header": bytes.slice(0, 7),
    "an empty file": new Uint8Array(),
    "a whole file of zeros": new Uint8Array(bytes.length),
    "a payload": payload.bytes,
  };
  for (const [what, content] of Object.entries(cases)) {
    await using directory = directoryOf([{ name, bytes: content, offsets: [] }]);
    const report = await verify(directory);
    assertEquals(report.verdict, "damaged", what);
    assert(report.found.length > 0, what);
    assertEquals(report.uncertainUpTo, 1, what);
  }
});

Deno.test("A gap between segments is damage unless the later one restates everything", async () => {
  const first = makeSegment([opening()]);
  await using restated = directoryOf([first, makeSegment([opening(2)], 40)], 2);
  assertEquals((await verify(restated)).verdict, "sound");
  const { name, bytes, offsets } = makeSegment([opening(2, [], false)], 40);
  await using directory = directoryOf([first, { name, bytes, offsets }], 2);
  const report = await verify(directory);
  assertEquals([report.verdict, report.uncertainUpTo], ["damaged", 2]);
  assertEquals(report.found, [{ file: name, reason: "38 records before it are missing" }]);
});

Deno.test("Damage that a later segment restates is harmless", async () => {
  const older = sample();
  older.bytes[older.offsets[3]! + 3]! ^= 1;
  const newer = makeSegment([opening(2, [TXN])], 40);
  await using directory = directoryOf([older, newer], 2);
  const report = await verify(directory);
  assertEquals(report.verdict, "sound");
  assertEquals(report.found, []);
  assertEquals(report.harmless.map(({ file }) => file), [older.name]);
  assertMatch(report.harmless[0]?.reason ?? "", /LSN 3/);
  assertEquals(report.decided.map(({ txn }) => txn), [TXN]);
  const { setAside, remove } = report.nextOpening ?? {};
  assertEquals([setAside, remove], [[older.name], [newer.name]]);
});

Deno.test("Harmless damage before a restated segment is told from damage behind it", async () => {
  const [first, second, third] = [sample(0), makeSegment([opening(2)], 40), sample(80)];
  first.bytes[first.offsets[3]! + 3]! ^= 1;
  third.bytes[third.offsets[3]! + 3]! ^= 1;
  await using directory = directoryOf([first, second, third], 3);
  const report = await verify(directory);
  assertEquals(report.verdict, "damaged");
  assertEquals(report.found.map(({ file }) => file), [third.name]);
  assertEquals(report.harmless.map(({ file }) => file), [first.name]);
});

Deno.test("A header that can be mended, and an unreadable older segment, are harmless", async () => {
  const [first, second] = [sample(0), makeSegment([opening(2)], 40)];
  second.bytes[8]! ^= 1;
  await using directory = directoryOf([{ ...first, bytes: first.bytes.fill(9, 0, 16) }, second], 2);
  const report = await verify(directory);
  assertEquals(report.verdict, "sound");
  assertEquals(report.harmless, [
    { file: first.name, reason: "it does not begin as a segment does" },
    {
      file: second.name,
      reason: "at offset 0 (LSN 40) the checksum of its header differs, or it was renamed " +
        "(one turned bit explains it: bit 0 of byte 8)",
    },
  ]);
});

Deno.test("A lost log is damaged", async () => {
  await using directory = directoryOf([], 7);
  const report = await verify(directory);
  assertEquals(report.verdict, "damaged");
  assertEquals(report.found, [{ file: "", reason: "the log is gone: no segment is there" }]);
  assertEquals([report.id, report.epoch, report.uncertainUpTo], [ID, 7, 7]);
});

Deno.test("A damaged identity is damage, and what the segments say is said", async () => {
  for (const text of ["{", '{"id": 4}', '{"id":"0123456789ab","epoch":1,"formatVersion":1}']) {
    await using directory = directoryOf([sample()]);
    directory.put("identity.json", encoded(text));
    const report = await verify(directory);
    assertEquals(report.verdict, "damaged");
    assertEquals(report.found.map(({ file }) => file), ["identity.json"]);
    assertEquals([report.nextOpening, report.id], [null, ID]);
    assertMatch(report.reason, /^Cannot read the log in /);
    assertEquals(report.decided.map(({ txn }) => txn), [TXN + 1n]);
  }
});

Deno.test("A segment of pgdog among ours is damage", async () => {
  await using directory = directoryOf([sample()]);
  const [bytes] = fixture("01-clean").files.values();
  directory.put("00000000000000000040.wal", bytes ?? new Uint8Array());
  const report = await verify(directory);
  assertEquals([report.verdict, report.nextOpening], ["damaged", null]);
  assertMatch(report.reason, /it is a log of pgdog/);
});

Deno.test("A verdict of an earlier opening stands until it is cleared", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [decision(TXN), { type: "end", txn: TXN }, decision(TXN + 1n)]);
  const [first = ""] = directory.segments();
  directory.flip(first, 180);
  const before = await verify(directory);
  assertEquals([before.verdict, before.verdicts.length, before.uncertainUpTo], ["damaged", 0, 1]);
  for (const epoch of [2, 3, 4]) {
    assertEquals(await writeLog(directory), epoch);
    const report = await verify(directory);
    assertEquals([report.verdict, report.found, report.uncertainUpTo], ["damaged", [], 1]);
    assertEquals(report.verdicts.map(({ file, at }) => [file, at]), [[first, STARTED]]);
    assertEquals(report.nextOpening?.setAside, []);
  }
  const log = await Log.open({ directory: directory.path, model: new LiveState() });
  await log.clearDamage("me", "compared");
  await log.close();
  const after = await verify(directory);
  assertEquals([after.verdict, after.verdicts, after.uncertainUpTo], ["sound", [], null]);
});

Deno.test("A segment that is replaced while it is read is followed to its successor", async () => {
  await using directory = directoryOf([sample()]);
  const { name } = sample();
  const next = makeSegment([opening(2, [TXN + 5n])], 40);
  const replacing = openingBy((path) => {
    if (!path.endsWith(name) || directory.segments().length !== 1) return;
    directory.put(next.name, next.bytes);
    Deno.removeSync(path);
  });
  const report = await verify(directory, replacing);
  assertEquals([report.verdict, report.reason], ["sound", ""]);
  assertEquals(report.decided.map(({ txn }) => txn), [TXN + 5n]);
});

Deno.test("A log that always vanishes is given up", async () => {
  await using directory = directoryOf([sample()]);
  let opened = 0;
  const vanishing = openingBy((path) => {
    opened++;
    if (path.endsWith(".wal")) throw new Deno.errors.NotFound(path);
  });
  assertEquals((await verify(directory, vanishing)).verdict, "cannot_tell");
  assert(opened < 1000);
});

Deno.test("A writer that is quicker than its reader is not chased: one segment is verified", async () => {
  await using directory = new RacedDirectory("unless a segment is opened behind a list");
  const report = await verify(directory, directory.platform);
  assertEquals([report.verdict, report.reason], ["sound", ""]);
  assertEquals([report.found, report.harmless], [[], []]);
  assert((report.nextLsn ?? 0) < directory.newest, "the writer went on");
  assertEquals(directory.openFiles, 0);
});

Deno.test("Nothing can be told of a log whose newest segment can never be opened", async () => {
  await using directory = new RacedDirectory("always");
  const report = await verify(directory, directory.platform);
  assertEquals(report.verdict, "cannot_tell");
  assertMatch(
    report.reason,
    /its newest segment was gone 100 times before it could be opened, try/,
  );
  assert(directory.calls < 250, `${directory.calls} calls`);
  assertEquals(directory.openFiles, 0);
});

/** A log of an application's own: an Epoch, then records of its kinds. */
function applicationSegment(firstLsn = 0, restated = false): MadeSegment {
  const epoch = encodeHead({
    type: "epoch",
    id: ID,
    epoch: 1,
    started: STARTED,
    opening: 1,
    restated,
  });
  const records = [[16, 1], [255, 2], [16, 3]].map((body) => [Uint8Array.from(body)]);
  return makeSegment([[epoch], ...records], firstLsn);
}

Deno.test("An application's log is sound if every record is in its place", async () => {
  await using directory = directoryOf([applicationSegment(), applicationSegment(4)]);
  const report = await verify(directory);
  assertEquals([report.verdict, report.application, report.reason], ["sound", true, ""]);
  assertEquals([report.id, report.epoch, report.nextLsn], [ID, 1, 8]);
  assertEquals([report.decided, report.undecided, report.uncertainUpTo], [[], [], null]);
  assertEquals(report.nextOpening, { epoch: 2, firstLsn: 8, setAside: [], remove: [] });
});

Deno.test("An application's log is damaged if a record is, or if some are missing", async () => {
  const first = applicationSegment();
  first.bytes[first.offsets[2]! + 16]! ^= 1;
  const cases = [
    [[first], first.name],
    [[applicationSegment(), applicationSegment(40)], applicationSegment(40).name],
  ] as const;
  for (const [segments, file] of cases) {
    await using directory = directoryOf(segments);
    const report = await verify(directory);
    assertEquals([report.verdict, report.application], ["damaged", true]);
    assertEquals(report.found.map((one) => one.file), [file]);
  }
});

Deno.test("A log with records of an application and of a coordinator is neither's", async () => {
  const records = [[Uint8Array.of(16, 1)], ...each(decision(TXN))];
  await using directory = directoryOf([makeSegment([opening(), ...records])]);
  const { verdict, reason } = await verify(directory);
  assertEquals(verdict, "cannot_tell");
  assertMatch(reason, /holds record kind 16, which a newer version wrote/);
});

Deno.test("A log of pgdog is verified by the rules for it", async () => {
  const rolled = await verifyLog(denoPlatform, fixture("02-inflight-undecided").directory);
  assertEquals([rolled.verdict, rolled.format, rolled.nextOpening], ["sound", "pgdog", null]);
  assert(rolled.undecided.length > 0);
  const harmless = await verifyLog(denoPlatform, fixture("15-damage-before-checkpoint").directory);
  assertEquals([harmless.verdict, harmless.harmless.length], ["sound", 1]);
  const newer = await verifyLog(denoPlatform, fixture("11a-unknown-tag").directory);
  assertEquals(newer.verdict, "cannot_tell");
  const misnamed = await verifyLog(denoPlatform, fixture("12-file-names").directory);
  assertEquals(misnamed.passedOver.map(({ file }) => file), ["7.wal"]);
});

Deno.test("A copy is sound or damaged as its original, and would not be opened", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [decision(TXN)]);
  await using copy = directory.copy();
  const report = await verify(copy);
  assertEquals([report.verdict, report.copied, report.nextOpening], ["sound", true, null]);
  assertMatch(report.reason, /it is a copy.*--accept-copy/);
  assertEquals((await verify(directory)).copied, false);
  Deno.removeSync(copy.at(".lock"));
  assertEquals((await verify(copy)).copied, true);
});

Deno.test("Files that were set aside are named until a person removes them", async () => {
  const names = [`${sample().name}.broken-2`, "identity.json.broken-4"];
  await using directory = directoryOf([sample(90)]);
  for (const name of [...names, "notes.broken-1"]) directory.put(name, new Uint8Array(1));
  const report = await verify(directory);
  assertEquals([report.verdict, report.setAside], ["sound", names]);
  for (const name of names) Deno.removeSync(directory.at(name));
  assertEquals((await verify(directory)).setAside, []);
});
