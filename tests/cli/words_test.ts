/** What is said of logs in states that are rare. */

import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { crc32c } from "../../src/wal/core.ts";
import { identityText } from "../../src/wal/identity.ts";
import { Log } from "../../src/wal/log.ts";
import { parsePgdogName } from "../../src/wal/inspect_pgdog.ts";
import { plain } from "../../src/cli/words.ts";
import { shellWord } from "../../src/cli/verify_words.ts";
import {
  decision,
  each,
  ID,
  makeSegment,
  opening,
  steadyPlatform,
  TestDirectory,
  writeLog,
} from "./support/logs.ts";
import { BytesModel } from "../wal/open_log.ts";
import { run, runJson } from "./support/run.ts";

const TXN = 1_000_000_000_001n;
const IDENTITY = new TextEncoder().encode(
  identityText({ id: ID, epoch: 7, segment: 0, place: null, formatVersion: 1 }),
);

Deno.test("A log that is lost says which openings are concerned", async () => {
  await using directory = new TestDirectory();
  directory.put("identity.json", IDENTITY);
  const { code, out } = await run("verify", directory.path);
  assertEquals(code, 1);
  assertEquals(
    out,
    `Damaged: "${directory.path}", log ${ID}, opening 7, next LSN 1099511627776
No record tells whether a coordinator or an application keeps it

Damage found now
  the log is gone: no segment is there

Transactions that are not presumed aborted
  those of openings 1 to 7, whose numbers are below 8000000000000, but for the decided ones
  their branches are named indoubt_${ID}_NUMBER_BRANCH

The next opening
  is opening 8 and begins a segment at LSN 1099511627776

What to do
  if an application owns the log, have it open it, and see what is missing;
  if a coordinator does, see in the databases which branches are prepared, and settle them by hand;
  then clear the damage:
  indoubt repair ${directory.path} --presume-abort --reason TEXT
`,
  );
  const repaired = await run("repair", directory.path, "--reason", "new disk");
  assertEquals(repaired.code, 1);
  assertMatch(repaired.out, /Damage\n {2}the log is gone: no segment is there \(openings up to 7/);
  assertStringIncludes(
    repaired.out,
    `The damage stands until you clear it
  if a coordinator owns the log:
  these are uncertain, since their decisions may have been in what is lost:
  those of openings 1 to 7, whose numbers are below 8000000000000, but for the decided ones
  their branches are named indoubt_${ID}_NUMBER_BRANCH
`,
  );
  const [json] = await runJson("verify", "--json", directory.path);
  assertEquals([json?.verdict, json?.application], ["damaged", null]);
  const cleared = await run("repair", directory.path, "--presume-abort", "--reason", "new disk");
  assertEquals(cleared.code, 0);
  assertMatch(
    cleared.out,
    /Cleared\n {2}the damage stands no more, .*\n {2}if a coordinator owns the log:\n {2}from now on/,
  );
});

Deno.test("A log that is lost with its identity concerns no transaction of its own", async () => {
  await using directory = new TestDirectory();
  const { name, bytes } = makeSegment([opening()]);
  directory.put(name, bytes.fill(0));
  const { code, out } = await run("verify", directory.path);
  assertEquals(code, 1);
  assertStringIncludes(out, "none of this log's; what is prepared under a lost log's id is never");
});

Deno.test("A log whose identity is damaged says why it would not open", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [decision(TXN)]);
  directory.put("identity.json", new TextEncoder().encode("{}"));
  const { code, out } = await run("verify", directory.path);
  assertEquals(code, 1);
  assertMatch(out, /The next opening\n {2}is refused: Cannot read the log in .*: identity\.json: /);
  assertMatch(out, /must commit\n {2}1000000000001 {2}orders, billing\n/);
  const command = ["repair", directory.path, "--reason", "new disk"];
  const refused = await run(...command);
  assertEquals([refused.code, refused.out], [2, ""]);
  assertMatch(refused.error, /nobody can tell whether the directory is a copy: .*--accept-copy\n$/);
  const repaired = await run(...command, "--accept-copy");
  assertEquals([repaired.code, repaired.error], [1, ""]);
  const done = "made identity.json again from the segments and kept the damaged one as " +
    "identity.json.broken-100002, accepted the directory as the only copy";
  assertStringIncludes(repaired.out, `opened, ${done}\n`);
  assertMatch(repaired.out, /Set aside, byte for byte\n {2}identity\.json\.broken-100002\n/);
  assertMatch(repaired.out, /Damage\n {2}identity\.json was lost, so a later segment may be/);
  const verdict = new RegExp(
    `Verdict .* repaired by .*: new disk \\(opening 100002: opened, ${done}\\)`,
  );
  assertMatch((await run("inspect", directory.path)).out, verdict);
  assertEquals((await run("verify", directory.path)).code, 1);
  assertEquals((await run(...command, "--presume-abort")).code, 0);
  assertEquals((await run("verify", directory.path)).code, 0);
});

Deno.test("A damaged identity that no segment explains is refused with what to do", async () => {
  await using directory = new TestDirectory();
  directory.put("identity.json", new TextEncoder().encode("{}"));
  const { code, out } = await run("verify", directory.path);
  assertEquals(code, 1);
  assertStringIncludes(out, `indoubt repair "${directory.path}" --accept-copy --reason TEXT`);
  const repaired = await run("repair", directory.path, "--accept-copy", "--reason", "new disk");
  assertEquals(repaired.code, 2);
  assertMatch(
    repaired.error,
    /no segment says whose log it is, so .* restore it from a backup, or/,
  );
});

Deno.test("A first opening that no crash alone explains is refused with what to do", async () => {
  await using directory = new TestDirectory();
  const { name, bytes } = makeSegment([opening()]);
  directory.put(name, bytes);
  // Nothing is lost yet: the opening that a crash cut short is made again.
  assertEquals((await run("verify", directory.path)).code, 0);
  directory.flip(name, 40);
  const verified = await run("verify", directory.path);
  assertEquals(verified.code, 1);
  const command = ["repair", directory.path, "--accept-copy", "--reason", "new disk"];
  assertStringIncludes(verified.out, `indoubt repair "${directory.path}" --accept-copy`);
  const before = directory.bytesOf(name);
  const { code, error } = await run(...command);
  assertEquals([code, directory.bytesOf(name)], [2, before]);
  assertMatch(
    error,
    /does not say which opening it is of, so identity\.json cannot be made again: restore it from a backup, or, without one, settle in the databases what is prepared as indoubt_ID_\.\.\. where ID is no other log's, and begin with an empty directory\n$/,
  );
});

/** A log of an application, with records of one byte each. */
async function applicationLog(directory: TestDirectory): Promise<void> {
  const model = new BytesModel();
  await using log = await Log.open({ directory: directory.path, platform: steadyPlatform, model });
  for (const entry of [7, 8, 9]) await log.append(Uint8Array.of(16, entry));
}

Deno.test("A log of an application's own is verified, and it is said what was not checked", async () => {
  await using directory = new TestDirectory();
  await applicationLog(directory);
  const sound = await run("verify", directory.path);
  assertEquals([sound.code, sound.error], [0, ""]);
  assertMatch(
    sound.out,
    /^Sound: .*\nRecords are an application's own: payloads are not checked\n/,
  );
  const [json] = await runJson("verify", "--json", directory.path);
  assertEquals([json?.verdict, json?.application, json?.nextLsn], ["sound", true, "4"]);
  const { out } = await run("inspect", directory.path);
  assertMatch(out, /Application 16 .* 1 byte: 08\n/);

  const { name, offset } = placeOf(out, 2);
  directory.flip(name, offset + 16);
  const damaged = await run("verify", directory.path);
  assertEquals(damaged.code, 1);
  assertMatch(damaged.out, /Damage found now\n {2}0{20}\.wal: at offset \d+ \(LSN 2\)/);
  assertEquals(/presumed aborted/.test(damaged.out), false);
  assertStringIncludes(damaged.out, "have the program that owns the log open it");
});

/** The segment and the offset of a record in what `inspect` shows. */
function placeOf(shown: string, lsn: number): { name: string; offset: number } {
  const offset = new RegExp(`^ +${lsn} +(\\d+) `, "m").exec(shown)?.[1];
  return { name: shown.split(" ")[0] ?? "", offset: Number(offset) };
}

Deno.test("The table tells every end", async () => {
  const { name, bytes } = makeSegment([opening(), ...each(decision(TXN))]);
  const newer = bytes.slice();
  newer[4] = 9;
  const covered = new Uint8Array(20);
  covered.set(newer.subarray(0, 12));
  new DataView(newer.buffer).setUint32(12, crc32c(covered), true);
  const ends: [RegExp, Uint8Array][] = [
    [/Ends clean at offset \d+, before LSN 3\n/, bytes],
    [/Ends clean at offset \d+, before LSN 3, with unused space behind it\n/, withZeros(bytes)],
    [/Ends torn at offset \d+, before LSN 2: a frame runs past the end/, bytes.slice(0, -1)],
    [/Holds format version 9, which a newer version wrote\n/, newer],
    [/Cannot be read: it is shorter than a segment header\n/, bytes.slice(0, 3)],
    [
      /DAMAGE at offset 16 \(LSN 0\) the records that open it are not all there\n/,
      bytes.slice(0, 16),
    ],
  ];
  for (const [words, content] of ends) {
    await using directory = new TestDirectory();
    directory.put("identity.json", IDENTITY);
    directory.put(name, content);
    assertMatch((await run("inspect", directory.path)).out, words);
  }
});

function withZeros(bytes: Uint8Array): Uint8Array {
  const longer = new Uint8Array(bytes.length + 100);
  longer.set(bytes);
  return longer;
}

Deno.test("The table says what verdicts say", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [decision(TXN), decision(TXN + 1n), decision(TXN + 2n, "begin")]);
  directory.flip(directory.segments()[0] ?? "", 180);
  await run("repair", directory.path, "--presume-abort", "--reason", "compared", "--by", "ada");
  const { out } = await run("inspect", directory.path);
  assertMatch(out, /Verdict .* damaged up to opening 1: 0{20}\.wal at offset \d+ \(LSN 2\) the/);
  assertMatch(out, /Verdict .* cleared by ada at .*: compared\n/);
  assertMatch(
    out,
    /Verdict .* repaired by ada at .*: compared \(opening 2: opened, set aside 0{20}/,
  );
  assertMatch(out, /Checkpoint .* decided: 1000000000002; undecided: 1000000000003\n/);
});

Deno.test("Text is cut to its length, and what is invisible is escaped", () => {
  assertEquals(plain("plain"), "plain");
  assertEquals(plain("x".repeat(101)), `${"x".repeat(99)}…`);
  assertEquals(plain("😀".repeat(3), 2), "😀…");
  assertEquals(plain("a\tb\u{9b}\u2028\ud800"), String.raw`a\u{9}b\u{9b}\u{2028}\u{d800}`);
});

Deno.test("A directory can be copied into a shell as it stands there", () => {
  assertEquals(shellWord("/var/lib/shop-1/in_doubt.d"), "/var/lib/shop-1/in_doubt.d");
  assertEquals(shellWord("it's here"), `'it'\\''s here'`);
});

Deno.test("Names that pgdog took for segments, and names that it did not", () => {
  assertEquals(parsePgdogName("00000000000000000019.wal"), 19);
  assertEquals(parsePgdogName("7.wal"), 7);
  assertEquals(parsePgdogName("+10.wal"), 10);
  for (const name of ["7.wal.broken", "seven.wal", "-7.wal", ".wal", "99999999999999999999.wal"]) {
    assertEquals(parsePgdogName(name), null);
  }
  assertThrows(() => parsePgdogName("9007199254740993.wal"), RangeError, "the largest number");
});

Deno.test("What stands in the way is said without what would reach the terminal", async () => {
  await using directory = new TestDirectory();
  const options = { directory: directory.path, platform: steadyPlatform };
  await using _log = await Log.open({ ...options, model: new BytesModel() });
  const stamp = "pid=1\nstarted=\x1b[2J\x1b]0;owned\x07\x9b\n";
  directory.put(".lock", new TextEncoder().encode(stamp));
  const { code, error } = await run("repair", directory.path, "--reason", "new disk");
  assertEquals(code, 2);
  assertStringIncludes(
    error,
    String.raw`since \u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}, close it there`,
  );
  assertMatch(error, /^\P{Cc}+\n$/u);
});
