/** A disk whose syncs take time: in between, a process can die that has written but not synced. */

import type { FileHandle, FileSystem } from "../../../src/platform/file_system.ts";

/**
 * Puts a wait before each sync of a file.
 *
 * @param disk The disk.
 * @param wait Waits.
 */
export function slowDisk(disk: FileSystem, wait: () => Promise<unknown>): FileSystem {
  return override(disk, {
    open: async (path, mode) => {
      const file: FileHandle = await disk.open(path, mode);
      return override(file, {
        syncData: async () => {
          await wait();
          await file.syncData();
        },
      });
    },
  });
}

/** An object with some methods of its own; all others are those of the one below. */
function override<T extends object>(below: T, methods: Partial<T>): T {
  return new Proxy(below, {
    get: (_, name) => {
      if (Object.hasOwn(methods, name)) return methods[name as keyof T];
      const value: unknown = Reflect.get(below, name);
      return typeof value === "function" ? value.bind(below) : value;
    },
  });
}
