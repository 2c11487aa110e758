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
    after: (...given) => clock.after(...given),
    soon: (callback) => clock.soon(callback),
  };
}

function watchedFileSystem(real: FileSystem, watcher: DiskWatcher): FileSystem {
  return watchMethods(real, (name, [path], call) => {
    watcher({ name, path: String(path), bytes: 0 });
    if (name !== "open") return call();
    return (call() as Promise<FileHandle>).then((file) => watchedFile(file, String(path), watcher));
  });
}

function watchedFile(real: FileHandle, path: string, watcher: DiskWatcher): FileHandle {
  return watchMethods(real, (name, [first], call) => {
    const bytes = name === "write" && first instanceof Uint8Array ? first.length : 0;
    // Closing changes nothing on the disk, and is never made to fail.
    if (name !== "close") watcher({ name, path, bytes });
    return call();
  });
}

/** Puts something before every method, also those that are added later. */
function watchMethods<T extends object>(
  real: T,
  before: (name: keyof T, args: readonly unknown[], call: () => unknown) => unknown,
): T {
  return new Proxy(real, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return (...args: unknown[]) =>
        before(name as keyof T, args, () => Reflect.apply(method, target, args));
    },
  });
}
