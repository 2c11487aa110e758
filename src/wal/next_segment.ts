/**
 * The segment that an open log goes over to next, made ready ahead of time (`segment_maker.ts`). There is at most
 * one; it is known from the moment when it is begun to be made, since from then on there may be a segment of that
 * number, and the one in use must not reach it.
 *
 * @module
 */

import type { FileSystem } from "../platform/file_system.ts";
import { pathOf, segmentName } from "./segment_name.ts";
import type { SegmentWriter } from "./segment_writer.ts";

/** The next segment of one open log. */
export class NextSegment {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  #firstLsn: number | null = null;
  #ready: SegmentWriter | null = null;
  #making: Promise<void> | null = null;

  /**
   * Begins with none.
   *
   * @param fileSystem Where it is.
   * @param directory The log directory.
   */
  constructor(fileSystem: FileSystem, directory: string) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
  }

  /** Number of its first record, once it was begun to be made, also if that failed; `null` before. */
  get firstLsn(): number | null {
    return this.#firstLsn;
  }

  /** Whether it is there to go over to. */
  get isReady(): boolean {
    return this.#ready !== null;
  }

  /** Whether it is being made. */
  get isMaking(): boolean {
    return this.#making !== null;
  }

  /**
   * Has it made while nobody waits. Failing costs speed and nothing else.
   *
   * @param firstLsn Number of its first record.
   * @param make Makes it.
   */
  make(firstLsn: number, make: () => Promise<SegmentWriter>): void {
    this.#firstLsn = firstLsn;
    this.#making = this.#make(firstLsn, make);
  }

  /**
   * Gives it to be begun.
   *
   * @returns The segment, now the caller's; `null` if it is not ready.
   */
  take(): SegmentWriter | null {
    const ready = this.#ready;
    this.#ready = null;
    return ready;
  }

  /** Forgets it, since the log has gone over to it or to a later one, with which it is taken away. */
  forget(): void {
    this.#firstLsn = null;
    this.take()?.close();
  }

  /** Waits for what is being made, and removes it: nothing was written to it. */
  async close(): Promise<void> {
    await this.#making;
    const ready = this.take();
    if (ready === null) return;
    ready.close();
    // Were it to come back after a power cut, it would still say that the one in use, or a later one, is the newest.
    const path = pathOf(this.#directory, segmentName(ready.firstLsn));
    await this.#fileSystem.remove(path).catch(() => {});
  }

  async #make(firstLsn: number, make: () => Promise<SegmentWriter>): Promise<void> {
    try {
      const segment = await make();
      if (this.#firstLsn === firstLsn) this.#ready = segment;
      else segment.close();
    } catch {
      // The segment in use is followed by one that is made when it is needed.
    }
    this.#making = null;
  }
}
