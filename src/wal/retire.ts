/**
 * Takes segments away that are no longer needed: those before one that restates everything and is durable.
 * Damaged ones are set aside under names of their own, never removed and never overwritten; those of which
 * it is not known stay where they are until an opening can read them.
 *
 * What the writer has left itself is used again where that can be done (`left_segments.ts`).
 *
 * Taking away costs more than beginning a segment does, so a busy log begins several meanwhile: all that
 * are old by then go in the next round, and no more than one round ever waits. When many wait for it, no more are
 * begun: a writer of small segments would be ever further ahead.
 *
 * @module
 */

import type { Platform } from "../platform/platform.ts";
import type { LeftSegments } from "./left_segments.ts";
import { brokenName, parseSegmentName, pathOf, UNFINISHED_SUFFIX } from "./segment_name.ts";

/** What is to be kept of the segments that were there when the log was opened. */
export interface KeptSegments {
  /** The opening that sets files aside. */
  readonly epoch: number;
  /** Names of the damaged ones. */
  readonly damaged: ReadonlySet<string>;
  /** Names of those that could not be read. */
  readonly unread: ReadonlySet<string>;
}

/**
 * Removes or sets aside the segments before one.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @param firstLsn Number of the first record of the segment that restates everything.
 * @param kept What is not to be removed.
 * @param left What can be used again instead of being removed.
 * @returns Names under which files have been set aside.
 */
export async function retireSegments(
  platform: Platform,
  directory: string,
  firstLsn: number,
  kept: KeptSegments,
  left: LeftSegments | null = null,
): Promise<string[]> {
  const { fileSystem } = platform;
  const names = await fileSystem.list(directory);
  const older = names.filter((name) => (parseSegmentName(name) ?? firstLsn) < firstLsn).sort();
  const setAside: string[] = [];
  let changed = false;
  let failure: unknown = null;
  for (const name of older) {
    if (kept.unread.has(name)) continue;
    try {
      if (kept.damaged.has(name)) {
        const aside = brokenName(name, kept.epoch, names);
        await fileSystem.rename(pathOf(directory, name), pathOf(directory, aside));
        setAside.push(aside);
      } else if (left === null || !await left.take(name)) {
        await fileSystem.remove(pathOf(directory, name));
      }
      changed = true;
    } catch (error) {
      // One that cannot be taken away must not keep the others: the log would grow without bound.
      failure ??= error;
    }
  }
  try {
    if (changed) await fileSystem.syncDirectory(directory);
    left?.release();
  } catch (error) {
    await left?.forgo();
    throw error;
  }
  if (failure !== null) throw failure;
  return setAside;
}

/**
 * Removes what a crash left half made. Such a file never had a name that counts.
 *
 * @param platform The machine.
 * @param directory The log directory.
 */
export async function removeUnfinished(platform: Platform, directory: string): Promise<void> {
  for (const name of await platform.fileSystem.list(directory)) {
    if (name.endsWith(UNFINISHED_SUFFIX)) {
      await platform.fileSystem.remove(pathOf(directory, name));
    }
  }
}

/** So many segments may be begun while a round takes older ones away. */
const MAX_WAITING = 8;

/** Takes the old segments of an open log away, one round after the other, while nobody waits. */
export class Retirement {
  readonly #retire: (firstLsn: number) => Promise<void>;
  #next: number | null = null;
  /** How many have been begun since the round that is under way. */
  #waiting = 0;
  #running: Promise<void> | null = null;

  /**
   * Begins with nothing to do.
   *
   * @param retire Takes away all segments before one. What it cannot take away now costs only space, and is
   *   taken away by a later round.
   */
  constructor(retire: (firstLsn: number) => Promise<void>) {
    this.#retire = retire;
  }

  /**
   * Has the segments before one taken away, in the next round.
   *
   * @param firstLsn Number of its first record; it is durable, restates everything, and is the newest.
   */
  before(firstLsn: number): void {
    this.#next = firstLsn;
    this.#waiting++;
    this.#running ??= this.#run();
  }

  /** Whether so many segments wait to be taken away that none should be added. */
  get isBehind(): boolean {
    return this.#waiting >= MAX_WAITING;
  }

  /** Resolves when nothing is left to do; never rejects. */
  async ended(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#next !== null) {
      const firstLsn = this.#next;
      this.#next = null;
      this.#waiting = 0;
      await this.#retire(firstLsn).catch(() => {});
    }
    this.#running = null;
  }
}
