/**
 * Frames that go to disk together: bodies are put one behind the other into the wasm core's memory,
 * then sealed with the numbers that are known only when they are written.
 *
 * @module
 */

import { FrameBuffer } from "./core.ts";
import { FRAME_HEADER_LENGTH, MAX_BODY_LENGTH } from "./format.ts";

const INITIAL_CAPACITY = 65_536;

/** A growing run of frames. Must be disposed of: its memory is not the garbage collector's. */
export class FrameBatch implements Disposable {
  readonly #buffer = new FrameBuffer(INITIAL_CAPACITY);
  readonly #bodyLengths: number[] = [];
  #length = 0;

  /** How many frames there are. */
  get count(): number {
    return this.#bodyLengths.length;
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
    const end = this.#length + FRAME_HEADER_LENGTH + body.length;
    // Asking the view rather than the core, which is a call into another language for each record.
    if (end > this.#buffer.bytes().length) {
      this.#buffer.reserve(Math.max(end, 2 * this.#buffer.capacity()));
    }
    this.#buffer.bytes().set(body, this.#length + FRAME_HEADER_LENGTH);
    this.#bodyLengths.push(body.length);
    this.#length = end;
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
    let offset = 0;
    let lsn = firstLsn;
    for (const bodyLength of this.#bodyLengths) {
      this.#buffer.seal(offset, bodyLength, lsn - synced, salt, lsn);
      offset += FRAME_HEADER_LENGTH + bodyLength;
      lsn++;
    }
    return this.#buffer.bytes().subarray(0, this.#length);
  }

  /** Takes all frames out. */
  clear(): void {
    this.#bodyLengths.length = 0;
    this.#length = 0;
  }

  /** Frees the memory. */
  [Symbol.dispose](): void {
    this.#buffer[Symbol.dispose]();
  }
}
