/**
 * What the steps of a run do, and how their outcome is counted. Nothing passes by not running: a
 * test run without a report, without a single test, or with a bad end for another reason than a
 * failed test counts as a failure.
 *
 * @module
 */

import { type Count, countTests, FAIL, NONE, PASS, sum } from "./count.ts";
import { failuresOf } from "./failures.ts";
import type { Runner } from "./runner.ts";

/** Something to be done and counted. */
export interface Step {
  readonly title: string;
  run(runner: Runner): Promise<Count>;
}

/** A step that is no test: passed if it ends with code 0 and its output has no problem. */
export function command(
  line: readonly string[],
  problemOf: (stdout: string) => string | undefined = () => undefined,
): Step {
  return {
    title: line.join(" "),
    run: async (runner) => {
      const { code, stdout } = await runner.run(line);
      const problem = code === 0 ? problemOf(stdout) : `it ended with code ${code}`;
      if (problem !== undefined) runner.fail(problem);
      return problem === undefined ? PASS : FAIL;
    },
  };
}

/** A run of tests, which takes the option for a report at its end. */
export function tests(line: readonly string[]): Step {
  return {
    title: line.join(" "),
    run: async (runner) => {
      const { code, count } = await reported(runner, line);
      if (code === 0 && count.passed + count.failed === 0) {
        runner.fail("it ran no test");
        return sum([count, FAIL]);
      }
      if (code === 0 || count.failed > 0) return count;
      runner.fail(`it ended with code ${code}, and not for a failed test`);
      return sum([count, FAIL]);
    },
  };
}

/** Checks, which count as one, together with the tests that are among them. */
export function checks(line: readonly string[]): Step {
  return {
    title: line.join(" "),
    run: async (runner) => {
      const { code, count } = await reported(runner, line);
      if (code !== 0) runner.fail(`it ended with code ${code}`);
      return sum([count, code === 0 ? PASS : FAIL]);
    },
  };
}

async function reported(
  runner: Runner,
  line: readonly string[],
): Promise<{ code: number; count: Count }> {
  const report = await Deno.makeTempFile({ dir: runner.folder, suffix: ".xml" });
  const { code } = await runner.run([...line, `--junit-path=${report}`]);
  const text = await Deno.readTextFile(report);
  failuresOf(text).forEach((failure) => runner.fail(failure));
  return { code, count: text === "" ? NONE : countTests(text) };
}

/** What is wrong with the output of a demonstration: its last line says in JSON how it went. */
export function problemOfDemonstration(stdout: string): string | undefined {
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  try {
    const result: unknown = JSON.parse(last);
    const ok = typeof result === "object" && result !== null && "ok" in result && result.ok;
    return ok === true ? undefined : "the last line does not say '\"ok\": true'";
  } catch {
    return `the last line is no JSON: '${last}'`;
  }
}
