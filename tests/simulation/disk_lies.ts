/**
 * How reads and writes of the simulated disk lie: they answer as if all were well. The rules are
 * those at the top of `memory_disk.ts`. Every lie marks what it touched, so that a test knows what
 * may not be trusted any more.
 */

import type { MemoryFile } from "./memory_file.ts";
import { SECTOR } from "./memory_file.ts";
import type { DiskTree } from "./disk_tree.ts";
import type { SeededRandom } from "./seeded_random.ts";

/** How many sectors a write goes astray, at most. */
const ASTRAY = 4;

/** The lies of one disk. */
export class DiskLies {
  readonly #random: SeededRandom;
  readonly #tree: DiskTree;

  /** Whether a read has answered what is not in its file. */
  hasMisread: boolean;

  /** Lies about the files of that tree; the seed says how. */
  constructor(random: SeededRandom, tree: DiskTree, hasMisread: boolean) {
    this.#random = random;
    this.#tree = tree;
    this.hasMisread = hasMisread;
  }

  /** Stores all but some of the bytes, which may be all of them. */
  writeLess(file: MemoryFile, position: number, bytes: Uint8Array): void {
    const [start, end] = this.#part(bytes.length);
    if (start > 0) file.write(position, bytes.subarray(0, start));
    if (end < bytes.length) file.write(position + end, bytes.subarray(end));
    file.markWrong();
  }

  /** Stores the bytes some sectors away, or in another file. */
  writeElsewhere(file: MemoryFile, position: number, bytes: Uint8Array): void {
    const target = this.#random.chance(0.7) ? file : this.#random.pick(this.#tree.files());
    const shift = SECTOR * (1 + this.#random.below(ASTRAY));
    const back = position >= shift && this.#random.chance(0.5);
    target.write(target === file ? position + (back ? -shift : shift) : position, bytes);
    for (const one of [file, target]) one.markWrong();
  }

  /** Some of the names, perhaps none. */
  listLess(names: readonly string[]): string[] {
    const some = this.#random.chance(0.3) ? [] : names.filter(() => this.#random.chance(0.5));
    this.hasMisread ||= some.length < names.length;
    return some;
  }

  /** A length that a file may have had. */
  smaller({ bytes }: MemoryFile): number {
    const length = this.#random.below(1 + bytes.length);
    this.hasMisread ||= length < bytes.length;
    return length;
  }

  /** Puts zeros over a part of what was read. */
  readZeros(read: Uint8Array): void {
    this.#misread(read, (start, end) => new Uint8Array(end - start));
  }

  /** Puts bytes over a part of what was read that were there earlier, or are elsewhere. */
  readStale(file: MemoryFile, read: Uint8Array, position: number): void {
    this.#misread(read, (start, end) => {
      const [first, last] = [position + start, position + end];
      switch (this.#random.pick(["earlier", "other place", "removed"] as const)) {
        case "earlier":
          return file.earlier.subarray(first, last);
        case "other place": {
          const from = SECTOR * this.#random.below(1 + file.bytes.length / SECTOR);
          return file.bytes.subarray(from, from + end - start);
        }
        case "removed":
          return this.#tree.staleBytes(this.#random, first, end - start);
      }
    });
  }

  #misread(read: Uint8Array, wrong: (start: number, end: number) => Uint8Array): void {
    const right = read.slice();
    const [start, end] = this.#part(read.length);
    const bytes = wrong(start, end);
    read.fill(0, start, end);
    read.set(bytes.subarray(0, end - start), start);
    this.hasMisread ||= read.some((byte, index) => byte !== right[index]);
  }

  /** Everything, or some sectors of it. */
  #part(length: number): [start: number, end: number] {
    const sectors = Math.ceil(length / SECTOR);
    if (sectors < 2 || this.#random.chance(0.3)) return [0, length];
    const first = this.#random.below(sectors);
    const count = 1 + this.#random.below(Math.min(ASTRAY, sectors - first));
    return [first * SECTOR, Math.min(length, (first + count) * SECTOR)];
  }
}
