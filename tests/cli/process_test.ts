/**
 * The command as a process of its own: beside a writer, behind a pipe, with few permissions.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { decision, each, makeSegment, opening, TestDirectory, writeLog } from "./support/logs.ts";
import { MAIN, run, runJson } from "./support/run.ts";

const WRITER = new URL("./support/live_writer.ts", import.meta.url).pathname;
const TXN = 1_000_000_000_001n;
const ROUNDS = 50;
const MAX_ROUNDS = 10_000;
const ENOUGH = 100;

/** Lets a process write to a log while something else is done. */
async function besideWriter(
  directory: TestDirectory,
  segmentSize: number,
  action: () => Promise<void>,
): Promise<void> {
  const args = ["run", "-A", WRITER, directory.path, String(segmentSize)];
  await using writer = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
  const output = writer.stdout.getReader();
  try {
    const { value } = await output.read();
    assertEquals(new TextDecoder().decode(value).trim(), "writing");
    await action();
    assertEquals(await Promise.race([writer.status.then(() => "ended"), "writes"]), "writes");
  } finally {
    writer.kill("SIGKILL");
    await output.cancel();
    await writer.status;
  }
}

for (const segmentSize of [1024, 65_536]) {
  Deno.test(`Beside a writer with segments of ${segmentSize} bytes nothing is damaged`, async () => {
    await using directory = new TestDirectory();
    let reached = 0;
    await besideWriter(directory, segmentSize, async () => {
      // On a slow disk some more, so that the writer has begun other segments.
      for (let round = 0; round < ROUNDS || reached < ENOUGH; round++) {
        assert(round < MAX_ROUNDS, `the writer is still at record ${reached}`);
        const [report] = await runJson("verify", "--json", directory.path);
        assertEquals([report?.verdict, report?.reason], ["sound", ""]);
        assertEquals([report?.found, report?.harmless], [[], []]);
        const { code, out, error } = await run("inspect", "--json", directory.path);
        assertEquals([code, error], [0, ""]);
        const lines = out.trimEnd().split("\n").map((line) => JSON.parse(line));
        assert(lines.every((line) => line.damage === undefined));
        const ends = lines.flatMap(({ end }) => end === undefined ? [] : [end.kind]);
        assert(ends.length > 0, "a segment is always there");
        assert(ends.every((kind) => kind === "clean" || kind === "torn_tail"), ends.join());
        const lsns = lines.flatMap(({ lsn }) => lsn === undefined ? [] : [Number(lsn)]);
        assert(lsns.every((lsn, index) => index === 0 || lsn > (lsns[index - 1] ?? 0)), "in order");
        const last = lsns.at(-1) ?? 0;
        assert(last >= reached, `the log went back from ${reached} to ${last}`);
        reached = last;
      }
    });
    // Killed in the middle of its work, the writer leaves a log that is sound.
    assertEquals((await run("verify", directory.path)).code, 0);
  });
}

Deno.test("A log that a process holds is not repaired, and says which process", async () => {
  await using directory = new TestDirectory();
  await besideWriter(directory, 65_536, async () => {
    const { code, error } = await run("repair", directory.path, "--reason", "new disk");
    assertEquals(code, 2);
    assertMatch(error, /it is held by process [0-9]+ since 20[-0-9]+T[:.0-9]+Z, close it there/);
  });
});

/** Runs a line of a shell in which `indoubt` is the command. */
async function shell(line: string, permissions = "-A") {
  const indoubt = `indoubt() { "${Deno.execPath()}" run ${permissions} "${MAIN}" "$@"; }`;
  const env = { NO_COLOR: "1" };
  const args = ["-c", `${indoubt}; ${line}`];
  const { stdout, stderr, code } = await new Deno.Command("sh", { args, env, stdin: "null" })
    .output();
  const decoder = new TextDecoder();
  return { out: decoder.decode(stdout), error: decoder.decode(stderr), code };
}

Deno.test("A reader that goes away is no crash", async () => {
  await using directory = new TestDirectory();
  const records = Array.from({ length: 2000 }, (_, index) => decision(TXN + BigInt(index)));
  const { name, bytes } = makeSegment([opening(), ...each(...records)]);
  directory.put(name, bytes);
  for (const options of ["", "--json"]) {
    const line =
      `{ indoubt inspect ${options} ${directory.path}; echo "code $?" >&2; } | head -n 2`;
    const { out, error } = await shell(line);
    assertEquals(out.trimEnd().split("\n").length, 2);
    assertEquals(error, "code 0\n");
  }
  directory.flip(name, 30);
  const line = `{ indoubt verify ${directory.path}; echo "code $?" >&2; } | true`;
  assertEquals((await shell(line)).error, "code 1\n");
});

Deno.test("Looking needs permission to read the directory and nothing else", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [decision(TXN)]);
  const before = directory.trace();
  const lines = `indoubt verify ${directory.path} && indoubt inspect ${directory.path} && ` +
    `indoubt inspect --json ${directory.path} && indoubt --help`;
  const { code, error, out } = await shell(lines, `--no-prompt --allow-read=${directory.path}`);
  assertEquals([code, error], [0, ""]);
  assertMatch(out, /^Sound: /);
  assertEquals(directory.trace(), before);
});

Deno.test("Repairing needs the directory and nothing else, and then signs as operator", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [decision(TXN), decision(TXN + 1n)]);
  directory.flip(directory.segments()[0] ?? "", 180);
  const line = `indoubt repair ${directory.path} --presume-abort --reason "new disk"`;
  const { path } = directory;
  const permissions = `--no-prompt --allow-read=${path} --allow-write=${path}`;
  const { code, error, out } = await shell(line, permissions);
  assertEquals([code, error], [0, ""]);
  assertMatch(out, /by operator: new disk/);
});

Deno.test("Making an identity again needs the directory and nothing else, as does accepting a copy", async () => {
  for (const lose of ["identity.json", "place"]) {
    await using directory = new TestDirectory();
    await writeLog(directory, [decision(TXN), decision(TXN + 1n)]);
    await using copy = directory.copy();
    if (lose === "identity.json") directory.remove(lose);
    const { path } = lose === "identity.json" ? directory : copy;
    const line = `indoubt repair ${path} --accept-copy --by ada --reason "new disk"`;
    const permissions = `--no-prompt --allow-read=${path} --allow-write=${path}`;
    const { code, error, out } = await shell(line, permissions);
    assertEquals([code, error], [1, ""]);
    assertMatch(out, /Decided and not finished: must commit\n {2}1000000000001 /);
  }
});

Deno.test("A repair that lacks a permission has changed nothing", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory);
  // Nothing says that this opening was finished, and so that the directory's own name is on disk.
  directory.remove("identity.json");
  directory.flip(directory.segments()[0] ?? "", 148);
  const { path } = directory;
  const { ".lock": _, "": __, ...before } = directory.trace();
  const line = `indoubt repair ${path} --accept-copy --by ada --reason "new disk"`;
  const permissions = `--no-prompt --allow-read=${path} --allow-write=${path}`;
  const { code, error } = await shell(line, permissions);
  assertEquals(code, 2);
  assertMatch(error, /Requires read access/);
  const { ".lock": ___, "": ____, ...after } = directory.trace();
  assertEquals(after, before);
  assertEquals((await shell(line)).code, 1);
});

Deno.test("Looking changes nothing: not a byte, not a name, not a time", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [decision(TXN), decision(TXN + 1n)]);
  const [segment = ""] = directory.segments();
  directory.put("00000000000000000090.wal.unfinished", new Uint8Array(10));
  directory.put("00000000000000000000.wal.broken-1", new Uint8Array(10));
  for (const damage of [false, true]) {
    if (damage) directory.flip(segment, 180);
    const before = directory.trace();
    for (const args of [["verify"], ["verify", "--json"], ["inspect"], ["inspect", "--json"]]) {
      await run(...args, directory.path);
      assertEquals(directory.trace(), before);
    }
  }
});

Deno.test("A log on a read-only file system can be looked at", async () => {
  await using directory = new TestDirectory();
  await writeLog(directory, [decision(TXN)]);
  for (const name of directory.names()) Deno.chmodSync(directory.at(name), 0o400);
  Deno.chmodSync(directory.path, 0o500);
  try {
    assertEquals((await run("verify", directory.path)).code, 0);
    assertEquals((await run("inspect", directory.path)).code, 0);
  } finally {
    Deno.chmodSync(directory.path, 0o700);
  }
});
