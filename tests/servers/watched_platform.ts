/**
 * The real machine, with someone who is told of every call to the disk before it is made, and who
 * can end the process there or make the call fail. And its clock can be put forward.
 *
 * @module
 */

import type { Clock } from "../../src/platform/clock.ts";
import type { FileHandle, FileSystem } from "../../src/platform/file_system.ts";
import { denoPlatform, type Platform } from "../../src/platform/platform.ts";

/** A call to the disk that is about to be made. */
export interface DiskCall {
  /** Name of the method. */
  readonly name: keyof FileSystem | keyof FileHandle;
  /** The file or directory. */
  readonly path: string;
  /** How many bytes it writes. */
  readonly bytes: number;
}

/** Is told of a call; throws to let it fail. */
export type DiskWatcher = (call: DiskCall) => void;

/** This machine, watched. */
export function watchedPlatform(
  watcher: DiskWatcher,
  ahead: () => number = () => 0,
): Platform {
  const { clock, fileSystem } = denoPlatform;
  return {
    ...denoPlatform,
    fileSystem: watchedFileSystem(fileSystem, watcher),
    clock: clockAhead(clock, ahead),
  };
}

function clockAhead(clock: Clock, ahead: () => number): Clock {
  return {
    now: () => clock.now(),
    elapsed: () => clock.elapsed() + ahead(),
    after: (milliseconds, callback) => clock.after(milliseconds, callback),
    soon: (callback) => clock.soon(callback),
  };
}

function watchedFileSystem(real: FileSystem, watcher: DiskWatcher): FileSystem {
  const tell = (name: DiskCall["name"], path: string) => watcher({ name, path, bytes: 0 });
  return {
    async ensureDirectory(path) {
      tell("ensureDirectory", path);
      await real.ensureDirectory(path);
    },
    async syncAncestors(path) {
      tell("syncAncestors", path);
      await real.syncAncestors(path);
    },
    async list(path) {
      tell("list", path);
      return await real.list(path);
    },
    async open(path, mode) {
      tell("open", path);
      return watchedFile(await real.open(path, mode), path, watcher);
    },
    async rename(from, to) {
      tell("rename", from);
      await real.rename(from, to);
    },
    async remove(path) {
      tell("remove", path);
      await real.remove(path);
    },
    async syncDirectory(path) {
      tell("syncDirectory", path);
      await real.syncDirectory(path);
    },
  };
}

function watchedFile(real: FileHandle, path: string, watcher: DiskWatcher): FileHandle {
  const tell = (name: DiskCall["name"], bytes = 0) => watcher({ name, path, bytes });
  return {
    async read(buffer, position) {
      tell("read");
      return await real.read(buffer, position);
    },
    write(bytes) {
      tell("write", bytes.length);
      return real.write(bytes);
    },
    async syncData() {
      tell("syncData");
      await real.syncData();
    },
    async size() {
      tell("size");
      return await real.size();
    },
    clear() {
      tell("clear");
      real.clear();
    },
    rewind() {
      tell("rewind");
      real.rewind();
    },
    async tryLock() {
      tell("tryLock");
      return await real.tryLock();
    },
    // Closing changes nothing on the disk, and is never made to fail.
    close: () => real.close(),
  };
}
