/**
 * Proves that the real file system does what the interface asks for, on real files.
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { denoFileSystem } from "../../src/platform/deno_file_system.ts";
import type { FileHandle } from "../../src/platform/file_system.ts";

function test(name: string, body: (directory: string) => Promise<void>): void {
  Deno.test(`denoFileSystem${name}`, async () => {
    const directory = await Deno.makeTempDir({ prefix: "indoubt-files-" });
    try {
      await body(directory);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function readAt(file: FileHandle, length: number, position: number): Promise<string> {
  const buffer = new Uint8Array(length);
  const count = await file.read(buffer, position);
  return new TextDecoder().decode(buffer.subarray(0, count));
}

test(".ensureDirectory makes a directory with its parents, and again does nothing", async (directory) => {
  await denoFileSystem.ensureDirectory(`${directory}/a/b/c`);
  await denoFileSystem.ensureDirectory(`${directory}/a/b/c`);
  assert((await Deno.stat(`${directory}/a/b/c`)).isDirectory);
  await Deno.writeTextFile(`${directory}/file`, "");
  await assertRejects(() => denoFileSystem.ensureDirectory(`${directory}/file`));
});

test(".syncAncestors and .syncDirectory take directories that are there", async (directory) => {
  await denoFileSystem.ensureDirectory(`${directory}/a/b`);
  for (const path of [`${directory}/a/b`, `${directory}/a/b/`, directory, "/", "."]) {
    await denoFileSystem.syncDirectory(path);
    await denoFileSystem.syncAncestors(path);
  }
  const missing = `${directory}/nowhere`;
  await assertRejects(() => denoFileSystem.syncDirectory(missing), Deno.errors.NotFound);
  await assertRejects(() => denoFileSystem.syncAncestors(missing), Deno.errors.NotFound);
});

test(".list gives the names of regular files only", async (directory) => {
  await Deno.writeTextFile(`${directory}/file`, "");
  await Deno.writeTextFile(`${directory}/.hidden`, "");
  await Deno.mkdir(`${directory}/directory`);
  await Deno.symlink(`${directory}/file`, `${directory}/link`);
  assertEquals((await denoFileSystem.list(directory)).sort(), [".hidden", "file"]);
  await assertRejects(() => denoFileSystem.list(`${directory}/nowhere`), Deno.errors.NotFound);
});

test(".open makes a new file only where there is none", async (directory) => {
  const path = `${directory}/file`;
  const file = await denoFileSystem.open(path, "create-new");
  assertEquals(file.write(bytesOf("abc")), 3);
  assertEquals(file.write(bytesOf("def")), 3);
  await file.syncData();
  assertEquals([await file.size(), await readAt(file, 10, 0)], [6, "abcdef"]);
  file.close();
  await assertRejects(
    () => denoFileSystem.open(path, "create-new"),
    Deno.errors.AlreadyExists,
  );
  assertEquals(await Deno.readTextFile(path), "abcdef");
});

test(".writeAside goes on where the last write ended", async (directory) => {
  const path = `${directory}/file`;
  const file = await denoFileSystem.open(path, "create-new");
  file.write(bytesOf("abc"));
  const large = new Uint8Array(1_000_000).fill(100);
  assertEquals(await file.writeAside(large), large.length);
  assertEquals(await file.writeAside(bytesOf("e")), 1);
  assertEquals([await file.size(), await readAt(file, 5, 999_999)], [1_000_004, "dddde"]);
  file.rewind();
  file.write(bytesOf("xyz"));
  assertEquals(await readAt(file, 4, 0), "xyzd");
  file.close();
  await assertRejects(() => file.writeAside(large), Deno.errors.BadResource);
});

test(".syncData of few bytes has ended when it returns, of many it ends later", async (directory) => {
  const file = await denoFileSystem.open(`${directory}/file`, "create-new");
  file.write(bytesOf("abc"));
  assertEquals(file.syncData(), undefined);
  file.write(new Uint8Array(1_000_000));
  const syncing = file.syncData();
  assert(syncing instanceof Promise);
  await syncing;
  file.write(bytesOf("abc"));
  const aside = file.syncData(true);
  assert(aside instanceof Promise, "the process has other work meanwhile");
  await aside;
  file.close();
  assertThrows(() => file.syncData(), Deno.errors.BadResource);
});

test(".open for reading needs the file and does not change it", async (directory) => {
  const path = `${directory}/file`;
  await assertRejects(() => denoFileSystem.open(path, "read"), Deno.errors.NotFound);
  await Deno.writeTextFile(path, "abcdef");
  const file = await denoFileSystem.open(path, "read");
  assertEquals(await readAt(file, 3, 2), "cde");
  assertEquals(await readAt(file, 3, 5), "f");
  assertEquals(await readAt(file, 3, 6), "");
  assertEquals(await readAt(file, 3, 0), "abc");
  assertThrows(() => file.write(bytesOf("x")));
  file.close();
  assertEquals(await Deno.readTextFile(path), "abcdef");
});

test(".open for locking keeps what is there", async (directory) => {
  const path = `${directory}/.lock`;
  const first = await denoFileSystem.open(path, "lock");
  first.write(bytesOf("a long stamp"));
  const second = await denoFileSystem.open(path, "lock");
  assertEquals(await readAt(second, 20, 0), "a long stamp");
  first.clear();
  assertEquals(await second.size(), 0);
  first.write(bytesOf("short"));
  assertEquals(await readAt(second, 20, 0), "short");
  first.close();
  second.close();
});

test(".open gives a file that is written on from its beginning after a rewind", async (directory) => {
  const file = await denoFileSystem.open(`${directory}/file`, "create-new");
  file.write(new Uint8Array(6));
  file.rewind();
  file.write(bytesOf("ab"));
  file.write(bytesOf("c"));
  assertEquals(await readAt(file, 10, 0), "abc\0\0\0");
  file.close();
});

test(".open gives files of which only one can have the lock", async (directory) => {
  const path = `${directory}/.lock`;
  const first = await denoFileSystem.open(path, "lock");
  const second = await denoFileSystem.open(path, "lock");
  assertEquals([await first.tryLock(), await second.tryLock()], [true, false]);
  first.close();
  assertEquals(await second.tryLock(), true);
  second.close();
});

test(".open gives files that share a lock, or of which one has it", async (directory) => {
  const path = `${directory}/segment`;
  await Deno.writeTextFile(path, "");
  const open = () => denoFileSystem.open(path, "read");
  const [first, second, third] = [await open(), await open(), await open()];
  assertEquals([await first.tryShare(), await second.tryShare()], [true, true]);
  first.close();
  assertEquals(await third.tryLock(), false);
  second.close();
  assertEquals(await third.tryLock(), true);
  const late = await open();
  assertEquals(await late.tryShare(), false);
  third.close();
  assertEquals(await late.tryShare(), true);
  late.close();
});

test(".rename replaces what has the new name", async (directory) => {
  await Deno.writeTextFile(`${directory}/from`, "new");
  await Deno.writeTextFile(`${directory}/to`, "old");
  await denoFileSystem.rename(`${directory}/from`, `${directory}/to`);
  assertEquals(await denoFileSystem.list(directory), ["to"]);
  assertEquals(await Deno.readTextFile(`${directory}/to`), "new");
});

test(".remove removes a file that is there", async (directory) => {
  await Deno.writeTextFile(`${directory}/file`, "");
  await denoFileSystem.remove(`${directory}/file`);
  assertEquals(await denoFileSystem.list(directory), []);
  await assertRejects(
    () => denoFileSystem.remove(`${directory}/file`),
    Deno.errors.NotFound,
  );
});

test(".identify tells a file from its copies, under whatever name", async (directory) => {
  const path = `${directory}/file`;
  const copy = `${directory}/copy`;
  const moved = `${directory}/moved`;
  await Deno.writeTextFile(path, "text");
  const identity = await denoFileSystem.identify(path);
  assert(identity !== null && /^[0-9]+-[0-9]+$/.test(identity), `${identity}`);
  await Deno.copyFile(path, copy);
  assert(await denoFileSystem.identify(copy) !== identity);
  await Deno.writeTextFile(path, "another text");
  await Deno.rename(path, moved);
  assertEquals(await denoFileSystem.identify(moved), identity);
  await assertRejects(() => denoFileSystem.identify(path), Deno.errors.NotFound);
});
