/**
 * The two streams that a command writes to. What is written is gathered into larger pieces, and a command
 * that writes much waits for each to be taken, so that no more than that is ever in memory. A reader
 * that goes away (`| head`) is no error: the rest is not written, and the command is told. A stream that fails
 * is one.
 *
 * @module
 */

const FULL = 65_536;

/** A stream that takes bytes, perhaps fewer than it is given. */
export interface ByteSink {
  /** Takes some of the bytes; resolves to how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** A stream of text. */
export class TextOutput {
  readonly #sink: ByteSink;
  readonly #encoder = new TextEncoder();
  #pending: string[] = [];
  #length = 0;
  #closed = false;

  /**
   * Begins with nothing written.
   *
   * @param sink Where it goes.
   */
  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** Whether the reader has gone away or the stream has failed; nothing need be written any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Takes text, to be written later.
   *
   * @param text The text, with its line breaks.
   */
  add(text: string): void {
    if (this.#closed) return;
    this.#pending.push(text);
    this.#length += text.length;
  }

  /**
   * Writes what there is if it is much; to be awaited where much is written.
   *
   * @throws {Error} As {@linkcode flush} does.
   */
  async relieve(): Promise<void> {
    if (this.#length >= FULL) await this.flush();
  }

  /**
   * Writes what there is.
   *
   * @throws {Error} If the stream fails, or does not take what it is given.
   */
  async flush(): Promise<void> {
    const bytes = this.#encoder.encode(this.#pending.join(""));
    this.#pending = [];
    this.#length = 0;
    try {
      for (let rest = bytes; rest.length > 0 && !this.#closed;) {
        rest = rest.subarray(await this.#write(rest));
      }
    } catch (cause) {
      this.#closed = true;
      if (cause instanceof Deno.errors.BrokenPipe) return;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`Cannot write the output: ${why}`, { cause });
    }
  }

  async #write(bytes: Uint8Array): Promise<number> {
    const count = await this.#sink.write(bytes);
    if (Number.isInteger(count) && count > 0 && count <= bytes.length) return count;
    throw new RangeError(`it took ${count} of ${bytes.length} bytes, it must take at least one`);
  }
}

/** Where a command writes to. */
export interface CommandOutput {
  /** What was asked for. */
  readonly out: TextOutput;
  /** What went wrong. */
  readonly error: TextOutput;
}
