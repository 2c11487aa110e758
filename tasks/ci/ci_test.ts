/** A run counts what happened: nothing twice, and nothing as passed that did not run. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { countTests, describe, sum } from "./count.ts";
import { failuresOf } from "./failures.ts";
import { Runner } from "./runner.ts";
import { command, problemOfDemonstration, tests } from "./steps.ts";
import { endStrays, removeLeftovers } from "./strays.ts";

const REPORTED_TESTS = `
  Deno.test("one", async (t) => { await t.step("a", () => {}); await t.step("b > c", () => {}); });
  Deno.test("with > sign", () => {});
  Deno.test("ignored", { ignore: true }, () => {});
`;

const FAILED_TESTS = `
  Deno.test("step", async (t) => { await t.step("a", () => { throw new Error("<failure"); }); });
  Deno.test("leak", { sanitizeOps: true }, () => { setTimeout(() => {}, 1000); });
`;

/** A folder like the one of a run. */
async function runFolder(): Promise<{ path: string; runner: Runner } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "indoubt_ci_test_" });
  await Deno.mkdir(`${path}/tmp`);
  return {
    path,
    runner: new Runner(path, () => {}),
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

async function countOf(source: string): Promise<string> {
  await using folder = await runFolder();
  const file = `${folder.path}/a_test.ts`;
  await Deno.writeTextFile(file, source);
  const line = [Deno.execPath(), "test", "--no-config", "--quiet", "-A", file];
  return describe(await tests(line).run(folder.runner));
}

Deno.test("tests() counts as Deno does, steps with their test", async () => {
  assertEquals(await countOf(REPORTED_TESTS), "2 passed, 0 failed, 1 skipped");
  assertEquals(await countOf(REPORTED_TESTS + FAILED_TESTS), "2 passed, 2 failed, 1 skipped");
});

Deno.test("tests() counts a run that does not get to its tests as failed", async () => {
  assertEquals(await countOf("const wrong: number = 'text';"), "0 passed, 1 failed");
  assertEquals(await countOf("throw new Error('at once');"), "0 passed, 1 failed");
  assertEquals(await countOf("export {};"), "0 passed, 1 failed");
  const dying = 'Deno.test("dies", () => Deno.kill(Deno.pid, "SIGKILL"));';
  assertEquals(await countOf(REPORTED_TESTS + dying), "0 passed, 1 failed");
});

Deno.test("tests() keeps what failed, with its reason", async () => {
  await using folder = await runFolder();
  const file = `${folder.path}/a_test.ts`;
  await Deno.writeTextFile(file, FAILED_TESTS);
  const line = [Deno.execPath(), "test", "--no-config", "--quiet", "-A", file];
  await tests(line).run(folder.runner);
  const failures = folder.runner.takeFailures();
  assertEquals(failures.map((failure) => failure.split(" (")[0]), ["step", "leak", "step > a"]);
  assertStringIncludes(failures[2] ?? "", "a_test.ts)\nError: <failure");
  assertEquals(folder.runner.takeFailures(), []);
});

Deno.test("failuresOf() cuts what is long", () => {
  const one = `<testcase name="a &amp; b" classname="f" time="0" line="1" col="1">
    <failure message="x">${"&lt;".repeat(9999)}</failure>
  </testcase>`;
  assertEquals(failuresOf(one), [`a & b (f)\n${"<".repeat(2000)}`]);
  assertEquals(failuresOf(one.repeat(22)).slice(19), [
    `a & b (f)\n${"<".repeat(2000)}`,
    "and 2 more",
  ]);
  assertEquals(failuresOf(""), []);
});

Deno.test("countTests() gives nothing for a report without tests", () => {
  assertEquals(
    describe(countTests('<testsuites name="deno test"></testsuites>')),
    "0 passed, 0 failed",
  );
  assertEquals(describe(sum([])), "0 passed, 0 failed");
});

Deno.test("command() goes by the code and by the output", async () => {
  await using folder = await runFolder();
  const count = async (script: string): Promise<string> => {
    const step = command(["sh", "-c", script], problemOfDemonstration);
    return describe(await step.run(folder.runner));
  };
  assertEquals(await count(`echo first; echo '{"ok":true}'`), "1 passed, 0 failed");
  assertEquals(await count(`echo '{"ok":true}'; exit 3`), "0 passed, 1 failed");
  assertEquals(await count(`echo '{"ok":false}'`), "0 passed, 1 failed");
  assertEquals(await count(`echo '{"ok":true}'; echo last`), "0 passed, 1 failed");
  assertEquals(await count("true"), "0 passed, 1 failed");
});

Deno.test("Runner ends a command whose time is over, with its children", async () => {
  await using folder = await runFolder();
  const shown: Uint8Array[] = [];
  const runner = new Runner(folder.path, (piece) => shown.push(piece), 300);
  const { code, stdout } = await runner.run(["sh", "-c", "echo begun; (sleep 300; true); true"], {
    TMPDIR: `${folder.path}/tmp`,
  });
  assertEquals([code === 0, stdout], [false, "begun\n"]);
  assertEquals((await new Blob(shown as BlobPart[]).text()).includes("stopped after"), true);
  assertEquals(await endStrays(folder.path), []);
});

Deno.test("problemOfDemonstration() wants true, in an object", () => {
  for (const wrong of ["true", "null", "[]", "{}", '{"ok":1}', '{"ok":"true"}']) {
    assertEquals(problemOfDemonstration(wrong) === undefined, false, wrong);
  }
});

Deno.test("endStrays() and removeLeftovers() name what stayed, and end it", async () => {
  await using folder = await runFolder();
  const temporary = `${folder.path}/tmp`;
  const start = 'mktemp >/dev/null; setsid sh -c "sleep 300; true" >/dev/null 2>&1 & sleep 0.2';
  await folder.runner.run(["sh", "-c", start], { TMPDIR: temporary });
  await Deno.mkdir(`${temporary}/node-compile-cache`);
  const left = await endStrays(folder.path, 100);
  assertEquals(left.filter((line) => line.includes("sleep 300")).length, 2, left.join("\n"));
  assertEquals(await endStrays(folder.path), []);
  assertEquals((await removeLeftovers(temporary)).length, 1);
  assertEquals(await removeLeftovers(temporary), []);
});
