import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { Log } from "../../src/wal/log.ts";
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
import { fixture } from "../wal/pgdog/fixtures.ts";
import { main } from "../../src/cli/main.ts";
import { Collector, run, runJson } from "./support/run.ts";

const TXN = 1_000_000_000_001n;

/** A log with a damaged decision. */
async function damagedLog(): Promise<TestDirectory> {
  const directory = new TestDirectory();
  await writeLog(directory, [decision(TXN), decision(TXN + 1n), decision(TXN + 2n, "begin")]);
  directory.flip(directory.segments()[0] ?? "", 180);
  return directory;
}

Deno.test("Every command explains itself", async () => {
  for (const args of [["--help"], ["help"], ["help", "verify"]]) {
    const { code, out, error } = await run(...args);
    assertEquals([code, error], [0, ""]);
    assertMatch(out, /^Usage: indoubt/);
    assertMatch(out, /Exit code: 0/);
  }
  for (const command of ["inspect", "verify", "repair"]) {
    const { code, out } = await run(command, "--help");
    assertEquals(code, 0);
    assertMatch(out, new RegExp(`^Usage: indoubt ${command} \\[options\\] <directory>`));
  }
});

Deno.test("What is not understood ends with 2 and a message", async () => {
  const misuses: [RegExp, ...string[]][] = [
    [/Usage: indoubt/],
    [/unknown command 'mend'/, "mend"],
    [/unknown option '--colour'/, "--colour"],
    [/unknown option '--all'/, "inspect", "x", "--all"],
    [/unknown option '--presume-abort'/, "verify", "x", "--presume-abort"],
    [/missing required argument 'directory'/, "verify"],
    [/too many arguments/, "inspect", "one", "two"],
    [/required option '--reason <text>' not specified/, "repair", "x"],
    [/option '--reason <text>' argument missing/, "repair", "x", "--reason"],
    [/without a reason/, "repair", "x", "--reason", "  "],
  ];
  for (const [message, ...args] of misuses) {
    const { code, out, error } = await run(...args);
    assertEquals([code, out], [2, ""], args.join(" "));
    assertMatch(error, message);
  }
});

Deno.test("Exit codes of verify: 0 sound, 1 damaged, 2 cannot tell", async () => {
  await using directory = await damagedLog();
  assertEquals((await run("verify", directory.path)).code, 1);
  assertEquals((await run("verify", "--json", directory.path)).code, 1);
  directory.flip(directory.segments()[0] ?? "", 180);
  assertEquals((await run("verify", directory.path)).code, 0);
  const { code, out } = await run("verify", directory.at("absent"));
  assertEquals(code, 2);
  assertEquals(
    out,
    `Cannot tell: "${directory.at("absent")}": ` +
      "the directory is not there, or goes away while it is read\n",
  );
  const [report] = await runJson("verify", "--json", directory.at("absent"));
  assertEquals(report?.verdict, "cannot_tell");
});

Deno.test("Exit codes of inspect: 0 shown, also of a damaged log, 2 not", async () => {
  await using directory = await damagedLog();
  assertEquals((await run("inspect", directory.path)).code, 0);
  const { code, out, error } = await run("inspect", directory.at("absent"));
  assertEquals([code, out], [2, ""]);
  assertStringIncludes(error, "absent");
});

Deno.test("Inspecting a directory without segments says so", async () => {
  await using directory = new TestDirectory();
  assertEquals((await run("inspect", directory.path)).out, "No segment is here\n");
  directory.put("notes.txt", new Uint8Array());
  const { out } = await run("inspect", directory.path);
  assertEquals(out, "No segment is here\n\nNo segments: notes.txt\n");
});

Deno.test("Exit codes of repair: 1 while something is uncertain, then 0", async () => {
  await using directory = await damagedLog();
  const args = ["repair", directory.path, "--reason", "new disk", "--by", "ada"];
  const first = await run(...args);
  assertEquals([first.code, first.error], [1, ""]);
  assertStringIncludes(first.out, "Still uncertain, since their decisions may have been in what");
  assertStringIncludes(first.out, `named indoubt_${ID}_NUMBER_BRANCH`);
  assertStringIncludes(first.out, `${directory.segments()[0]?.replace(/\d+/, "0".repeat(20))}.bro`);
  const cleared = await run(...args, "--presume-abort");
  assertEquals([cleared.code, cleared.error], [0, ""]);
  assertStringIncludes(cleared.out, "by ada: new disk");
  const again = await run(...args, "--presume-abort");
  assertEquals(again.code, 0);
  assertStringIncludes(again.out, "is sound, nothing was changed");
  assertEquals((await run("verify", directory.path)).code, 0);
});

Deno.test("Repairing a log that is open names its holder and ends with 2", async () => {
  await using directory = await damagedLog();
  const options = { directory: directory.path, platform: steadyPlatform, model: new LiveState() };
  await using _log = await Log.open(options);
  const { code, out, error } = await run("repair", directory.path, "--reason", "new disk");
  assertEquals([code, out], [2, ""]);
  assertEquals(
    error,
    `Cannot open the log in "${directory.path}": it is held by process 4711 since ` +
      "2026-11-21T12:00:00.000Z, close it there first or use another directory\n",
  );
});

Deno.test("Repairing what is no log of ours ends with 2 and makes nothing", async () => {
  await using directory = new TestDirectory();
  for (const path of [directory.path, directory.at("absent"), fixture("01-clean").directory]) {
    const { code, error } = await run("repair", path, "--reason", "new disk");
    assertEquals(code, 2);
    assertMatch(error, /^Cannot repair "/);
  }
  assertEquals(directory.names(), []);
});

Deno.test("Repair signs with a name also where none is given", async () => {
  await using directory = await damagedLog();
  const { out } = await run("repair", directory.path, "--reason", "new disk", "--presume-abort");
  assertMatch(out, /by \S+: new disk/);
});

Deno.test("Undecided transactions of a later opening are presumed aborted all the same", async () => {
  await using directory = await damagedLog();
  await writeLog(directory, [decision(2_000_000_000_001n, "begin")]);
  const { out } = await run("verify", directory.path);
  assertMatch(out, /not decided: rolled back\n {2}2000000000001 {2}orders, billing\n/);
  assertMatch(out, /may be lost: left alone\n {2}1000000000003 {2}orders, billing\n/);
  const [report] = await runJson("verify", "--json", directory.path);
  const undecided = report?.undecided as { txn: string; presumedAborted: boolean }[];
  assertEquals(undecided.map(({ txn, presumedAborted }) => [txn, presumedAborted]), [
    ["1000000000003", false],
    ["2000000000001", true],
  ]);
});

Deno.test("JSON shows damage in its place, and 64 bits as text", async () => {
  await using directory = new TestDirectory();
  const largest = 2n ** 64n - 1n;
  const { name, bytes, offsets } = makeSegment([
    opening(),
    ...each(decision(largest), { type: "end", txn: TXN }, { type: "end", txn: largest }),
  ]);
  directory.put(name, bytes);
  directory.flip(name, offsets[3]! + 20, 6);
  const lines = await runJson("inspect", "--json", directory.path);
  assertEquals(lines.map((line) => line.type ?? Object.keys(line)[1]), [
    "Epoch",
    "Checkpoint",
    "Committing",
    "damage",
    "End",
    "end",
  ]);
  assertEquals(lines[2]?.txn, "18446744073709551615");
  const damage = lines[3]?.damage as Record<string, unknown>;
  assertMatch(String(damage.reason), /the checksum of a frame differs/);
  assertEquals({ ...damage, reason: "" }, {
    offset: offsets[3]!,
    lsn: "3",
    nextLsn: "4",
    reason: "",
    flippedBit: { byte: offsets[3]! + 20, bit: 6 },
  });
  assertEquals(lines[5], {
    segment: name,
    end: { kind: "corrupt", offset: bytes.length, unconsumed: 0, nextLsn: "5" },
  });
});

Deno.test("An unknown record kind is shown as such", async () => {
  await using directory = new TestDirectory();
  const { name, bytes } = makeSegment([opening(), [Uint8Array.of(15, 1, 2)]]);
  directory.put(name, bytes);
  const lines = await runJson("inspect", "--json", directory.path);
  const { segment: _segment, ...unknown } = lines[2] ?? {};
  assertEquals(unknown, {
    lsn: "2",
    offset: bytes.length - 19,
    length: 19,
    tag: 15,
    type: "unknown",
  });
  assertMatch((await run("inspect", directory.path)).out, /unknown 15 .* does not know/);
});

Deno.test("An application's own record is shown with its tag and the beginning of its payload", async () => {
  await using directory = new TestDirectory();
  const payload = Uint8Array.from({ length: 100 }, (_, index) => index);
  const { name, bytes } = makeSegment([opening(), [Uint8Array.of(77, ...payload)]]);
  directory.put(name, bytes);
  const lines = await runJson("inspect", "--json", directory.path);
  const { segment: _segment, ...shown } = lines[2] ?? {};
  assertEquals(shown, {
    lsn: "2",
    offset: bytes.length - 117,
    length: 117,
    tag: 77,
    type: "Application",
    payloadLength: 100,
    payload: payload.slice(0, 64).toHex(),
  });
  assertMatch((await run("inspect", directory.path)).out, /Application 77 .* 100 bytes: 00010203/);
});

Deno.test("Text from a log cannot move the cursor of a terminal", async () => {
  await using directory = new TestDirectory();
  const evil = "\x1b[2J\u202e\nDamaged";
  const branches = [{ participant: evil, gid: "g", token: null }];
  const { name, bytes } = makeSegment([
    opening(),
    ...each({ type: "committing", txn: TXN, branches }),
  ]);
  directory.put(name, bytes);
  for (const command of ["inspect", "verify"]) {
    const { out } = await run(command, directory.path);
    assertStringIncludes(out, String.raw`\u{1b}[2J\u{202e}\u{a}Damaged`);
    assert(!out.includes("\x1b"));
  }
});

Deno.test("Many transactions are shown as some to people and as all to programs", async () => {
  await using directory = new TestDirectory();
  const active = Array.from({ length: 300 }, (_, index) => TXN + BigInt(index));
  const { name, bytes } = makeSegment([opening(1, active), ...each(decision(TXN))]);
  directory.put(name, bytes);
  const { out } = await run("verify", directory.path);
  assertStringIncludes(out, "and 280 more, which --json lists");
  const [report] = await runJson("verify", "--json", directory.path);
  assertEquals((report?.decided as unknown[]).length, 300);
  assertStringIncludes((await run("inspect", directory.path)).out, "1000000000003 and 297 more");
});

Deno.test("A segment of many records is one table", async () => {
  await using directory = new TestDirectory();
  const records = Array.from({ length: 1000 }, (_, index) => decision(TXN + BigInt(index)));
  const { name, bytes } = makeSegment([opening(), ...each(...records)], 990);
  directory.put(name, bytes);
  const { out } = await run("inspect", directory.path);
  const rows = out.split("\n").filter((line) => line.includes("Committing"));
  assertEquals(rows.length, 1000);
  assertEquals(new Set(rows.map((row) => row.indexOf("Committing"))).size, 1);
  assertEquals(out.match(/OFFSET/g)?.length, 1);
});

Deno.test("Output that nobody takes ends with 2, which damage never does", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [decision(TXN)]);
  const broken: Record<string, (bytes: Uint8Array) => Promise<number>> = {
    "No space left on device": () => Promise.reject(new Error("No space left on device")),
    "it took 0 of": () => Promise.resolve(0),
    "it took 1000000 of": () => Promise.resolve(1_000_000),
  };
  for (const [why, write] of Object.entries(broken)) {
    for (const command of ["verify", "inspect"]) {
      const stderr = new Collector();
      assertEquals(await main([command, directory.path], { stdout: { write }, stderr }), 2);
      assertMatch(stderr.text, /^Cannot write the output: /);
      assertStringIncludes(stderr.text, why);
      assertEquals(
        await main([command, directory.path], { stdout: { write }, stderr: { write } }),
        2,
      );
    }
  }
});
