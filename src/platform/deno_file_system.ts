/**
 * The real file system, on Deno's own API. Every sync is a true fdatasync or fsync; locks are
 * flock(2) and go away with the process, however it ends.
 *
 * @module
 */

import { ensureDir } from "@std/fs/ensure-dir";
import type { FileHandle, FileSystem, OpenMode } from "./file_system.ts";

/** More directories above one another than any path has. */
const MAX_DEPTH = 256;

const OPEN_OPTIONS: Record<OpenMode, Deno.OpenOptions> = {
  "read": { read: true },
  "create-new": { read: true, write: true, createNew: true },
  "lock": { read: true, write: true, create: true },
};

/**
 * A sync of few bytes that takes less than this is done at once: handing it to another thread and back
 * costs half as much again as the sync itself on a good disk. A sync that takes longer must not keep the
 * process from its other work.
 */
const SHORT_SYNC_MS = 1;
/** A sync of more bytes is never done at once. */
const SHORT_SYNC_BYTES = 262_144;

/** How long syncs take. */
class SyncPace {
  /** The last ones, the latest with a weight of an eighth. */
  #ms = 0;

  get isShort(): boolean {
    return this.#ms < SHORT_SYNC_MS;
  }

  /** Notes one that ends now. */
  note(begun: number): void {
    this.#ms += (performance.now() - begun - this.#ms) / 8;
  }
}

class DenoFileHandle implements FileHandle {
  readonly #file: Deno.FsFile;
  readonly #pace = new SyncPace();
  #unsyncedBytes = 0;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    // Without a wait: the read is on its way when this returns, whatever its caller does meanwhile.
    this.#file.seekSync(position, Deno.SeekMode.Start);
    return await this.#file.read(buffer) ?? 0;
  }

  write(bytes: Uint8Array): number {
    this.#unsyncedBytes += bytes.length;
    return this.#file.writeSync(bytes);
  }

  syncData(aside = false): Promise<void> | undefined {
    const isLarge = this.#unsyncedBytes > SHORT_SYNC_BYTES;
    this.#unsyncedBytes = 0;
    if (isLarge || aside) return this.#file.syncData();
    const begun = performance.now();
    if (!this.#pace.isShort) {
      return this.#file.syncData().then(() => this.#pace.note(begun));
    }
    this.#file.syncDataSync();
    this.#pace.note(begun);
    return undefined;
  }

  async writeAside(bytes: Uint8Array): Promise<number> {
    const written = await this.#file.write(bytes);
    // A write that took nothing has failed: nothing is to be done to the file after that.
    if (written > 0) await this.#file.syncData();
    return written;
  }

  rewind(): void {
    this.#file.seekSync(0, Deno.SeekMode.Start);
  }

  async size(): Promise<number> {
    return (await this.#file.stat()).size;
  }

  clear(): void {
    this.#file.truncateSync(0);
    this.#file.seekSync(0, Deno.SeekMode.Start);
  }

  async tryLock(): Promise<boolean> {
    return await this.#file.tryLock(true);
  }

  async tryShare(): Promise<boolean> {
    return await this.#file.tryLock(false);
  }

  close(): void {
    this.#file.close();
  }
}

/** How long the syncs of directories take. */
const directoryPace = new SyncPace();

/** The file system of this machine, through Deno. Needs `--allow-read` and `--allow-write`. */
export const denoFileSystem: FileSystem = {
  async ensureDirectory(path: string): Promise<void> {
    await ensureDir(path);
  },

  async syncAncestors(path: string): Promise<void> {
    let child = await Deno.stat(path);
    for (let depth = 1; depth <= MAX_DEPTH; depth++) {
      const parent = path + "/..".repeat(depth);
      try {
        const status = await Deno.stat(parent);
        // The root is its own parent.
        if (status.dev === child.dev && status.ino === child.ino) return;
        child = status;
        await denoFileSystem.syncDirectory(parent);
      } catch (error) {
        if (depth > 1 && error instanceof Deno.errors.NotCapable) return;
        throw error;
      }
    }
  },

  async list(path: string): Promise<string[]> {
    const names: string[] = [];
    for await (const entry of Deno.readDir(path)) {
      if (entry.isFile) names.push(entry.name);
    }
    return names;
  },

  // To open what is there takes a tenth of what handing it to another thread and back does. To make a file, or to
  // take another's name, changes the directory and may take longer than a sync does.
  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    const isQuick = mode !== "create-new";
    const options = OPEN_OPTIONS[mode];
    return new DenoFileHandle(
      isQuick ? Deno.openSync(path, options) : await Deno.open(path, options),
    );
  },

  async rename(from: string, to: string): Promise<void> {
    await Deno.rename(from, to);
  },

  async remove(path: string): Promise<void> {
    await Deno.remove(path);
  },

  async syncDirectory(path: string, isAwaited: boolean = false): Promise<void> {
    using directory = Deno.openSync(path, { read: true });
    const begun = performance.now();
    if (isAwaited && directoryPace.isShort) directory.syncSync();
    else await directory.sync();
    directoryPace.note(begun);
  },

  async identify(path: string): Promise<string | null> {
    const { ino, birthtime } = await Deno.stat(path);
    // Not the device: its number may be another after a restart. An inode's number is used again when its
    // file is gone, hence the time of birth, which no program can set.
    return ino === null || birthtime === null ? null : `${ino}-${birthtime.getTime()}`;
  },
};
