/**
 * Guarantees what this project relies on in `@std/fs`, the original or its stand-in: directories are
 * made once and kept, and nothing that is there already is harmed.
 */

import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { emptyDir, emptyDirSync, ensureDir, ensureDirSync, exists, existsSync } from "@std/fs";
import { emptyDir as emptyDirEntry } from "@std/fs/empty-dir";
import { ensureDir as ensureDirEntry } from "@std/fs/ensure-dir";
import { exists as existsEntry } from "@std/fs/exists";

/** Runs with a directory that holds the file `file` and the link `link` to a directory `target`. */
async function inDirectory(run: (path: (name: string) => string) => unknown): Promise<void> {
  const root = await Deno.makeTempDir();
  const path = (name: string) => join(root, name);
  try {
    await Deno.writeTextFile(path("file"), "kept");
    await Deno.mkdir(path("target"));
    await Deno.symlink(path("target"), path("link"));
    await run(path);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** Both forms of a function as one that returns a promise. */
function forms<Arguments extends unknown[], Result>(
  asynchronous: (...given: Arguments) => Promise<Result>,
  synchronous: (...given: Arguments) => Result,
): readonly ((...given: Arguments) => Promise<Result>)[] {
  return [asynchronous, (...given) => Promise.try(synchronous, ...given)];
}

const notDirectory = { message: "Failed to ensure directory exists: expected 'dir', got 'file'" };

for (const ensure of forms(ensureDir, ensureDirSync)) {
  Deno.test(`fs: ${ensure.name || "ensureDirSync"} makes a directory and accepts one`, () =>
    inDirectory(async (path) => {
      await ensure(path("new/inner"));
      await ensure(path("new/inner"));
      await ensure(pathToFileURL(path("by url")));
      await ensure(path("link"));
      for (const made of ["new/inner", "by url", "link"]) {
        strictEqual(Deno.statSync(path(made)).isDirectory, true);
      }
      await rejects(ensure(path("file")), notDirectory);
      await rejects(ensure(path("file/inner")));
      strictEqual(Deno.readTextFileSync(path("file")), "kept");
    }));
}

for (const empty of forms(emptyDir, emptyDirSync)) {
  Deno.test(`fs: ${empty.name || "emptyDirSync"} empties a directory or makes it`, () =>
    inDirectory(async (path) => {
      await Deno.mkdir(path("full/inner"), { recursive: true });
      await Deno.writeTextFile(path("full/inner/file"), "removed");
      await Deno.symlink(path("file"), path("full/link"));
      await empty(path("full"));
      await empty(pathToFileURL(path("new")));
      for (const name of ["full", "new"]) deepStrictEqual([...Deno.readDirSync(path(name))], []);
      await rejects(empty(path("file")));
      strictEqual(Deno.readTextFileSync(path("file")), "kept");
    }));
}

for (const check of forms(exists, existsSync)) {
  Deno.test(`fs: ${check.name || "existsSync"} tells what is there`, () =>
    inDirectory(async (path) => {
      strictEqual(await check(path("file")), true);
      strictEqual(await check(pathToFileURL(path("target"))), true);
      strictEqual(await check(path("missing")), false);
      strictEqual(await check(path("file"), { isFile: true, isReadable: true }), true);
      strictEqual(await check(path("file"), { isDirectory: true }), false);
      strictEqual(await check(path("link"), { isDirectory: true }), true);
      strictEqual(await check(path("link"), { isFile: true }), false);
      await rejects(check(path("file"), { isFile: true, isDirectory: true }), TypeError);
    }));
}

Deno.test({
  name: "fs: existsSync knows from the mode what may not be read",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inDirectory((path) => {
      Deno.chmodSync(path("file"), 0o077);
      strictEqual(existsSync(path("file"), { isReadable: true }), false);
      strictEqual(existsSync(path("file")), true);
      throws(() => existsSync("\0"));
    }),
});

Deno.test("fs: the separate entries are the same functions", () => {
  strictEqual(emptyDirEntry, emptyDir);
  strictEqual(ensureDirEntry, ensureDir);
  strictEqual(existsEntry, exists);
});
