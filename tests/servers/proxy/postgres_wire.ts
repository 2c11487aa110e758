/**
 * PostgreSQL's protocol, version 3, as far as a proxy must know it: a command is what ends with
 * Query, Sync or Flush, the startup included; its answer ends with ReadyForQuery, after a Flush
 * with the description.
 *
 * @module
 */

import { type ClientPiece, joined, Messages, type ServerPiece, type Wire } from "./wire.ts";

/** Codes in the place of a protocol version. */
const CANCEL = 80_877_102;
const ENCRYPTION = [80_877_103, 80_877_104];

/** What a command waits for. */
type Awaited = "ready" | "description";

/** Reads one connection to PostgreSQL. */
export class PostgresWire implements Wire {
  readonly #client = new Messages();
  readonly #server = new Messages();
  readonly #statements = new Map<string, string>();
  readonly #awaited: Awaited[] = [];
  #answered = 0;
  #started = false;
  #parts: Uint8Array[] = [];
  #texts: string[] = [];

  fromClient(bytes: Uint8Array): ClientPiece[] {
    const pieces: ClientPiece[] = [];
    for (const message of this.#client.take(bytes, (rest) => this.#lengthOf(rest))) {
      this.#parts.push(message);
      const command = this.#started ? this.#command(message) : this.#start(message);
      if (command === undefined) continue;
      pieces.push({ bytes: joined(this.#parts), command });
      this.#parts = [];
      this.#texts = [];
    }
    return pieces;
  }

  fromServer(bytes: Uint8Array): ServerPiece[] {
    const pieces: ServerPiece[] = [];
    for (const message of this.#server.take(bytes, lengthOfTyped)) {
      const command = this.#answered;
      const type = String.fromCharCode(message[0]!);
      const awaited = this.#awaited[command];
      const answers = type === "Z" || awaited === "description" && "TnE".includes(type);
      if (answers) this.#answered++;
      pieces.push({ bytes: joined([message]), command, answers });
    }
    return pieces;
  }

  /** The message that opens a connection has no letter before its length. */
  #lengthOf(rest: DataView): number {
    if (this.#started) return lengthOfTyped(rest);
    return rest.byteLength < 4 ? 0 : rest.getUint32(0);
  }

  #start(message: Uint8Array): string {
    const code = new DataView(message.buffer, message.byteOffset).getUint32(4);
    if (ENCRYPTION.includes(code)) {
      throw new TypeError("Cannot read an encrypted connection: connect without TLS");
    }
    this.#started = true;
    this.#awaited.push("ready");
    return code === CANCEL ? "(cancel)" : "(startup)";
  }

  /** What the client has asked with all since its last command; `undefined` while that goes on. */
  #command(message: Uint8Array): string | null | undefined {
    const [first = "", second = ""] = new TextDecoder().decode(message.subarray(5)).split("\0");
    switch (String.fromCharCode(message[0]!)) {
      case "Q":
        this.#awaited.push("ready");
        return first;
      case "P":
        this.#statements.set(first, second);
        this.#texts.push(second);
        return undefined;
      case "B":
        this.#texts.push(this.#statements.get(second) ?? "");
        return undefined;
      case "S":
        this.#awaited.push("ready");
        return [...new Set(this.#texts)].join("; ");
      case "H":
        this.#awaited.push("description");
        return `(describe) ${this.#texts.join("; ")}`;
      case "D":
      case "E":
      case "C":
        return undefined;
      default: // The end, a password, copied data: nothing that waits for an answer of its own.
        return null;
    }
  }
}

function lengthOfTyped(rest: DataView): number {
  return rest.byteLength < 5 ? 0 : 1 + rest.getUint32(1);
}
