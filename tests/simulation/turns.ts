/**
 * Lets several programs, or the several things that one of them does at once, share a simulated disk call by
 * call: each asynchronous call waits for its turn, and whose turn is next is drawn from a seed. So anything can
 * happen between two calls that follow each other, as on a machine that is busy, and the same seed does it again.
 */

import type { FileHandle, FileSystem, OpenMode } from "../../src/platform/file_system.ts";
import type { ManualClock } from "./manual_clock.ts";
import type { SeededRandom } from "./seeded_random.ts";

/** The calls that wait for their turn. */
export class Turns {
  readonly #random: SeededRandom;
  readonly #clock: ManualClock;
  readonly #slow: number;
  #waiting: { readonly isSlow: boolean; readonly go: () => void }[] = [];

  /**
   * Begins with no call.
   *
   * @param random Draws whose turn it is.
   * @param clock The clock of all programs.
   * @param slow How often it is the slow program's turn if the others wait too, from 0 to 1; 0 if none is slow.
   */
  constructor(random: SeededRandom, clock: ManualClock, slow: number = 0) {
    this.#random = random;
    this.#clock = clock;
    this.#slow = slow;
  }

  /** Resolves when it is the caller's turn. */
  async come(isSlow: boolean): Promise<void> {
    await new Promise<void>((go) => this.#waiting.push({ isSlow, go }));
  }

  /** Gives turns until a promise has settled. */
  async finish<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    for (;;) {
      await this.#clock.settle();
      if (settled) return await promise;
      this.#next();
    }
  }

  /** Gives one turn, if a call waits for it. */
  async give(): Promise<void> {
    await this.#clock.settle();
    if (this.#waiting.length === 0) return;
    this.#next();
    await this.#clock.settle();
  }

  #next(): void {
    const slow = this.#waiting.filter(({ isSlow }) => isSlow);
    const others = this.#waiting.filter(({ isSlow }) => !isSlow);
    const isSlowNext = others.length === 0 || this.#random.chance(this.#slow);
    const next = this.#random.pick(isSlowNext && slow.length > 0 ? slow : others);
    this.#waiting = this.#waiting.filter((call) => call !== next);
    next.go();
  }
}

/** How a program uses the disk. */
export interface Pace {
  readonly turns: Turns;
  /**
   * Whether it is the slow one.
   *
   * @default {false}
   */
  readonly isSlow?: boolean;
  /** Bytes that a read gives at most; any number if absent. */
  readonly piece?: number;
}

/** A disk as one of the programs uses it. */
export class PacedFiles implements FileSystem {
  readonly #disk: FileSystem;
  readonly #pace: Pace;

  /** How many calls it has had. */
  calls = 0;

  /** Puts a pace before a disk. */
  constructor(disk: FileSystem, pace: Pace) {
    this.#disk = disk;
    this.#pace = pace;
  }

  ensureDirectory(path: string): Promise<void> {
    return this.#call(() => this.#disk.ensureDirectory(path));
  }

  syncAncestors(path: string): Promise<void> {
    return this.#call(() => this.#disk.syncAncestors(path));
  }

  list(path: string): Promise<string[]> {
    return this.#call(() => this.#disk.list(path));
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    const file = await this.#call(() => this.#disk.open(path, mode));
    const { piece = Infinity } = this.#pace;
    return {
      read: (buffer, position) => this.#call(() => file.read(buffer.subarray(0, piece), position)),
      syncData: () => this.#call(() => file.syncData()),
      writeAside: (bytes) => this.#call(() => file.writeAside(bytes)),
      size: () => this.#call(() => file.size()),
      tryLock: () => this.#call(() => file.tryLock()),
      tryShare: () => this.#call(() => file.tryShare()),
      write: (bytes) => file.write(bytes),
      clear: () => file.clear(),
      rewind: () => file.rewind(),
      close: () => file.close(),
    };
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call(() => this.#disk.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#call(() => this.#disk.remove(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.#call(() => this.#disk.syncDirectory(path));
  }

  identify(path: string): Promise<string | null> {
    return this.#call(() => this.#disk.identify(path));
  }

  async #call<T>(effect: () => Promise<T> | T): Promise<T> {
    const { turns, isSlow = false } = this.#pace;
    this.calls++;
    await turns.come(isSlow);
    return await effect();
  }
}
