/** The checks find what they are there to find, and let pass what is right. */
import { assertEquals } from "@std/assert";
import { pathToFileURL } from "node:url";
import { otherThanExports, problemOfImport, problemsOfPlainLog } from "./layers.ts";
import { ROOT } from "./project.ts";
import { listedFiles, problemsOfFiles } from "./published_files.ts";
import { problemsOfText } from "./source_rules.ts";

Deno.test("problemsOfText() finds marks of unfinished work, with their place", () => {
  for (const mark of ["TO" + "DO", "FIX" + "ME", "Deno.test." + "only("]) {
    const [problem, ...others] = problemsOfText("a.ts", `first\n${mark} later\n`);
    assertEquals(others, []);
    assertEquals(problem?.startsWith("a.ts:2: "), true, problem);
  }
  assertEquals(problemsOfText("a.ts", "mastodon, queryOnly(), todo list\n"), []);
});

Deno.test("problemsOfText() counts lines of sources, not of texts", () => {
  assertEquals(problemsOfText("a.rs", "x\n".repeat(500)), []);
  assertEquals(problemsOfText("a.rs", "x\n".repeat(501)).length, 1);
  assertEquals(problemsOfText("a.md", "x\n".repeat(501)), []);
});

Deno.test("problemOfImport() allows the way down, and the core to the log only", () => {
  const cases: [from: string, to: string, allowed: boolean][] = [
    ["src/wal/writer.ts", "src/platform/clock.ts", true],
    ["src/wal/writer.ts", "src/wal/frame.ts", true],
    ["src/wal/writer.ts", "src/coordinator/gid.ts", false],
    ["src/coordinator/gid.ts", "src/participants/participant.ts", false],
    ["src/cli/main.ts", "src/platform/clock.ts", true],
    ["src/cli/main.ts", "src/unknown/a.ts", true],
    ["src/wal/core.ts", "wasm/pkg/core.js", true],
    ["src/coordinator/gid.ts", "wasm/pkg/core.js", false],
    ["src/coordinator/gid.ts", "tests/helper.ts", false],
    ["src/coordinator/gid.ts", "node:util", true],
    ["src/wal/record.ts", "stand_ins/msgpack/mod.ts", true],
    ["tests/a_test.ts", "src/cli/main.ts", true],
  ];
  for (const [from, to, allowed] of cases) {
    const problem = problemOfImport({ from, specifier: to, to });
    // A folder that is no layer is reported for itself.
    if (to.startsWith("src/unknown/")) continue;
    assertEquals(problem === undefined, allowed, `${from} imports ${to}: ${problem}`);
  }
});

Deno.test("problemOfImport() refuses drivers and assertions by any name", () => {
  const from = "src/participants/postgresql/postgres.ts";
  for (
    const [specifier, to] of [
      ["postgres", "npm:/postgres@3.4.9"],
      ["npm:pg@8", "npm:/pg@8.23.1"],
      ["sql", "npm:/mysql2@3.24.5"],
      ["npm:mysql2/promise", "npm:/mysql2@3.24.5/promise"],
      ["@electric-sql/pglite", "npm:/@electric-sql/pglite@0.5.16"],
      ["@std/assert", "stand_ins/assert/mod.ts"],
      ["jsr:@std/assert@^1", "jsr:@std/assert@1.0.0"],
    ] as const
  ) {
    const expected = "must not be used by the library";
    assertEquals(problemOfImport({ from, specifier, to }), expected, specifier);
  }
  for (const specifier of ["./postgres.ts", "npm:pglite-tools@1", "npm:postgres-range@1"]) {
    assertEquals(problemOfImport({ from, specifier, to: "src/participants/a.ts" }), undefined);
  }
  assertEquals(problemOfImport({ from, specifier: "./a.ts", to: undefined }), "could not be found");
});

Deno.test("problemsOfPlainLog() finds the coordinator's records behind the log, not beside it", () => {
  const imports = (...pairs: [from: string, to: string][]) =>
    pairs.map(([from, to]) => ({ from, specifier: to, to }));
  const right = imports(
    ["src/wal/mod.ts", "src/wal/log.ts"],
    ["src/wal/log.ts", "src/wal/mod.ts"],
    ["src/wal/log.ts", "src/wal/head.ts"],
    ["src/wal/verify.ts", "src/wal/decisions/record.ts"],
    ["src/wal/decisions/record.ts", "src/wal/head.ts"],
    ["src/wal/inspect.ts", "src/wal/pgdog/recover.ts"],
  );
  assertEquals(problemsOfPlainLog(right), []);
  // It was moved: nothing would be found any more.
  assertEquals(problemsOfPlainLog(right.slice(1)), ["src/wal/mod.ts: imports nothing"]);
  for (const to of ["src/wal/decisions/record.ts", "src/wal/pgdog/segment.ts"]) {
    assertEquals(problemsOfPlainLog([...imports(["src/wal/head.ts", to]), ...right]), [
      `src/wal/head.ts: '${to}' is no part of the log that src/wal/mod.ts gives`,
    ]);
  }
});

Deno.test("otherThanExports() sees more than re-exports", () => {
  const face = `/** The package. export const a = 1; */
export { a, type B } from "./a.ts";
// the rest
export type {
  C,
} from "./c.ts";
export * from "./d.ts";
export * as e from "./e.ts";
`;
  assertEquals(otherThanExports(face), undefined);
  assertEquals(otherThanExports(`${face}export const a = 1;\n`), "export const a = 1;");
  assertEquals(otherThanExports(`import "./a.ts";\n${face}`), 'import "./a.ts";');
});

Deno.test("problemsOfFiles() wants the library and nothing else", () => {
  const root = pathToFileURL(ROOT).href;
  const files = listedFiles(`Simulating publish of @a/b@1.0.0 with files:
   ${root}mod.ts (1.5KB)
   ${root}src/two%20words.ts (12B)
   ${root}wasm/pkg/core.js (5KB)
Success Dry run complete
`);
  assertEquals(files, ["mod.ts", "src/two words.ts", "wasm/pkg/core.js"]);
  assertEquals(problemsOfFiles(files, ["mod.ts"]), []);
  assertEquals(problemsOfFiles(files, ["mod.ts", "LICENSE"]).length, 1);
  const wrong = [
    "stand_ins/fs/mod.ts",
    "tests/a_test.ts",
    "src/a_test.ts",
    "bench/a.ts",
    "examples/a.ts",
    "wasm/src/lib.rs",
    "wasm/target/a",
    "wasm/pkg/.gitignore",
    "deno.lock",
    ".ci/run",
  ];
  assertEquals(problemsOfFiles(wrong, []).length, wrong.length);
});
