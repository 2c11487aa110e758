/**
 * A file system in memory that breaks as real ones do: exactly as its seed says, and never in a way
 * that this page does not allow.
 *
 * **Bytes.** Written bytes are read at once by everybody. They are durable when a `syncData` that
 * began after the write has succeeded. A power cut treats each sector (512 bytes) that was written
 * since on its own: it holds what it held at the last sync or after any write since. The length is
 * one of those that the file had, or ends with a sector between. Where a sector has no bytes of its
 * own it is zero, or stale: bytes of a removed file, or noise. Synced bytes never change.
 *
 * **A sync that fails** leaves each sector that it should have covered in doubt: it may be on the
 * disk or not, and no later sync mends that, though it succeeds, unless the sector was written
 * again in between. The process goes on reading what it wrote, or (`drop`) reads from then on what
 * is on the disk, as when the kernel takes the pages for clean and gives them away.
 *
 * **Names.** Files and directories created, renamed and removed are seen at once. They are durable
 * when a `syncDirectory` of the directory that holds the name, or a `syncAncestors` of what has it,
 * has succeeded. A power cut keeps the first few changes since, or any of them; a rename happens as
 * a whole or not at all. A failed `syncDirectory` makes nothing durable, and a later one that
 * succeeds covers all. A name and the bytes of its file are durable independently.
 *
 * **Calls.** Any call can fail: the n-th of all or of a kind, some times in turn or from then on;
 * it then throws `DiskError` and may have had its effect, a write any part of it. A read or a write
 * can be short. `close` cannot fail. `list` answers in any order. An asynchronous call can be held
 * until the test lets it go; it takes effect then, but a sync covers only what came before its
 * call.
 *
 * **Lies.** A call can answer as if all were well and have done something else. A sync of a file, a
 * directory or what is above it makes nothing durable; the next one that is honest makes up for it.
 * A write stores some sectors of its bytes or none (`lost`), or all of them one to four sectors
 * away or in another file (`misplaced`). A read gives zeros in some sectors (`lost`), or what was
 * there before the last sync, what is elsewhere in the file, or a removed file's bytes
 * (`misplaced`); the file is not changed by it. A rename or a removal does nothing (`lost`). A list lacks
 * some names or all, a size is too small, a file's place is another (`lost`), each for that one answer.
 * The rest does not lie in a way of its own: an `open` that gave another file would be a read or a write
 * that is misplaced, `ensureDirectory` one whose `syncAncestors` lied; `clear` and `rewind` touch a
 * stamp and a file of zeros, on which nothing depends; and under a `tryLock` that lets two in there is no
 * lock, so that no log could keep any promise.
 *
 * **Rot.** `rot()` changes bytes that lie on the disk, at any time, in any file. It shows at once and
 * to everybody, and no crash takes it back; what is written there later is right again.
 *
 * **Trust.** The disk remembers which of its files and directories may not be what the answers of
 * its calls have promised: a file after a wrong write or rot, a file or a directory whose sync lied
 * after a power cut, a file also after a sync that dropped such pages, any file after a wrong read.
 * `distrust()` says so, `forgive()` forgets it.
 *
 * **Ends.** `kill()` is the disk after its process died: all that was written is there, and still
 * not durable. `crash()` is the disk after a power cut. Both are new disks without locks, open
 * files or faults; the old one is not changed, so one run can be cut at each of its calls.
 */

import type { FileHandle, FileSystem, OpenMode } from "../../src/platform/file_system.ts";
import { type CallKind, type DiskCall, DiskCalls, type Fault, type Hold } from "./disk_calls.ts";
import { DiskLies } from "./disk_lies.ts";
import { DiskTree } from "./disk_tree.ts";
import { MemoryFile } from "./memory_file.ts";
import { MemoryHandle } from "./memory_handle.ts";
import { SeededRandom } from "./seeded_random.ts";

/** What may not be as the answers of a disk's calls have promised. */
export interface Distrust {
  /** Files whose bytes may be wrong. */
  readonly files: readonly string[];
  /** Whether names may be missing, or be there again. */
  readonly names: boolean;
  /** Whether a read has given what was not there. */
  readonly reads: boolean;
}

/** A disk in memory. Paths without a slash at their head begin at the root. */
export class MemoryDisk implements FileSystem {
  readonly #random: SeededRandom;
  readonly #tree: DiskTree;
  readonly #calls: DiskCalls;
  readonly #lies: DiskLies;
  readonly #handles = new Set<MemoryHandle>();

  /** Makes an empty disk, unless told what is on it; the seed says what failed calls leave. */
  constructor(
    random: SeededRandom = new SeededRandom(1),
    tree: DiskTree = new DiskTree(),
    hasMisread: boolean = false,
  ) {
    this.#random = random;
    this.#tree = tree;
    this.#calls = new DiskCalls(random);
    this.#lies = new DiskLies(random, tree, hasMisread);
  }

  /** Every call so far, in the order in which they were made. */
  get calls(): readonly DiskCall[] {
    return this.#calls.made;
  }

  /** Paths of the files that are open, once for each handle. */
  get openFiles(): readonly string[] {
    return Array.from(this.#handles, ({ path }) => path);
  }

  /** Lets calls fail from now on, besides those that do already. */
  fail(fault: Fault): void {
    this.#calls.addFault(fault);
  }

  /** Takes all faults away. What they did stays. */
  mend(): void {
    this.#calls.clearFaults();
  }

  /** Holds the asynchronous calls of one kind. */
  hold(kind: CallKind): Hold {
    return this.#calls.hold(kind);
  }

  /** Tells of each call, failed or not, when it has had its effect and its caller does not know. */
  observe(observer: (call: DiskCall) => void): void {
    this.#calls.observer = observer;
  }

  /** The disk as it may be found after a power cut now. */
  crash(random: SeededRandom): MemoryDisk {
    return new MemoryDisk(random.fork(), this.#tree.crash(random), this.#lies.hasMisread);
  }

  /** The disk as the next process finds it if this one dies now. */
  kill(): MemoryDisk {
    const random = new SeededRandom(this.calls.length);
    return new MemoryDisk(random, this.#tree.copy(), this.#lies.hasMisread);
  }

  /** Changes bytes of a file where they lie; the change must not ask what they are. */
  rot(path: string, change: (bytes: Uint8Array) => void): void {
    this.#tree.fileAt(path).rot(change);
  }

  /** What may not be trusted: names of files in a directory, and whatever concerns all of them. */
  distrust(path: string): Distrust {
    return {
      files: this.#tree.wrongIn(path),
      names: this.#tree.directoriesAlong(path).some(({ isWrong }) => isWrong),
      reads: this.#lies.hasMisread,
    };
  }

  /** Takes what is in a directory for what should be there, except for some files. */
  forgive(path: string, except: (name: string) => boolean): void {
    this.#lies.hasMisread = false;
    this.#tree.forgive(path, except);
  }

  /** A file's bytes. This is no call: it is the test that looks. */
  bytesOf(path: string): Uint8Array {
    return this.#tree.fileAt(path).bytes.slice();
  }

  /** Sorted names of the files in a directory, none if it is not there. No call either. */
  namesIn(path: string): string[] {
    return this.#tree.has(path) ? this.#filesIn(path).sort() : [];
  }

  /** Whether a directory is there. No call either. */
  hasDirectory(path: string): boolean {
    return this.#tree.has(path);
  }

  /** Makes a file, or makes it anew, durable with its names. No call: somebody else did it. */
  put(path: string, bytes: Uint8Array): void {
    this.#tree.makeDirectories(`${path}/..`);
    const { directory, name } = this.#tree.place(path);
    directory.set(name, new MemoryFile(bytes.slice()));
    for (const above of this.#tree.ancestorsOf(path)) above.beginSync().succeed();
  }

  async ensureDirectory(path: string): Promise<void> {
    await this.#calls.later("ensureDirectory", path, {
      well: () => this.#tree.makeDirectories(path),
    });
  }

  async syncAncestors(path: string): Promise<void> {
    const syncs = this.#tree.ancestorsOf(path).map((directory) => directory.beginSync());
    const succeed = (count: number) => {
      for (const sync of syncs.slice(0, count)) sync.succeed();
    };
    await this.#calls.later("syncAncestors", path, {
      well: () => succeed(syncs.length),
      lost: () => syncs.forEach((sync) => sync.lie()),
      misplaced: () => syncs.forEach((sync) => sync.lie()),
      fail: () => succeed(this.#random.below(syncs.length)),
    });
  }

  async list(path: string): Promise<string[]> {
    return await this.#calls.later("list", path, {
      well: () => this.#random.shuffle(this.#filesIn(path)),
      lost: () => this.#lies.listLess(this.#filesIn(path)),
    });
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    return await this.#calls.later("open", path, {
      well: () => this.#handle(this.#openFile(path, mode), path, mode),
      fail: () => {
        if (mode !== "read" && this.#random.chance(0.5)) this.#createIfAbsent(path);
      },
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#calls.later("rename", to, {
      well: () => this.#tree.rename(from, to),
      lost: () => this.#keepNames(from),
    });
  }

  async remove(path: string): Promise<void> {
    await this.#calls.later("remove", path, {
      well: () => this.#tree.remove(path),
      lost: () => this.#keepNames(path),
    });
  }

  async syncDirectory(path: string): Promise<void> {
    const sync = this.#tree.directoryAt(path).beginSync();
    const { succeed, fail, lie } = sync;
    await this.#calls.later("syncDirectory", path, {
      well: succeed,
      fail,
      lost: lie,
      misplaced: lie,
    });
  }

  async identify(path: string): Promise<string | null> {
    return await this.#calls.later("identify", path, {
      well: () => this.#tree.fileAt(path).identity,
      fail: () => {},
      lost: () => {
        // Whoever writes it down goes by it later.
        this.#tree.place(path).directory.markWrong();
        return `not ${this.#tree.fileAt(path).identity}`;
      },
    });
  }

  /** Changes no name of the directory in which a file is that must be there. */
  #keepNames(path: string): void {
    this.#tree.fileAt(path);
    this.#tree.place(path).directory.markWrong();
  }

  #filesIn(path: string): string[] {
    this.#tree.directoryAt(path);
    return this.#tree.filesIn(path).map(([name]) => name);
  }

  #openFile(path: string, mode: OpenMode): MemoryFile {
    if (mode === "read") return this.#tree.fileAt(path);
    const created = this.#createIfAbsent(path);
    if (mode === "create-new" && !created) throw new Deno.errors.AlreadyExists(path);
    return this.#tree.fileAt(path);
  }

  #createIfAbsent(path: string): boolean {
    const { directory, name } = this.#tree.place(path);
    if (directory.get(name) !== undefined) return false;
    directory.set(name, new MemoryFile());
    return true;
  }

  #handle(file: MemoryFile, path: string, mode: OpenMode): MemoryHandle {
    const handle = new MemoryHandle({
      file,
      path,
      writable: mode !== "read",
      calls: this.#calls,
      random: this.#random,
      lies: this.#lies,
      closed: (closed) => this.#handles.delete(closed),
    });
    this.#handles.add(handle);
    return handle;
  }
}
