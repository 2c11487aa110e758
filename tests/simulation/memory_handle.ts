/**
 * An open file of the simulated disk, as `FileHandle` describes it: writing goes on where this
 * handle's last write ended, a lock lasts until the handle is closed, and nothing works after that.
 */

import type { FileHandle } from "../../src/platform/file_system.ts";
import type { DiskCalls, Effect } from "./disk_calls.ts";
import type { DiskLies } from "./disk_lies.ts";
import type { MemoryFile } from "./memory_file.ts";
import type { SeededRandom } from "./seeded_random.ts";

/** What a handle needs of its disk. */
export interface HandleOptions {
  readonly file: MemoryFile;
  readonly path: string;
  readonly writable: boolean;
  readonly calls: DiskCalls;
  readonly random: SeededRandom;
  /** How this file's calls lie. */
  readonly lies: DiskLies;
  /** Is called once, when the handle is closed. */
  readonly closed: (handle: MemoryHandle) => void;
}

/** An open file in memory. */
export class MemoryHandle implements FileHandle {
  readonly #options: HandleOptions;
  #position = 0;
  #syncs = 0;
  #open = true;

  /** Opens a file. */
  constructor(options: HandleOptions) {
    this.#options = options;
  }

  /** The name by which the file was opened. */
  get path(): string {
    return this.#options.path;
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    const { calls, path, file, lies } = this.#use();
    return await calls.later("read", path, {
      well: () => this.#copyTo(buffer, position),
      short: () => {
        const most = Math.min(buffer.length, this.#options.file.bytes.length - position);
        return this.#copyTo(buffer.subarray(0, this.#lessThan(most)), position);
      },
      fail: () => {},
      lost: () => {
        const count = this.#copyTo(buffer, position);
        lies.readZeros(buffer.subarray(0, count));
        return count;
      },
      misplaced: () => {
        const count = this.#copyTo(buffer, position);
        lies.readStale(file, buffer.subarray(0, count), position);
        return count;
      },
    });
  }

  write(bytes: Uint8Array): number {
    const { calls, path, random, file, lies } = this.#use(true);
    return calls.now("write", path, {
      well: () => this.#append(bytes),
      short: () => this.#append(bytes.subarray(0, this.#lessThan(bytes.length))),
      fail: () => {
        this.#append(bytes.subarray(0, random.below(bytes.length + 1)));
      },
      lost: () => {
        lies.writeLess(file, this.#position, bytes);
        return this.#passOver(bytes);
      },
      misplaced: () => {
        lies.writeElsewhere(file, this.#position, bytes);
        return this.#passOver(bytes);
      },
    });
  }

  /** Every other sync has ended when the call returns, unless such calls are held or it is one aside. */
  syncData(aside = false): Promise<void> | undefined {
    const { calls, path, file, random } = this.#use();
    const sync = file.beginSync();
    const effect: Effect<void> = {
      well: sync.succeed,
      fail: sync.fail,
      drop: () => sync.drop(random),
      lost: sync.lie,
      misplaced: sync.lie,
    };
    this.#syncs++;
    if (aside || this.#syncs % 2 === 0 || calls.isHeld("syncData")) {
      return calls.later("syncData", path, effect);
    }
    calls.now("syncData", path, effect);
    return undefined;
  }

  async writeAside(bytes: Uint8Array): Promise<number> {
    const written = this.write(bytes);
    await this.syncData();
    return written;
  }

  async size(): Promise<number> {
    const { calls, path, file, lies } = this.#use();
    return await calls.later("size", path, {
      well: () => file.bytes.length,
      lost: () => lies.smaller(file),
    });
  }

  clear(): void {
    const { calls, path, file } = this.#use(true);
    calls.now("clear", path, {
      well: () => {
        file.clear();
        this.#position = 0;
      },
    });
  }

  rewind(): void {
    const { calls, path } = this.#use(true);
    calls.now("rewind", path, {
      well: () => {
        this.#position = 0;
      },
    });
  }

  async tryLock(): Promise<boolean> {
    const { calls, path, file } = this.#use();
    return await calls.later("tryLock", path, {
      well: () => {
        if (file.sharedBy.size === 0) file.lockedBy ??= this;
        return file.lockedBy === this;
      },
      fail: () => {},
    });
  }

  async tryShare(): Promise<boolean> {
    const { calls, path, file } = this.#use();
    return await calls.later("tryShare", path, {
      well: () => {
        if (file.lockedBy === null) file.sharedBy.add(this);
        return file.sharedBy.has(this);
      },
      fail: () => {},
    });
  }

  close(): void {
    const { file, closed } = this.#use();
    this.#open = false;
    if (file.lockedBy === this) file.lockedBy = null;
    file.sharedBy.delete(this);
    closed(this);
  }

  #use(writing: boolean = false): HandleOptions {
    const { path, writable } = this.#options;
    if (!this.#open) throw new Deno.errors.BadResource(`${path} is closed`);
    if (writing && !writable) throw new Deno.errors.PermissionDenied(`${path} is open for reading`);
    return this.#options;
  }

  #append(bytes: Uint8Array): number {
    if (bytes.length > 0) this.#options.file.write(this.#position, bytes);
    return this.#passOver(bytes);
  }

  #passOver(bytes: Uint8Array): number {
    this.#position += bytes.length;
    return bytes.length;
  }

  #copyTo(buffer: Uint8Array, position: number): number {
    const bytes = this.#options.file.bytes.subarray(position, position + buffer.length);
    buffer.set(bytes);
    return bytes.length;
  }

  /** Of several bytes at least one and not all; of one byte that one. */
  #lessThan(length: number): number {
    return Math.min(Math.max(0, length), 1 + this.#options.random.below(Math.max(1, length - 1)));
  }
}
