/**
 * One file of the simulated disk: what the process sees, and what may be on the platter. The rules
 * are those at the top of `memory_disk.ts`; this file is where those about bytes are made true.
 */

import type { SeededRandom } from "./seeded_random.ts";

/** What a disk writes as a whole or not at all, in bytes. */
export const SECTOR = 512;

/** Bytes that were on the disk once and may show where a file grew but was never written. */
export type StaleBytes = (offset: number, length: number) => Uint8Array;

/** The file's bytes as they were after one write. Never changed once made. */
interface Version {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** A sector whose sync failed: it may hold any of these, until it is written and synced again. */
interface Doubt {
  readonly versions: readonly Version[];
  /** Number of the version that wrote the sector again; no sync before it helps. */
  rewritten: number;
}

/** A sync that was begun: it covers what was written before it, and takes effect at its end. */
export interface PendingSync {
  /** The sync succeeds. */
  succeed(): void;
  /** The sync fails. */
  fail(): void;
  /** The sync says that it succeeded, and has done nothing. */
  lie(): void;
}

/** A sync of a file. */
export interface PendingFileSync extends PendingSync {
  /** The sync fails, and what is read from then on is what reached the disk. */
  drop(random: SeededRandom): void;
}

const NEVER = Infinity;

/** Of one length, so that a run does the same whatever ran before it. */
const IDENTITY_LENGTH = 12;

let filesMade = 0;

/** A file in memory with a memory of what was not synced. */
export class MemoryFile {
  /** First what the last sync covered, then one for each write since; the last is what is read. */
  #versions: Version[];
  readonly #doubts = new Map<number, Doubt>();
  #doubtfulLengths: number[] = [];
  #earlier: Uint8Array = new Uint8Array();
  /** What a sync that lied should have covered; null when an honest one has covered it since. */
  #lied: Version | null = null;
  #isWrong = false;

  /** Whoever holds the advisory lock. */
  lockedBy: object | null = null;

  /** Those who share it. */
  readonly sharedBy = new Set<object>();

  /** What no other file has; a crash does not change it. */
  readonly identity: string;

  /** Makes a file whose bytes are all durable. */
  constructor(bytes: Uint8Array = new Uint8Array(), identity: string = newIdentity()) {
    this.#versions = [{ number: 0, bytes }];
    this.identity = identity;
  }

  /** The file as every process sees it. */
  get bytes(): Uint8Array {
    return this.#last().bytes;
  }

  /** The file as it was before its last sync. */
  get earlier(): Uint8Array {
    return this.#earlier;
  }

  /** Whether the file may not hold what it should by everything that its writers were told. */
  get isWrong(): boolean {
    return this.#isWrong;
  }

  /** Marks a file that holds what nobody has written there, or not what somebody has. */
  markWrong(): void {
    this.#isWrong = true;
  }

  /** Takes what the file holds for what it should. */
  forgive(): void {
    this.#isWrong = false;
  }

  /** Changes what is on the disk already, wherever else it is kept too. */
  rot(change: (bytes: Uint8Array) => void): void {
    const rotten = new Map<Version, Version>();
    const rot = (version: Version): Version => {
      const known = rotten.get(version);
      if (known !== undefined) return known;
      const changed = { number: version.number, bytes: version.bytes.slice() };
      change(changed.bytes);
      rotten.set(version, changed);
      return changed;
    };
    this.#versions = this.#versions.map(rot);
    this.#lied = this.#lied && rot(this.#lied);
    for (const [sector, { versions, rewritten }] of this.#doubts) {
      this.#doubts.set(sector, { versions: versions.map(rot), rewritten });
    }
    this.markWrong();
  }

  /** Puts bytes at a position; what lies between the old end and it becomes zero. */
  write(position: number, bytes: Uint8Array): void {
    const old = this.bytes;
    const grown = new Uint8Array(Math.max(old.length, position + bytes.length));
    grown.set(old);
    grown.set(bytes, position);
    this.#push(grown, position, position + bytes.length);
  }

  /** Sets the length to zero. */
  clear(): void {
    this.#push(new Uint8Array(), 0, 0);
  }

  /** Begins a sync of what is written now. */
  beginSync(): PendingFileSync {
    const covered = this.#last();
    return {
      succeed: () => {
        this.#forgetBefore(covered);
        this.#doubtfulLengths = [];
        if (this.#lied !== null && this.#lied.number <= covered.number) this.#lied = null;
        for (const [sector, doubt] of this.#doubts) {
          if (doubt.rewritten <= covered.number) this.#doubts.delete(sector);
        }
      },
      fail: () => {
        this.#doubtUpTo(covered);
        this.#forgetBefore(covered);
      },
      drop: (random) => {
        // What goes may be what somebody was told is durable.
        this.#isWrong ||= this.#lied !== null && this.#lied.number <= covered.number;
        this.#doubtUpTo(covered);
        this.#forgetBefore(covered);
        this.#readFromDisk(random, covered);
      },
      lie: () => {
        if (covered !== this.#versions[0]) this.#lied = covered;
      },
    };
  }

  /** A file as this one may be found after a power cut. */
  crash(random: SeededRandom, stale: StaleBytes): MemoryFile {
    const keep = random.pick(["oldest", "newest", "one", "mixed"] as const);
    const one = random.pick(this.#versions);
    const length = this.#crashLength(random, keep, one);
    const fillWithStale = random.chance(0.5);
    const image = new Uint8Array(length);
    for (let start = 0; start < length; start += SECTOR) {
      const end = Math.min(start + SECTOR, length);
      const { bytes } = this.#survivor(random, keep, one, start / SECTOR);
      const known = bytes.subarray(start, end);
      if (fillWithStale) image.set(stale(start, end - start), start);
      image.set(known, start);
    }
    const crashed = new MemoryFile(image, this.identity);
    crashed.#isWrong = this.#isWrong || this.#lied !== null;
    return crashed;
  }

  /** The same file after its process died: every written byte is there, and no more durable. */
  copy(): MemoryFile {
    const copy = new MemoryFile(undefined, this.identity);
    copy.#versions = [...this.#versions];
    copy.#doubtfulLengths = [...this.#doubtfulLengths];
    copy.#earlier = this.#earlier;
    copy.#lied = this.#lied;
    copy.#isWrong = this.#isWrong;
    for (const [sector, doubt] of this.#doubts) copy.#doubts.set(sector, { ...doubt });
    return copy;
  }

  #last(): Version {
    return this.#versions.at(-1) as Version;
  }

  #push(bytes: Uint8Array, start: number, end: number): void {
    const number = this.#last().number + 1;
    this.#versions.push({ number, bytes });
    for (let sector = Math.floor(start / SECTOR); sector * SECTOR < end; sector++) {
      const doubt = this.#doubts.get(sector);
      if (doubt !== undefined) doubt.rewritten = number;
    }
  }

  #forgetBefore(covered: Version): void {
    const index = this.#versions.indexOf(covered);
    // Absent: a later sync was faster and covered this one too.
    if (index <= 0) return;
    this.#earlier = (this.#versions[0] as Version).bytes;
    this.#versions.splice(0, index);
  }

  /** The kernel drops the dirty mark of pages that it could not write: no later sync tries again. */
  #doubtUpTo(covered: Version): void {
    const dirty = this.#versions.slice(0, this.#versions.indexOf(covered) + 1);
    const [base] = dirty;
    if (base === undefined) return;
    this.#doubtfulLengths.push(...dirty.map(({ bytes }) => bytes.length));
    const longest = Math.max(...dirty.map(({ bytes }) => bytes.length));
    for (let sector = 0; sector * SECTOR < longest; sector++) {
      if (dirty.every(({ bytes }) => sameSector(bytes, base.bytes, sector))) continue;
      const earlier = this.#doubts.get(sector)?.versions ?? [];
      this.#doubts.set(sector, { versions: [...earlier, ...dirty], rewritten: NEVER });
    }
  }

  /**
   * The pages are gone, and what is read in their place is the disk's, about which there is then no
   * doubt. The length is kept in memory, and stays in doubt.
   */
  #readFromDisk(random: SeededRandom, covered: Version): void {
    for (const [sector, { versions }] of [...this.#doubts]) {
      const { bytes } = random.pick(versions);
      const start = sector * SECTOR;
      const onDisk = new Uint8Array(SECTOR);
      onDisk.set(bytes.subarray(start, start + SECTOR));
      this.#versions = this.#versions.map((version) => {
        // What was written again since is in a page of its own.
        if (version.number > covered.number && !sameSector(version.bytes, covered.bytes, sector)) {
          return version;
        }
        const read = version.bytes.slice();
        read.set(onDisk.subarray(0, Math.max(0, read.length - start)), start);
        return { number: version.number, bytes: read };
      });
      this.#doubts.delete(sector);
    }
  }

  #crashLength(random: SeededRandom, keep: Keep, one: Version): number {
    const lengths = this.#versions.map(({ bytes }) => bytes.length);
    if (this.#doubtfulLengths.length > 0 && random.chance(0.5)) {
      return random.pick(this.#doubtfulLengths);
    }
    switch (keep) {
      case "oldest":
        return lengths[0] ?? 0;
      case "newest":
        return lengths.at(-1) ?? 0;
      case "one":
        return one.bytes.length;
      case "mixed":
        return random.pick([...lengths, ...sectorEnds(lengths[0] ?? 0, lengths.at(-1) ?? 0)]);
    }
  }

  #survivor(random: SeededRandom, keep: Keep, one: Version, sector: number): Version {
    const doubtful = this.#doubts.get(sector)?.versions ?? [];
    if (doubtful.length > 0) return random.pick([...doubtful, ...this.#versions]);
    switch (keep) {
      case "oldest":
        return this.#versions[0] as Version;
      case "newest":
        return this.#last();
      case "one":
        return one;
      case "mixed":
        return random.pick(this.#versions);
    }
  }
}

/** Which unsynced bytes a power cut lets live: none, all, those up to one write, or any sectors. */
type Keep = "oldest" | "newest" | "one" | "mixed";

/** The ends of sectors between two lengths, where a growing file can be cut. */
function sectorEnds(shorter: number, longer: number): number[] {
  const first = Math.floor(shorter / SECTOR) + 1;
  const count = Math.max(0, Math.ceil(longer / SECTOR) - first);
  return Array.from({ length: count }, (_, index) => (first + index) * SECTOR);
}

function newIdentity(): string {
  return `file-${String(filesMade++).padStart(IDENTITY_LENGTH, "0")}`;
}

function sameSector(one: Uint8Array, other: Uint8Array, sector: number): boolean {
  const [start, end] = [sector * SECTOR, (sector + 1) * SECTOR];
  const [left, right] = [one.subarray(start, end), other.subarray(start, end)];
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
