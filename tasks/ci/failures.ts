/**
 * What the failed tests of a report have to say, short enough to be said once more at the end of a
 * run: of a long run often only the end is kept.
 *
 * @module
 */

/** Of one test or step; the beginning says what was wrong. */
const TEXT_LENGTH = 2000;

/** Of one report. */
const FAILURES = 20;

const ENTITIES: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&amp;": "&",
};

/** The failed tests and steps in what `deno test --junit-path` writes: name, place, and failure. */
export function failuresOf(report: string): string[] {
  const cases = report.matchAll(
    /<testcase name="([^"]*)" classname="([^"]*)"[^>]*>\s*<(?:failure|error)[^>]*>([^<]*)</g,
  );
  const failures = [...cases].map(([, name = "", file = "", text = ""]) =>
    `${plain(name)} (${plain(file)})\n${plain(text).trim().slice(0, TEXT_LENGTH)}`
  );
  const more = failures.length - FAILURES;
  return more > 0 ? [...failures.slice(0, FAILURES), `and ${more} more`] : failures;
}

function plain(text: string): string {
  return text.replace(/&\w+;/g, (entity) => ENTITIES[entity] ?? entity);
}
