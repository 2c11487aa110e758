/**
 * Has a file at hand for the next segment: one whose space is written and synced, so that beginning a segment
 * costs no more than writing its head, and syncing it later writes no metadata. (etcd's `file_pipeline.go` has the
 * same purpose.) Without a file at hand a segment begins in a growing one.
 *
 * An old segment (`left_segments.ts`) is taken as it is: nothing that it holds begins with the salt of its next
 * use. Where there is none, as at first, a new file is made and filled with zeros aside, where nobody waits. So a
 * log that uses its segments again goes on though its disk is full.
 *
 * @module
 */

import type { FileHandle } from "../platform/file_system.ts";
import type { Platform } from "../platform/platform.ts";
import { writeWholeAside } from "../platform/whole_file.ts";
import { type LeftSegment, LeftSegments } from "./left_segments.ts";
import { pathOf, UNFINISHED_SUFFIX } from "./segment_name.ts";

/**
 * Every piece is synced by itself, so that the disk never has more of it to do at once: one sync of a whole
 * file kept the commits' syncs waiting for 10 ms and more. Smaller pieces take longer than a busy log takes
 * to fill a segment.
 */
const PIECE = new Uint8Array(262_144);

/** How long nothing is prepared after a failure: a full disk must not be filled again by every commit. */
const REST_MS = 30_000;

/** A file whose space is written, open for writing at its beginning. */
export interface ReadyFile {
  /** Its path, with {@linkcode UNFINISHED_SUFFIX}. */
  readonly path: string;
  /** The file. */
  readonly file: FileHandle;
}

/** Makes the next file ahead of time. */
export class FilePipeline {
  readonly #platform: Platform;
  readonly #directory: string;
  readonly #length: number;
  #count = 0;
  /** A new file. */
  #ready: ReadyFile | null = null;
  #making: Promise<unknown> | null = null;
  #restUntil = 0;
  #closed = false;

  /** The segments that the writer has left, to be used again. */
  readonly left: LeftSegments;

  /**
   * Begins with nothing ready.
   *
   * @param platform The machine.
   * @param directory The log directory.
   * @param length Bytes in a file.
   */
  constructor(platform: Platform, directory: string, length: number) {
    this.#platform = platform;
    this.#directory = directory;
    this.#length = length;
    this.left = new LeftSegments(platform, directory, length, () => this.#nextPath());
  }

  /** Whether a file is at hand. */
  get isReady(): boolean {
    return this.#ready !== null || this.left.hasSpare;
  }

  /** Begins to make a file unless one is at hand or being made. Failing costs speed and nothing else. */
  prepare(): void {
    if (this.#closed || this.isReady || this.#making !== null) return;
    const { clock } = this.#platform;
    if (clock.elapsed() < this.#restUntil) return;
    this.#making = this.#make()
      .catch(() => this.#restUntil = clock.elapsed() + REST_MS)
      .then(() => this.#making = null);
  }

  /**
   * Takes the file that is at hand: a new one only if there is no other, since it can still be of use later.
   *
   * @returns The file, now the caller's; `null` if there is none.
   */
  take(): ReadyFile | null {
    const spare = this.left.next();
    if (spare !== null) return spare;
    const ready = this.#ready;
    this.#ready = null;
    return ready;
  }

  /**
   * Keeps a segment that the writer leaves, until it is taken away and used again.
   *
   * @param segment The segment; `null` if it cannot be used again.
   */
  keep(segment: LeftSegment | null): void {
    if (segment !== null) this.left.add(segment);
  }

  /** Waits for what is being made and removes it, and all that could be used again. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#making;
    await this.left.close();
    const ready = this.#ready;
    this.#ready = null;
    if (ready === null) return;
    ready.file.close();
    // What cannot be removed now is removed at the next opening.
    await this.#platform.fileSystem.remove(ready.path).catch(() => {});
  }

  async #make(): Promise<void> {
    const { fileSystem } = this.#platform;
    const path = this.#nextPath();
    const file = await fileSystem.open(path, "create-new");
    try {
      await this.#fill(file);
      file.rewind();
      this.#ready = { path, file };
    } catch (error) {
      file.close();
      await fileSystem.remove(path).catch(() => {});
      throw error;
    }
  }

  #nextPath(): string {
    return pathOf(this.#directory, `next-${this.#count++}${UNFINISHED_SUFFIX}`);
  }

  async #fill(file: FileHandle): Promise<void> {
    for (let rest = this.#length; rest > 0 && !this.#closed; rest -= PIECE.length) {
      await writeWholeAside(file, PIECE.subarray(0, rest));
    }
  }
}
