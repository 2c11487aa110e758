/**
 * What a step of the run amounts to, in numbers that can be added up.
 *
 * @module
 */

/** Tests, or steps that are no tests and count as one. */
export interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Nothing was run. */
export const NONE: Count = { passed: 0, failed: 0, skipped: 0 };

/** One thing that went well. */
export const PASS: Count = { ...NONE, passed: 1 };

/** One thing that did not. */
export const FAIL: Count = { ...NONE, failed: 1 };

/** Adds counts up. */
export function sum(counts: readonly Count[]): Count {
  return {
    passed: counts.reduce((total, { passed }) => total + passed, 0),
    failed: counts.reduce((total, { failed }) => total + failed, 0),
    skipped: counts.reduce((total, { skipped }) => total + skipped, 0),
  };
}

/** The form of the last line of a run. */
export function describe({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/**
 * Counts the tests in the report that `deno test --junit-path` writes, as its last line does: a
 * test with steps is one test. The report has a case for every step too, named after its parents
 * with ` > ` between.
 */
export function countTests(report: string): Count {
  const suites = report.match(/<testsuite [^]*?<\/testsuite>/g) ?? [];
  return sum(suites.map((suite) => {
    const cases = [
      ...suite.matchAll(/<testcase name="([^"]*)"[^>]*?(?:\/>|>([^]*?)<\/testcase>)/g),
    ];
    const names = new Set(cases.map(([, name]) => name));
    const tests = cases.filter(([, name = ""]) => !parentsOf(name).some((one) => names.has(one)));
    return sum(tests.map(([, , result = ""]) => {
      if (result.includes("<failure") || result.includes("<error")) return FAIL;
      return result.includes("<skipped") ? { ...NONE, skipped: 1 } : PASS;
    }));
  }));
}

/** `a > b > c` may be a step of `a > b` or of `a`. */
function parentsOf(name: string): string[] {
  const parts = name.split(" &gt; ");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join(" &gt; "));
}
