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
  /** Paths at which wrong files were that have been renamed or removed since. */
  readonly #formerlyWrong: Set<string>;

  /** Makes an empty tree, unless told what is in it. */
  constructor(
    root: MemoryDirectory = new MemoryDirectory(),
    removed: readonly Uint8Array[] = [],
    formerlyWrong: Iterable<string> = [],
  ) {
    this.#root = root;
    this.#removed = [...removed];
    this.#formerlyWrong = new Set(formerlyWrong);
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

  /** The files in a directory with their names; none if it is not there. */
  filesIn(path: string): [string, MemoryFile][] {
    if (!this.has(path)) return [];
    return this.directoryAt(path).entries()
      .flatMap(([name, entry]) => entry instanceof MemoryFile ? [[name, entry]] : []);
  }

  /** Names of the files in a directory that are wrong, or were when they had that name. */
  wrongIn(path: string): string[] {
    const wrong = this.filesIn(path).filter(([, { isWrong }]) => isWrong).map(([name]) => name);
    const directory = this.has(path) ? this.directoryAt(path) : null;
    const former = [...this.#formerlyWrong].filter((path) => this.has(`${path}/..`))
      .map((path) => this.place(path)).filter((place) => place.directory === directory).map((
        { name },
      ) => name);
    return [...new Set([...wrong, ...former])].sort();
  }

  /** Takes the files and names in a directory for what should be there, except some files. */
  forgive(path: string, except: (name: string) => boolean): void {
    this.#formerlyWrong.clear();
    for (const directory of this.directoriesAlong(path)) directory.forgive();
    for (const [name, file] of this.filesIn(path)) {
      if (!except(name)) file.forgive();
    }
  }

  /** Every file that has a name. */
  files(): MemoryFile[] {
    const filesIn = (directory: MemoryDirectory): MemoryFile[] =>
      directory.entries().flatMap(([, entry]) =>
        entry instanceof MemoryFile ? [entry] : filesIn(entry)
      );
    return filesIn(this.#root);
  }

  /** Those of the directories along a path that are there, the root first. */
  directoriesAlong(path: string): MemoryDirectory[] {
    const found: MemoryDirectory[] = [this.#root];
    for (const name of namesOf(path)) {
      const entry = found.at(-1)?.get(name);
      if (!(entry instanceof MemoryDirectory)) break;
      found.push(entry);
    }
    return found;
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
    this.#bury(directory.get(name), to);
    if (file.isWrong) this.#formerlyWrong.add(from);
    directory.set(name, file);
  }

  /** Removes a file. */
  remove(path: string): void {
    this.#bury(this.fileAt(path), path);
    const { directory, name } = this.place(path);
    directory.remove(name);
  }

  /** The tree as it may be found after a power cut. */
  crash(random: SeededRandom): DiskTree {
    const stale = (offset: number, length: number) => this.staleBytes(random, offset, length);
    const copy = onceEach((entry) =>
      entry instanceof MemoryFile ? entry.crash(random, stale) : entry.crash(random, copy)
    );
    return new DiskTree(copy(this.#root) as MemoryDirectory, this.#removed, this.#formerlyWrong);
  }

  /** The tree as the next process finds it. */
  copy(): DiskTree {
    const copy = onceEach((entry) => entry instanceof MemoryFile ? entry.copy() : entry.copy(copy));
    return new DiskTree(copy(this.#root) as MemoryDirectory, this.#removed, this.#formerlyWrong);
  }

  #bury(entry: Entry | undefined, path: string): void {
    if (!(entry instanceof MemoryFile)) return;
    if (entry.isWrong) this.#formerlyWrong.add(path);
    this.#removed.unshift(entry.bytes);
    this.#removed.splice(REMOVED_KEPT);
  }

  /** Bytes of a removed file at that offset, or noise. */
  staleBytes(random: SeededRandom, offset: number, length: number): Uint8Array {
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
