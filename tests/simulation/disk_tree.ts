/**
 * The directories and files of a simulated disk, found by path, and the bytes that removed files
 * left behind. A crash copies the whole tree by the rules at the top of `memory_disk.ts`.
 */

import { type CopyEntry, type Entry, MemoryDirectory } from "./memory_directory.ts";
import { MemoryFile } from "./memory_file.ts";
import type { SeededRandom } from "./seeded_random.ts";

/** How many removed files can show as stale bytes. */
const REMOVED_KEPT = 8;

/** A name in a directory. */
export interface Place {
  readonly directory: MemoryDirectory;
  readonly name: string;
}

/** All directories and files of one disk. */
export class DiskTree {
  readonly #root: MemoryDirectory;
  readonly #removed: Uint8Array[];

  /** Makes an empty tree, unless told what is in it. */
  constructor(
    root: MemoryDirectory = new MemoryDirectory(),
    removed: readonly Uint8Array[] = [],
  ) {
    this.#root = root;
    this.#removed = [...removed];
  }

  /** The directory at a path. */
  directoryAt(path: string): MemoryDirectory {
    return namesOf(path).reduce((directory, name) => inner(directory, name, path), this.#root);
  }

  /** The directories above the one at a path, the root last. */
  ancestorsOf(path: string): MemoryDirectory[] {
    const names = namesOf(path);
    return names.map((_, index) => this.directoryAt(names.slice(0, index).join("/"))).reverse();
  }

  /** The directory in which a path's last name stands or would stand. */
  place(path: string): Place {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) throw new Deno.errors.IsADirectory(path);
    return { directory: this.directoryAt(names.join("/")), name };
  }

  /** The file at a path. */
  fileAt(path: string): MemoryFile {
    const { directory, name } = this.place(path);
    const entry = directory.get(name);
    if (entry === undefined) throw new Deno.errors.NotFound(path);
    if (!(entry instanceof MemoryFile)) throw new Deno.errors.IsADirectory(path);
    return entry;
  }

  /** Whether there is anything at a path. */
  has(path: string): boolean {
    let entry: Entry | undefined = this.#root;
    for (const name of namesOf(path)) {
      entry = entry instanceof MemoryDirectory ? entry.get(name) : undefined;
    }
    return entry !== undefined;
  }

  /** Makes the directory at a path and those above it, where they are not there yet. */
  makeDirectories(path: string): void {
    let directory = this.#root;
    for (const name of namesOf(path)) {
      if (directory.get(name) === undefined) directory.set(name, new MemoryDirectory());
      directory = inner(directory, name, path);
    }
  }

  /** Gives a file another name; what had that name is gone. */
  rename(from: string, to: string): void {
    const file = this.fileAt(from);
    const source = this.place(from).directory;
    const { directory, name } = this.place(to);
    if (source !== directory) throw new Error(`Cannot rename ${from} into another directory`);
    this.#bury(directory.get(name));
    directory.set(name, file);
  }

  /** Removes a file. */
  remove(path: string): void {
    this.#bury(this.fileAt(path));
    const { directory, name } = this.place(path);
    directory.remove(name);
  }

  /** The tree as it may be found after a power cut. */
  crash(random: SeededRandom): DiskTree {
    const stale = (offset: number, length: number) => this.#staleBytes(random, offset, length);
    const copy = onceEach((entry) =>
      entry instanceof MemoryFile ? entry.crash(random, stale) : entry.crash(random, copy)
    );
    return new DiskTree(copy(this.#root) as MemoryDirectory, this.#removed);
  }

  /** The tree as the next process finds it. */
  copy(): DiskTree {
    const copy = onceEach((entry) => entry instanceof MemoryFile ? entry.copy() : entry.copy(copy));
    return new DiskTree(copy(this.#root) as MemoryDirectory, this.#removed);
  }

  #bury(entry: Entry | undefined): void {
    if (!(entry instanceof MemoryFile)) return;
    this.#removed.unshift(entry.bytes);
    this.#removed.splice(REMOVED_KEPT);
  }

  #staleBytes(random: SeededRandom, offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (this.#removed.length === 0 || random.chance(0.25)) random.fill(bytes);
    else bytes.set(random.pick(this.#removed).subarray(offset, offset + length));
    return bytes;
  }
}

/** The names along a path from the root; `..` goes back by one, as far as the root. */
function namesOf(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return names;
}

function inner(directory: MemoryDirectory, name: string, path: string): MemoryDirectory {
  const entry = directory.get(name);
  if (entry === undefined) throw new Deno.errors.NotFound(path);
  if (!(entry instanceof MemoryDirectory)) throw new Deno.errors.NotADirectory(path);
  return entry;
}

/** Copies an entry when it is first met, and answers the same copy from then on. */
function onceEach(make: CopyEntry): CopyEntry {
  const copies = new Map<Entry, Entry>();
  return (entry) => {
    const copied = copies.get(entry) ?? make(entry);
    copies.set(entry, copied);
    return copied;
  };
}
