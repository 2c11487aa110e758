/**
 * What a user of the package gets: the file list of a publishing dry run is exactly the library and
 * its papers, without tests, stand-ins, sources of the WebAssembly core or anything of the machine
 * it was made on.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import { entryPoints, ROOT, uncommitted } from "./project.ts";

/** All that may be published; anything else is a mistake in `deno.json`. */
const ALLOWED = [
  /^(?:deno\.json|mod\.ts|README\.md|LICENSE|CHANGELOG\.md)$/,
  /^src\/(?!.*(?:_test|_bench)\.ts$).+\.ts$/,
  /^wasm\/pkg\/[^/]+\.(?:js|ts|wasm)$/,
];

/** What has to be there besides the entry points. */
const REQUIRED = ["deno.json", "mod.ts", "README.md", "LICENSE", "wasm/pkg/core_bg.wasm"];

/** The files that the dry run listed, as paths from the project's folder where they are in it. */
export function listedFiles(output: string): string[] {
  const root = pathToFileURL(ROOT).href;
  return [...output.matchAll(/^\s+(file:\S+) \(\S+\)$/gm)].map(([, url = ""]) =>
    decodeURIComponent(url.startsWith(root) ? url.slice(root.length) : url)
  );
}

/** What is wrong with a list of files to be published, in one line each. */
export function problemsOfFiles(files: readonly string[], required: readonly string[]): string[] {
  return [
    ...files
      .filter((path) => !ALLOWED.some((pattern) => pattern.test(path)))
      .map((path) => `${path}: is published, and is no part of the library`),
    ...required
      .filter((path) => !files.includes(path))
      .map((path) => `${path}: is not published, and is needed`),
  ];
}

/** Makes a dry run with its output shown, and judges its list of files. */
export async function publishingProblems(): Promise<string[]> {
  const dirty = await uncommitted() !== "";
  if (dirty) console.log("The tree holds uncommitted changes, so this run uses --allow-dirty");
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", ...(dirty ? ["--allow-dirty"] : [])],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout) + decoder.decode(stderr);
  console.log(output.trim());
  if (code !== 0) return [`deno publish --dry-run ended with code ${code}`];
  const required = [...new Set([...REQUIRED, ...await entryPoints()])];
  return problemsOfFiles(listedFiles(output), required);
}
