/**
 * Files that keep nothing but their length: what a commit costs without any disk. Only for a log that is
 * never read again.
 *
 * @module
 */

import type { FileHandle, FileSystem } from "../src/platform/file_system.ts";

const done = Promise.resolve();

/** A file of so many bytes that nobody reads. */
class Sink implements FileHandle {
  #length = 0;

  read(): Promise<number> {
    return Promise.resolve(0);
  }

  write(bytes: Uint8Array): number {
    this.#length += bytes.length;
    return bytes.length;
  }

  syncData(): Promise<void> {
    return done;
  }

  writeAside(bytes: Uint8Array): Promise<number> {
    return Promise.resolve(this.write(bytes));
  }

  size(): Promise<number> {
    return Promise.resolve(this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  rewind(): void {}

  tryLock(): Promise<boolean> {
    return Promise.resolve(true);
  }

  tryShare(): Promise<boolean> {
    return Promise.resolve(true);
  }

  close(): void {}
}

/** A file system that is empty whenever it is looked at. */
export const memoryFileSystem: FileSystem = {
  ensureDirectory: () => done,
  syncAncestors: () => done,
  list: () => Promise.resolve([]),
  open: (path, mode) =>
    mode === "read"
      ? Promise.reject(new Deno.errors.NotFound(`Cannot open ${path}: nothing is kept here`))
      : Promise.resolve(new Sink()),
  rename: () => done,
  remove: () => done,
  syncDirectory: () => done,
  identify: () => Promise.resolve("0-0"),
};
