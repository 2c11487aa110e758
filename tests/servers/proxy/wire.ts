/**
 * How a proxy reads the conversation of one connection: which bytes of the client make a command,
 * and which bytes of the server answer it. What belongs together arrives in any number of pieces
 * and leaves whole.
 *
 * @module
 */

/** Bytes from the client that belong together. */
export interface ClientPiece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The command's text if the client waits for an answer after it; `null` if it does not. */
  readonly command: string | null;
}

/** Bytes from the server that belong together. */
export interface ServerPiece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Which of the connection's commands it answers, from 0; -1 before the first. */
  readonly command: number;
  /** Whether the command's answer is known with it. */
  readonly answers: boolean;
}

/** Reads one connection. */
export interface Wire {
  /** Takes what the client has sent, gives what is whole. */
  fromClient(bytes: Uint8Array): ClientPiece[];
  /** Takes what the server has sent, gives what is whole. */
  fromServer(bytes: Uint8Array): ServerPiece[];
}

/** Puts arrays together. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Cuts a stream into messages that say how long they are. */
export class Messages {
  #rest: Uint8Array<ArrayBuffer> = new Uint8Array();

  /**
   * Takes bytes and gives every message that is whole.
   *
   * @param bytes The next bytes of the stream.
   * @param lengthOf The whole length of the message at the beginning of the bytes, 0 if it cannot
   * be told yet.
   */
  *take(bytes: Uint8Array, lengthOf: (rest: DataView) => number): Generator<Uint8Array> {
    this.#rest = joined([this.#rest, bytes]);
    while (true) {
      const { buffer, byteOffset, byteLength } = this.#rest;
      const length = lengthOf(new DataView(buffer, byteOffset, byteLength));
      if (length === 0 || byteLength < length) return;
      const message = this.#rest.subarray(0, length);
      this.#rest = this.#rest.subarray(length);
      yield message;
    }
  }
}
