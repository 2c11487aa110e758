/**
 * Frames that go to disk together: bodies are put one behind the other into the wasm core's memory,
 * then sealed with the numbers that are known only when they are written.
 *
 * @module
 */

import { FrameBuffer } from "./core.ts";
import { MAX_BODY_LENGTH } from "./format.ts";

const INITIAL_CAPACITY = 65_536;

/** Frames that can be sealed. */
export interface FrameRun {
  /** How many there are. */
  readonly count: number;
  /** Seals them; see {@linkcode FrameBatch.seal}. */
  seal(salt: number, firstLsn: number, synced: number): Uint8Array;
}

/** A growing run of frames. Must be disposed of: its memory is not the garbage collector's. */
export class FrameBatch implements Disposable {
  readonly #buffer = new FrameBuffer(INITIAL_CAPACITY);
  #count = 0;
  #length = 0;

  /** How many frames there are. */
  get count(): number {
    return this.#count;
  }

  /** How many bytes there are. */
  get length(): number {
    return this.#length;
  }

  /**
   * Adds a frame.
   *
   * @param body Tag and payload.
   * @throws {RangeError} If the body is empty or longer than {@linkcode MAX_BODY_LENGTH}.
   */
  add(body: Uint8Array): void {
    if (body.length < 1 || body.length > MAX_BODY_LENGTH) {
      throw new RangeError(
        `Cannot add a frame: its body has ${body.length} bytes, ` +
          `it must have 1 to ${MAX_BODY_LENGTH}`,
      );
    }
    this.#length = this.#buffer.put(this.#length, body);
    this.#count++;
  }

  /**
   * Seals every frame for its place.
   *
   * @param salt The segment's salt.
   * @param firstLsn Number of the first frame's record.
   * @param synced How many records of the log are known to be synced at this moment.
   * @returns The bytes to write; valid until the batch is changed.
   */
  seal(salt: number, firstLsn: number, synced: number): Uint8Array {
    return this.#sealFirst(this.#count, salt, firstLsn, synced);
  }

  /**
   * Seals the first frames and takes them out.
   *
   * @param count How many, at most all.
   * @param salt The segment's salt.
   * @param firstLsn Number of the first frame's record.
   * @param synced How many records of the log are known to be synced at this moment.
   * @returns The bytes to write, the caller's.
   */
  takeFirst(count: number, salt: number, firstLsn: number, synced: number): Uint8Array {
    const bytes = this.#sealFirst(count, salt, firstLsn, synced).slice();
    this.#buffer.bytes().copyWithin(0, bytes.length, this.#length);
    this.#length -= bytes.length;
    this.#count -= count;
    return bytes;
  }

  #sealFirst(count: number, salt: number, firstLsn: number, synced: number): Uint8Array {
    const length = this.#buffer.seal(count, firstLsn - synced, salt, firstLsn);
    const { buffer, byteOffset } = this.#buffer.bytes();
    return new Uint8Array(buffer, byteOffset, length);
  }

  /** Takes all frames out. */
  clear(): void {
    this.#count = 0;
    this.#length = 0;
  }

  /** Frees the memory. */
  [Symbol.dispose](): void {
    this.#buffer[Symbol.dispose]();
  }
}
