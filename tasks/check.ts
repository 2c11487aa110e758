/**
 * `deno task check`: everything that can be said about the project without running it, and its
 * examples. Stops at the first check that fails, with a code that is not 0.
 *
 *     deno task check [--junit-path=FILE]    also writes a report of the examples that were run
 *
 * @module
 */

import { layerProblems } from "./layers.ts";
import { deno, entryPoints } from "./project.ts";
import { publishingProblems } from "./published_files.ts";
import { sourceProblems } from "./source_rules.ts";

/** A check ends with an exit code. */
type Check = () => Promise<number>;

function withoutProblems(find: () => Promise<string[]>): Check {
  return async () => {
    const problems = await find().catch((error: unknown) => [String(error)]);
    for (const problem of problems) console.error(problem);
    return problems.length === 0 ? 0 : 1;
  };
}

/**
 * Runs the examples in the texts, and the tests of these tasks. An example is to be read, so it may
 * leave a temporary file; here that goes away with the folder.
 */
async function examples(options: readonly string[]): Promise<number> {
  const TMPDIR = await Deno.makeTempDir({ prefix: "indoubt_examples_" });
  const places = ["README.md", "docs", "mod.ts", "src", "tasks"];
  try {
    return await deno(["test", "-A", "--doc", ...options, ...places], { TMPDIR });
  } finally {
    await Deno.remove(TMPDIR, { recursive: true });
  }
}

/** The order is from the quickest to the slowest. */
function checks(testOptions: readonly string[]): [string, Check][] {
  return [
    ["Format", () => deno(["fmt", "--check"])],
    ["Lint", () => deno(["lint"])],
    ["Length and marks of the sources", withoutProblems(sourceProblems)],
    ["Layers of src/", withoutProblems(layerProblems)],
    ["Types, also of the examples in texts", () => deno(["check", "--doc", "."])],
    [
      "Documentation of the entry points",
      async () => deno(["doc", "--lint", ...await entryPoints()]),
    ],
    ["Examples in texts, and tests of these tasks", () => examples(testOptions)],
    ["What would be published", withoutProblems(publishingProblems)],
  ];
}

/** Runs all checks; gives the code of the first that fails. */
async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((argument) => !argument.startsWith("--junit-path="));
  if (unknown !== undefined) {
    console.error(`Cannot check with '${unknown}': only --junit-path=FILE is known`);
    return 2;
  }
  const start = performance.now();
  const all = checks(args);
  for (const [index, [title, check]] of all.entries()) {
    console.log(`\n[${index + 1}/${all.length}] ${title}`);
    const code = await check();
    if (code !== 0) {
      console.error(`\nFailed: ${title}`);
      return code;
    }
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`\nAll ${all.length} checks passed in ${seconds} s`);
  return 0;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
