/**
 * Rules for the text of every source file: short enough to be read at once, and without the marks
 * of unfinished work.
 *
 *     deno run -A tasks/source_rules.ts
 *
 * @module
 */

import { projectFiles, ROOT } from "./project.ts";

/** The longest source file, in lines. */
const LONGEST = 500;

/** Written so that this file does not hold what it looks for. */
const MARKS =
  /\b(?:T[O]DO|F[I]XME|X[X]X|H[A]CK)\b|\b(?:test|it|describe)\.only\s*\(|\bonly: true\b/;

/** Generated, and checked against its sources by another task. */
const GENERATED = /^wasm\/pkg\//;

/** What is wrong with one file's text, in one line each. */
export function problemsOfText(path: string, text: string): string[] {
  const lines = text.replace(/\n$/, "").split("\n");
  const isSource = /\.(ts|js|rs|sh)$/.test(path);
  const tooLong = isSource && lines.length > LONGEST
    ? [`${path}: ${lines.length} lines, at most ${LONGEST} would be right`]
    : [];
  const marks = lines.flatMap((line, index) => {
    const mark = MARKS.exec(line)?.[0];
    return mark === undefined ? [] : [`${path}:${index + 1}: '${mark}' marks unfinished work`];
  });
  return [...tooLong, ...marks];
}

/** What is wrong with the project's files. */
export async function sourceProblems(): Promise<string[]> {
  const files = (await projectFiles())
    .filter((path) => /\.(ts|js|rs|sh|md)$|^\.ci\//.test(path) && !GENERATED.test(path));
  const problems = await Promise.all(
    files.map(async (path) => problemsOfText(path, await Deno.readTextFile(ROOT + path))),
  );
  return problems.flat();
}
