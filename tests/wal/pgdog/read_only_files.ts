/**
 * A file system that can only be listed and read. Any other call throws, whatever the interface may
 * have, and so does opening a file in another way.
 */

import type { FileHandle, FileSystem } from "../../../src/platform/file_system.ts";

/** How the files are handed out. */
export interface ReadOnlyOptions {
  /** The most bytes in one read. */
  readonly pieceLength?: number;
  /** What every file says its size is, instead of the truth. */
  readonly claimedSize?: number;
}

/** Files in one directory, in memory. */
export class ReadOnlyFiles {
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #options: ReadOnlyOptions;
  /** The file system. */
  readonly fileSystem: FileSystem;
  /** Names of the files that were opened, in order. */
  readonly opened: string[] = [];
  /** How many files are open now. */
  handles = 0;

  /** Holds these files. */
  constructor(files: ReadonlyMap<string, Uint8Array>, options: ReadOnlyOptions = {}) {
    this.#files = files;
    this.#options = options;
    this.fileSystem = nothingBut<FileSystem>({
      list: () => Promise.resolve([...files.keys()].reverse()),
      open: (path, mode) => Promise.resolve(this.#open(path, mode)),
    });
  }

  #open(path: string, mode: string): FileHandle {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const bytes = this.#files.get(name);
    if (mode !== "read" || bytes === undefined) throw new Error(`Cannot open ${name} (${mode})`);
    const { pieceLength = Infinity, claimedSize = bytes.length } = this.#options;
    this.opened.push(name);
    this.handles++;
    return nothingBut<FileHandle>({
      read: (buffer, position) => {
        const length = Math.min(buffer.length, pieceLength);
        const piece = bytes.subarray(position, position + length);
        buffer.set(piece);
        return Promise.resolve(piece.length);
      },
      size: () => Promise.resolve(claimedSize),
      close: () => {
        this.handles--;
      },
    });
  }
}

/** An object with these methods; any other one that is asked for throws. */
function nothingBut<T extends object>(methods: Partial<T>): T {
  return new Proxy(methods, {
    get(target, name): unknown {
      // "then" is only asked for to see whether this is a promise.
      if (name in target || name === "then") return Reflect.get(target, name);
      throw new Error(`Cannot ${String(name)}: only reading is allowed`);
    },
  }) as T;
}
